#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>
#include <vector>

#include "cli/tests/app_fixture.hpp"
#include "common/base64.hpp"

namespace alarmwire::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(AppTest, StatusExitsByTheVerdict) {
  answer("status", R"({"role":"edge","verdict":"green"})");
  EXPECT_EQ(run_with_socket({"status"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("Box       green\n"));
}

TEST_F(AppTest, StatusExits3WhenDegraded) {
  answer("status", R"({"role":"receiver","verdict":"amber"})");
  EXPECT_EQ(run_with_socket({"status", "--json"}), 3);
  EXPECT_EQ(out_.str(), R"({"schema":"status/1","role":"receiver","verdict":"amber"})"
                        "\n");
}

TEST_F(AppTest, Exits4WhenTheDaemonCannotBeReached) {
  EXPECT_EQ(run_bare({"status", "--socket", file("nobody.sock")}), 4);
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("nobody.sock"));
}

TEST_F(AppTest, Exits1WhenTheDaemonSaysNo) {
  server_->handle("trace", [](const auto&, auto responder) { responder->error("no such alarm"); });
  EXPECT_EQ(run_with_socket({"alarm", "trace", "x"}), 1);
  EXPECT_EQ(err_.str(), "error: no such alarm\n");
}

// What a script reads of a failure: one object on stderr, nothing on stdout.
TEST_F(AppTest, WithJsonEveryFailureIsOneObjectOnStderr) {
  server_->handle("trace", [](const auto&, auto responder) { responder->error("no such alarm"); });
  server_->handle("tail", [](const auto&, auto responder) { responder->item({{"id", "1"}}); });
  const std::string nobody = file("nobody.sock");
  struct Case {
    std::vector<std::string> words;
    int exit_code;
    std::string error;
  };
  const std::vector<Case> cases{
      {{"alarm", "trace", "x", "--json", "--socket", socket_}, 1, "no such alarm"},
      {{"--json", "status", "--socket", nobody}, 4, nobody},
      {{"alrm", "list", "--json"}, 2, "did you mean alarm?"},
      {{"--json", "alarm", "show"}, 2, "ID"},
      {{"ticket", "create", "--site", "a", "--expires", "soon", "--json"}, 2, "--expires"},
      {{"--json", "key", "public", file("none")}, 1, "none"},
      {{"--json", "config", "check", "/tmp/some.toml"}, 2, "--for"},
      {{"--json", "enrol", "--ticket-file", file("none")}, 1, "none"}};
  for (const Case& each : cases) {
    EXPECT_EQ(run_bare(each.words), each.exit_code) << each.words.at(1);
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(std::ranges::count(err_.str(), '\n'), 1) << err_.str();
    const boost::json::value said = boost::json::parse(err_.str());
    EXPECT_EQ(said.at("schema").as_string(), "error/1");
    EXPECT_EQ(said.at("exit_code").as_int64(), each.exit_code);
    EXPECT_THAT(std::string(said.at("error").as_string()), HasSubstr(each.error));
  }
  EXPECT_EQ(run_with_socket({"alarm", "tail", "--json"}), 4);  // what came before stays
  EXPECT_THAT(err_.str(), StartsWith(R"({"schema":"error/1","error":"the daemon has ended)"));
}

TEST_F(AppTest, TakesTheSocketFromTheEnvironment) {
  answer("devices", R"({"devices":[{"name":"cam-1","accepted":5}]})");
  ::setenv("ALARMWIRE_SOCKET", socket_.c_str(), 1);
  EXPECT_EQ(run_bare({"device", "list"}), 0);
  ::unsetenv("ALARMWIRE_SOCKET");
  EXPECT_THAT(out_.str(), HasSubstr("cam-1"));
}

TEST_F(AppTest, UsageErrorsExit2AndSuggestTheWordMeant) {
  EXPECT_EQ(run_bare({}), 2);
  EXPECT_EQ(run_bare({"alrm", "list"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("no such command: alrm, did you mean alarm?"));
  EXPECT_EQ(run_bare({"alarm", "lst"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("did you mean list?"));
  EXPECT_EQ(run_bare({"alarm", "show"}), 2);
  EXPECT_EQ(run_bare({"alarm", "list", "--limit", "0"}), 2);
  EXPECT_EQ(run_bare({"status", "--nonsense"}), 2);
}

TEST_F(AppTest, HelpAndVersionExit0) {
  EXPECT_EQ(run_bare({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("outlet"));
  EXPECT_EQ(run_bare({"--version"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("alarmwire "));
}

TEST_F(AppTest, AlarmListPassesItsFilterOn) {
  answer("alarms", R"({"alarms":[{"id":"0192","box":"b","kind":"mail","lane":"live",
    "device":"cam-1","size":2048,"accepted_us":1795493700000000,"to":["a@b.internal"],
    "state":"handed over","hand_over":{"ebues":{"state":"taken"}}}]})");
  EXPECT_EQ(run_with_socket({"alarm", "list", "--box", "b", "--limit", "5", "--waiting"}), 0);
  EXPECT_EQ(asked_, R"({"command":"alarms","limit":5,"box":"b","waiting":true})");
  EXPECT_THAT(out_.str(), HasSubstr("handed over"));
  EXPECT_THAT(out_.str(), HasSubstr("a@b.internal"));
}

TEST_F(AppTest, AlarmShowHasTheMailsHeaderOnly) {
  answer("alarm", R"({"id":"0192","kind":"mail","size":30,"device":"cam-1","stages":[]})");
  answer("alarm-body",
         boost::json::serialize(
             boost::json::object{{"data_base64", to_base64("Subject: Tor 3\r\n\r\nthe body")}})
             .c_str());
  EXPECT_EQ(run_with_socket({"alarm", "show", "0192"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("Subject: Tor 3"));
  EXPECT_THAT(out_.str(), ::testing::Not(HasSubstr("the body")));
}

TEST_F(AppTest, RawBytesAreWrittenAsTheyWere) {
  std::string raw(700'000, '\0');
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<char>(i * 7 % 256);
  server_->handle("alarm-body", [&raw](const boost::json::object& request, auto responder) {
    const auto offset = request.at("offset").to_number<std::size_t>();
    responder->result(
        {{"data_base64", to_base64(raw.substr(offset, 65536))}, {"size", raw.size()}});
  });
  EXPECT_EQ(run_with_socket({"alarm", "show", "0192", "--raw"}), 0);
  EXPECT_TRUE(out_.str() == raw);
}

TEST_F(AppTest, TailWritesOneObjectALine) {
  server_->handle("tail", [](const auto&, auto responder) {
    responder->item({{"id", "1"}});
    responder->item({{"id", "2"}});
  });
  EXPECT_EQ(run_with_socket({"--json", "alarm", "tail"}), 4);  // the daemon ended it
  EXPECT_EQ(out_.str(),
            "{\"schema\":\"alarm/1\",\"id\":\"1\"}\n{\"schema\":\"alarm/1\",\"id\":\"2\"}\n");
}

TEST_F(AppTest, OutletsAreTestedAndRetried) {
  answer("outlet-test", R"({"reply":"250 ok"})");
  answer("outlet-retry", R"({"retried":3})");
  EXPECT_EQ(run_with_socket({"outlet", "test", "ebues"}), 0);
  EXPECT_EQ(out_.str(), "test mail taken: 250 ok\n");
  EXPECT_EQ(run_with_socket({"outlet", "retry", "ebues", "--box", "site-a"}), 0);
  EXPECT_EQ(asked_, R"({"command":"outlet-retry","name":"ebues","box":"site-a"})");
  EXPECT_EQ(out_.str(), "3 waiting again\n");
}

TEST_F(AppTest, WhatAMissingOutletLeftBehindIsGivenUp) {
  answer("outlet-drop", R"({"dropped":3})");
  EXPECT_EQ(run_with_socket({"outlet", "drop"}), 2);
  EXPECT_EQ(run_with_socket({"outlet", "drop", "old"}), 0);
  EXPECT_EQ(asked_, R"({"command":"outlet-drop","name":"old"})");
  EXPECT_EQ(out_.str(), "3 given up at this outlet; the alarms stay in the ledger\n");
}

TEST_F(AppTest, TheBoxsAuthorityIsWrittenAsPemOrDer) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\nAAEC\n/w==\n-----END CERTIFICATE-----\n";
  answer(
      "certificate",
      R"({"available":true,"own_authority":true,"names":["edge.internal"],"ca_fingerprint":"12ab",
             "ca_pem":"-----BEGIN CERTIFICATE-----\nAAEC\n/w==\n-----END CERTIFICATE-----\n"})");
  EXPECT_EQ(run_with_socket({"certificate", "export"}), 0);
  EXPECT_EQ(out_.str(), pem);
  EXPECT_EQ(run_with_socket({"certificate", "export", "--der", "--out", file("ca.der")}), 0);
  std::ifstream written(file("ca.der"), std::ios::binary);
  const std::string der{std::istreambuf_iterator<char>(written), {}};
  EXPECT_EQ(der, std::string("\0\1\2\xff", 4));
  EXPECT_THAT(err_.str(), HasSubstr("12ab"));
  EXPECT_EQ(run_with_socket({"certificate", "show"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("edge.internal"));
}

TEST_F(AppTest, WithoutAnAuthorityOfItsOwnThereIsNothingToExport) {
  answer("certificate", R"({"available":true,"own_authority":false,"ca_pem":""})");
  EXPECT_EQ(run_with_socket({"certificate", "export", "--der", "--out", file("ca.der")}), 1);
  EXPECT_FALSE(std::filesystem::exists(file("ca.der")));
}

TEST_F(AppTest, AKeyIsMadeOnceAndNeverShown) {
  const std::string key = file("tunnel.key");
  ASSERT_EQ(run_bare({"key", "generate", "--out", key}), 0);
  const std::string public_key = out_.str();
  EXPECT_EQ(public_key.size(), 45u);
  struct stat status {};
  ASSERT_EQ(::stat(key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  std::string secret;
  std::getline(std::ifstream(key), secret);
  EXPECT_EQ(secret.size(), 44u);
  EXPECT_EQ((out_.str() + err_.str()).find(secret), std::string::npos);
  EXPECT_EQ(run_bare({"key", "generate", "--out", key}), 1);
  EXPECT_EQ(run_bare({"key", "public", key}), 0);
  EXPECT_EQ(out_.str(), public_key);
}

TEST_F(AppTest, AnAddressComesFromPrefixAndKey) {
  ASSERT_EQ(run_bare({"key", "prefix", "--json"}), 0);
  const std::string prefix = boost::json::parse(out_.str()).at("prefix").as_string().c_str();
  ASSERT_EQ(run_bare({"key", "generate", "--out", file("k")}), 0);
  const std::string public_key = out_.str().substr(0, 44);
  EXPECT_EQ(run_bare({"key", "address", "--prefix", prefix, public_key}), 0);
  EXPECT_THAT(out_.str(), StartsWith("fd"));
  EXPECT_EQ(run_bare({"key", "address", "--prefix", "2001:db8::/32", public_key}), 2);
  EXPECT_EQ(run_bare({"key", "address", "--prefix", prefix, "nonsense"}), 2);
}

TEST_F(AppTest, ConfigCheckAsksWhoseFileItIs) {
  EXPECT_EQ(run_bare({"config", "check", "/tmp/some.toml"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--for"));
}

// Runs in a thread of its own until it was asked often enough, then gets a Ctrl-C.
class WatchTest : public AppTest {
 protected:
  int watch_three_times(const std::vector<std::string>& words) {
    server_->handle("status", [this](const boost::json::object&, auto responder) {
      responder->result(boost::json::parse(R"({"role": "edge", "verdict": "amber"})"));
      if (++asked_times_ == 3) ::pthread_kill(watcher_.native_handle(), SIGINT);
    });
    std::promise<void> may_run;
    int exit_code = -1;
    watcher_ = std::thread([&, gate = may_run.get_future()]() mutable {
      gate.wait();  // until watcher_ is this thread
      exit_code = run_with_socket(words);
    });
    may_run.set_value();
    watcher_.join();
    return exit_code;
  }
  std::size_t lines() const {
    const std::string text = out_.str();
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  std::thread watcher_;
  std::atomic<int> asked_times_{0};
};

TEST_F(WatchTest, ends_well_by_ctrl_c_and_appends_pages_where_there_is_no_terminal) {
  EXPECT_EQ(watch_three_times({"status", "--watch"}), 0);
  EXPECT_EQ(out_.str().find('\x1b'), std::string::npos);
  std::size_t pages = 0;
  for (std::size_t at = 0; (at = out_.str().find("Box ", at)) != std::string::npos; ++at) ++pages;
  EXPECT_EQ(pages, 3u);
}

TEST_F(WatchTest, json_is_one_object_a_line) {
  EXPECT_EQ(watch_three_times({"status", "--watch", "--json"}), 0);
  EXPECT_EQ(lines(), 3u);
  std::istringstream text(out_.str());
  for (std::string line; std::getline(text, line);)
    EXPECT_EQ(boost::json::parse(line).at("schema"), "status/1");
}

}  // namespace
}  // namespace alarmwire::cli
