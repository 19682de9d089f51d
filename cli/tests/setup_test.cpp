#include "cli/setup.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "cli/checks.hpp"
#include "cli/tests/app_fixture.hpp"
#include "common/config.hpp"

namespace alarmwire::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string bytes_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Setup : public AppTest {
 protected:
  std::string answers_file(const std::string& text) const {
    std::ofstream(file("answers.toml")) << text;
    return file("answers.toml");
  }
  std::string good_answers() const {
    return answers_file(
        "[centre]\nendpoints = [\"centre.example.org\", \"192.0.2.1:443\"]\n"
        "private_key_file = \"" +
        file("tunnel/private.key") + "\"\nstate_directory = \"" + file("state") +
        "\"\n[ebues]\nhost = \"127.0.0.1\"\nport = 1\n");
  }
  int set_up(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"setup",     "--no-input", "--folder",
                                   file("etc"), "--config",   good_answers()};
    words.insert(words.end(), more.begin(), more.end());
    return run_bare(words);
  }
  std::string drop_in() const { return bytes_of(file("etc/receiver.d/10-setup.toml")); }
};

TEST_F(Setup, KeyRangeAndOneDropInAreMadeAndTheNextStepsNamed) {
  ASSERT_EQ(set_up(), 0) << err_.str();
  const std::string text = drop_in();
  EXPECT_THAT(text, HasSubstr("endpoints = [\"centre.example.org:51820\", \"192.0.2.1:443\"]"));
  EXPECT_THAT(text, HasSubstr("prefix = \"fd"));
  EXPECT_THAT(text, HasSubstr("host = \"127.0.0.1\"\nport = 1\ntls = \"none\"\n"));
  struct stat info {};
  ASSERT_EQ(::stat(file("tunnel/private.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_THAT(out_.str(), HasSubstr("alarmwire ticket create --site SITE"));
  EXPECT_THAT(out_.str(), HasSubstr("outlet ebues"));
  // What nobody listens to is told with what mends it.
  EXPECT_THAT(out_.str(), HasSubstr("127.0.0.1 port 1: connecting to 127.0.0.1 port 1"));
}

TEST_F(Setup, ASecondOneChangesNothingAndAnewKeepsKeyAndRange) {
  ASSERT_EQ(set_up(), 0) << err_.str();
  const std::string first = drop_in();
  const std::string key = bytes_of(file("tunnel/private.key"));
  EXPECT_EQ(set_up(), 1);
  EXPECT_THAT(err_.str(), HasSubstr("was set up before"));
  EXPECT_EQ(drop_in(), first);
  ASSERT_EQ(set_up({"--anew"}), 0) << err_.str();
  EXPECT_EQ(drop_in(), first) << "the range of an earlier setup stays";
  EXPECT_EQ(bytes_of(file("tunnel/private.key")), key);
}

TEST_F(Setup, WrongAnswersAreNamedByLineAndMakeNothing) {
  const std::string wrong = answers_file(
      "[centre]\nendpoints = [\"a b\"]\nlanguage = \"fr\"\n"
      "listen_prot = 1\n[ebues]\nport = 0\n");
  EXPECT_EQ(run_bare({"setup", "--config", wrong, "--folder", file("etc")}), 78);
  for (const char* const word : {":2:", "neither a host", ":3:", ":4:", "listen_port", ":6:"})
    EXPECT_THAT(err_.str(), HasSubstr(word));
  EXPECT_FALSE(std::filesystem::exists(file("etc")));
  EXPECT_EQ(run_bare({"setup", "--no-input", "--folder", file("etc")}), 2);
  EXPECT_FALSE(std::filesystem::exists(file("etc")));
}

TEST_F(Setup, QuestionsAreAskedAgainUntilTheAnswerFits) {
  std::istringstream in(
      "port\n70000\n51821\n\nbad host\ncentre.example.org\nrelative\n/data\nfr\nen\n"
      "ebues.example.org\nssl\nsmtps\n\nalarm\n\ntest@ebues.example.org\n");
  std::ostringstream out;
  const Result<Answers> answers = ask_for_answers(in, out);
  ASSERT_TRUE(answers.has_value()) << answers.error().diagnostics;
  EXPECT_EQ(answers->endpoints, std::vector<std::string>{"centre.example.org:51821"});
  EXPECT_EQ(answers->state_directory, "/data");
  EXPECT_EQ(answers->language, "en");
  EXPECT_EQ(answers->ebues_port, 465);
  EXPECT_EQ(answers->ebues_username, "alarm");
  EXPECT_EQ(answers->ebues_password_file, "/etc/alarmwire/ebues.password");
  EXPECT_THAT(out.str(), HasSubstr("one of none, starttls, smtps"));
  EXPECT_THAT(drop_in_of(*answers), HasSubstr("test_address = \"test@ebues.example.org\""));
}

TEST_F(Setup, AnswersThatEndTooEarlyMakeNothing) {
  for (const char* const text : {"", "51820\n", "51820\ncentre\n/data\n"}) {
    std::istringstream in(text);
    std::ostringstream out;
    EXPECT_TRUE(ask_for_answers(in, out).has_error()) << text;
  }
}

TEST_F(Setup, HostileAnswersStayText) {
  Answers answers;
  answers.prefix = "fd12:3456:789a::/48";
  answers.endpoints = {"a:1"};
  answers.hostname = "x\"\n[evil]\nkey = \"1";
  answers.ebues_host = "back\\slash";
  auto reader = config::parse(drop_in_of(answers), "drop-in");
  ASSERT_TRUE(reader.has_value()) << reader.error().diagnostics;
  config::Table root = reader->root();
  EXPECT_EQ(root.table("receiver").string("hostname", ""), answers.hostname);
  EXPECT_EQ(root.tables("outlet").at(0).string("host", ""), "back\\slash");
  EXPECT_FALSE(root.has("evil"));
}

TEST_F(Setup, DoctorSaysWhatIsBadAndHowToMendIt) {
  EXPECT_EQ(run_bare({"doctor", "--config", file("none.toml")}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("bad   configuration"));
  EXPECT_THAT(out_.str(), HasSubstr("-> alarmwire setup"));
  ASSERT_EQ(set_up(), 0) << err_.str();
  EXPECT_EQ(run_bare({"doctor", "--json", "--config", file("etc/receiver.toml")}), 1);
  const auto result = boost::json::parse(out_.str()).as_object();
  EXPECT_EQ(result.at("schema"), "doctor/1");
  EXPECT_EQ(result.at("verdict"), "bad");
  std::vector<std::string> about;
  for (const auto& check : result.at("checks").as_array()) {
    about.emplace_back(check.at("about").as_string());
    const bool good = check.at("verdict") == "good";
    EXPECT_EQ(check.at("advice").as_string().empty(), good) << check.at("about");
  }
  EXPECT_THAT(about, ::testing::IsSupersetOf({"clock", "wireguard", "ledger", "alarmwire-tunnel",
                                              "alarmwire-receiver", "outlet ebues"}));
}

TEST(Checks, ADiskIsJudgedByWhatIsFreeAndWhetherItCanBeWritten) {
  constexpr std::uint64_t gib = 1ull << 30;
  EXPECT_EQ(judge_disk("spool", "/x", 0.5, gib, false).verdict, Verdict::good);
  EXPECT_EQ(judge_disk("spool", "/x", 0.8, gib, false).verdict, Verdict::note);
  EXPECT_EQ(judge_disk("spool", "/x", 0.1, disk_free_least_bytes - 1, false).verdict, Verdict::bad);
  EXPECT_EQ(judge_disk("spool", "/x", 0.1, gib, true).verdict, Verdict::bad);
}

TEST(Checks, TheWorstDecides) {
  EXPECT_EQ(worst_of({}), Verdict::good);
  EXPECT_EQ(worst_of({{"a", Verdict::note, "", ""}, {"b", Verdict::good, "", ""}}), Verdict::note);
  EXPECT_EQ(exit_code_of(Verdict::good), 0);
  EXPECT_EQ(exit_code_of(Verdict::note), 3);
  EXPECT_EQ(exit_code_of(Verdict::bad), 1);
}

}  // namespace
}  // namespace alarmwire::cli
