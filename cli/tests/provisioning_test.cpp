#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "cli/tests/app_fixture.hpp"
#include "provisioning/qr/qr_code.hpp"
#include "provisioning/qr/qr_photo.hpp"
#include "provisioning/ticket.hpp"

namespace alarmwire::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string good_ticket() {
  provisioning::Ticket ticket;
  ticket.secret = tunnel::TicketSecret::random().value();
  ticket.centre.bytes.fill(7);
  ticket.prefix = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
  ticket.endpoints = {*tunnel::EndpointName::parse("192.0.2.1:51820")};
  return provisioning::format_ticket(ticket).value();
}

class ProvisioningCommands : public AppTest {
 protected:
  void stream(std::vector<std::string> states, bool ends = true) {
    server_->handle("enrol", [this, states = std::move(states), ends](
                                 const boost::json::object& request, auto responder) {
      asked_ = boost::json::serialize(request);
      for (const std::string& state : states) responder->item(boost::json::parse(state));
      if (ends) responder->result(nullptr);
    });
  }
  std::string write(const char* name, const std::string& bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
    return file(name);
  }
};

TEST_F(ProvisioningCommands, AFreshTicketIsShownOnceAsTextAndCodeAndPicture) {
  const std::string text = good_ticket();
  answer("ticket-create", ("{\"ticket\":3,\"site\":\"site-a\",\"name\":\"Werk\",\"state\":"
                           "\"issued\",\"approve\":\"auto\",\"expires_us\":1,\"text\":\"" +
                           text + "\"}")
                              .c_str());
  EXPECT_EQ(run_with_socket({"ticket", "create", "--site", "site-a", "--expires", "12h", "--png",
                             file("t.png"), "--label-pdf", file("t.pdf")}),
            0);
  EXPECT_THAT(out_.str(), HasSubstr(text));
  EXPECT_THAT(out_.str(), HasSubstr("▀"));
  EXPECT_THAT(asked_, HasSubstr(R"("expires_s":43200)"));
  EXPECT_THAT(asked_, HasSubstr(R"("by":")"));
  std::ifstream png(file("t.png"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(png), {}};
  EXPECT_EQ(qr::read_photo(bytes).value(), text);
  struct stat info {};
  ASSERT_EQ(::stat(file("t.png").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U) << "a ticket is a secret";
  std::string head(5, '\0');
  std::ifstream(file("t.pdf"), std::ios::binary).read(head.data(), 5);
  EXPECT_EQ(head, "%PDF-") << "what stands on it: provisioning/qr/tests";
  ASSERT_EQ(::stat(file("t.pdf").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(ProvisioningCommands, AnUnclearTimeIsAUsageError) {
  for (const char* const time : {"7", "7w", "-1d", "d", "0h"})
    EXPECT_EQ(run_with_socket({"ticket", "create", "--site", "a", "--expires", time}), 2) << time;
}

TEST_F(ProvisioningCommands, ListsWhoWaitsWithTheSixWords) {
  answer("boxes", R"({"boxes":[{"id":"site-a","verdict":"green"}]})");
  answer("enrolled", R"({"boxes":[{"id":"site-b","state":"pending","words":"a b c d e f"},
                                  {"id":"site-a","state":"approved","words":"x"}]})");
  EXPECT_EQ(run_with_socket({"box", "list"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("a b c d e f"));
  EXPECT_EQ(run_with_socket({"--json", "box", "list"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr(R"("enrolled":[{"id":"site-b")"));
}

TEST_F(ProvisioningCommands, EnrolsByAFileAndByAPhoto) {
  const std::string text = good_ticket();
  stream({R"({"step":"network","text":"no answer","advice":"a firewall?","words":"a b c d e f"})",
          R"({"step":"done","text":"alarms reach the centre","words":"a b c d e f"})"});
  EXPECT_EQ(run_with_socket({"enrol", "--ticket-file", write("ticket.txt", text + "\n")}), 0);
  EXPECT_EQ(out_.str(),
            "words     a b c d e f\nnetwork   no answer\n          a firewall?\n"
            "done      alarms reach the centre\n");
  const std::string photo = qr::to_png(qr::encode(text).value()).value();
  EXPECT_EQ(run_with_socket({"enrol", "--qr", write("photo.png", photo)}), 0);
  EXPECT_THAT(asked_, HasSubstr(text));
}

TEST_F(ProvisioningCommands, ARefusalExits1AndABrokenStream4) {
  const std::string path = write("ticket.txt", good_ticket());
  stream({R"({"step":"refused","text":"the ticket has expired"})"});
  EXPECT_EQ(run_with_socket({"enrol", "--ticket-file", path}), 1);
  stream({R"({"step":"network","text":"no answer"})"});
  EXPECT_EQ(run_with_socket({"enrol", "--ticket-file", path}), 4);
  EXPECT_THAT(err_.str(), HasSubstr("goes on by itself"));
}

TEST_F(ProvisioningCommands, ABadTicketNeverReachesTheDaemonNorTheTerminal) {
  std::string text = good_ticket();
  text[20] = text[20] == 'A' ? 'B' : 'A';
  stream({});
  EXPECT_EQ(run_with_socket({"enrol", "--ticket-file", write("ticket.txt", text)}), 1);
  EXPECT_EQ(asked_, "");
  EXPECT_THAT(err_.str(), HasSubstr("wrong character"));
  EXPECT_THAT(err_.str(), Not(HasSubstr(text.substr(20, 10))));
  EXPECT_EQ(run_with_socket({"enrol", "--qr", write("no.png", "no picture")}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("neither a PNG nor a JPEG"));
}

class AuditCommands : public ProvisioningCommands {
 protected:
  AuditCommands() {
    server_->handle("journal", [](const boost::json::object& request, auto responder) {
      const bool is_first = request.at("after").to_number<int>() == 0;
      responder->result(boost::json::parse(
          is_first ? R"({"journal":[{"number":1,"time_us":1800000000000000,"who":"anna, \"A\"",
                        "what":"box revoked","about":"box site-a","before":"approved",
                        "after":"revoked","chain":"0f"}]})"
                   : R"({"journal":[]})"));
    });
  }
  void check(const char* first_broken) {
    answer("journal-check", (std::string(R"({"lines":1,"unchained":0,"head":"0f",)") +
                             R"("first_broken":)" + first_broken + "}")
                                .c_str());
  }
};

TEST_F(AuditCommands, ExportsEveryLineAsCsvAndSaysWhetherTheChainHolds) {
  check("0");
  EXPECT_EQ(run_with_socket({"audit", "export"}), 0);
  EXPECT_EQ(out_.str(),
            "number,time,who,what,about,old,new,chain\r\n"
            "1,2027-01-15T08:00:00.000Z,\"anna, \"\"A\"\"\",box revoked,box site-a,approved,"
            "revoked,0f\r\n");
  EXPECT_THAT(err_.str(), HasSubstr("1 lines, each as it was written"));
  EXPECT_EQ(run_with_socket({"audit", "export", "--out", file("audit.csv")}), 0);
  EXPECT_EQ(out_.str(), "");
  std::ifstream written(file("audit.csv"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(written), {}};
  EXPECT_THAT(bytes, HasSubstr("site-a"));
  EXPECT_EQ(run_with_socket({"--json", "audit", "export"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr(R"("schema":"audit/1")"));
}

TEST_F(AuditCommands, ABrokenChainIsAFailure) {
  check("1");
  EXPECT_EQ(run_with_socket({"audit", "check"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("line 1 is not as it was written"));
  EXPECT_EQ(run_with_socket({"audit", "export"}), 1);
  EXPECT_EQ(run_with_socket({"audit", "list"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("approved -> revoked"));
}

}  // namespace
}  // namespace alarmwire::cli
