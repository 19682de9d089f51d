#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "cli/tests/app_fixture.hpp"
#include "provisioning/site_document.hpp"

namespace alarmwire::cli {
namespace {

using provisioning::SiteDocument;
using provisioning::TicketIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string good_ticket(const std::string& endpoint = "192.0.2.1:51820") {
  provisioning::Ticket ticket;
  ticket.secret = tunnel::TicketSecret::random().value();
  ticket.centre.bytes.fill(7);
  ticket.prefix = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
  ticket.endpoints = {*tunnel::EndpointName::parse(endpoint)};
  return provisioning::format_ticket(ticket).value();
}

class SiteCommands : public AppTest {
 protected:
  // A centre that makes tickets for all sites but one; what it was asked stands in order in asks_.
  void open_centre(bool needs_dns = false) {
    server_->handle("ticket-create",
                    [this, needs_dns](const boost::json::object& request, auto responder) {
                      const std::string site(request.at("site").as_string());
                      const bool is_check = request.contains("only_check");
                      asks_.push_back((is_check ? "check " : "make ") + site);
                      if (site == "taken")
                        return responder->error("a box of receiver.toml has this id");
                      if (is_check)
                        return responder->result(boost::json::value{{"needs_dns", needs_dns}});
                      responder->result(boost::json::value{{"ticket", asks_.size()},
                                                           {"expires_us", 1'764'022'500'000'000},
                                                           {"text", good_ticket()}});
                    });
    server_->handle("ticket-revoke", [this](const boost::json::object& request, auto responder) {
      asks_.push_back("revoke " + boost::json::serialize(request.at("ticket")));
      responder->result(nullptr);
    });
  }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(file(name.c_str()), std::ios::binary) << bytes;
    return file(name.c_str());
  }
  std::string read(const std::string& name) const {
    std::ifstream in(file(name.c_str()), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  int make_many(const std::string& table, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"config", "make",        "--sites", write("sites.csv", table),
                                   "--out",  file("sticks")};
    words.insert(words.end(), more.begin(), more.end());
    return run_with_socket(words);
  }
  std::vector<std::string> asks_;
};

TEST_F(SiteCommands, OneDocumentIsMadeFromATicketWithoutADaemon) {
  const std::string ticket = write("t.txt", "\xef\xbb\xbf" + good_ticket() + "\r\n");
  EXPECT_EQ(
      run_bare({"config", "make", "--ticket-file", ticket, "--lan", "192.168.10.2/24", "--lan-vlan",
                "12", "--gateway", "192.168.10.1", "--dns", "192.168.10.1", "9.9.9.9", "--device",
                "gate=192.168.10.21", "--device", "roof=00:40:8C:12:34:56"}),
      0)
      << err_.str();
  const auto made = provisioning::parse_site_document(out_.str(), "made", TicketIs::required);
  ASSERT_TRUE(made) << made.error().diagnostics;
  EXPECT_EQ(made->network.lan, (provisioning::PortSettings{"192.168.10.2/24", 12}));
  EXPECT_THAT(made->network.dns, ElementsAre("192.168.10.1", "9.9.9.9"));
  EXPECT_EQ(made->devices.size(), 2U);
}

TEST_F(SiteCommands, OneDocumentIsNotMadeWithSettingsThatLeadNowhere) {
  const std::string ticket = write("t.txt", good_ticket("centre.example:51820"));
  EXPECT_EQ(run_bare({"config", "make", "--ticket-file", ticket, "--lan", "192.168.10.0/24",
                      "--lan-vlan", "5000"}),
            2);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("--lan: "), HasSubstr("--lan-vlan: ")));
  EXPECT_THAT(out_.str(), IsEmpty());
  EXPECT_EQ(run_bare({"config", "make", "--ticket-file", ticket, "--lan", "192.168.10.2/24",
                      "--gateway", "192.168.10.1"}),
            2);
  EXPECT_THAT(err_.str(), HasSubstr("--dns: is missing: the ticket names the centre by a name"));
  EXPECT_EQ(run_bare({"config", "make", "--ticket-file", ticket, "--device", "gate"}), 2);
  EXPECT_EQ(run_bare({"config", "make"}), 2);
  EXPECT_EQ(run_bare({"config", "make", "--lan", "dhcp"}), 2);
  EXPECT_EQ(run_bare({"config", "make", "--ticket-file", write("bad", "ALARMWIRE:1")}), 2);
}

TEST_F(SiteCommands, ATableGivesATicketAndADocumentASite) {
  open_centre();
  EXPECT_EQ(make_many("site;name;lan;devices\nsite-a;Süd;dhcp;gate=192.168.10.21\nsite-b;;;\n",
                      {"--expires", "12h"}),
            0)
      << err_.str();
  EXPECT_THAT(asks_, ElementsAre("check site-a", "check site-b", "make site-a", "make site-b"));
  const std::string text = read("sticks/site-a/alarmwire.toml");
  EXPECT_THAT(text, HasSubstr("box of site-a, Süd"));
  const auto made = provisioning::parse_site_document(text, "made", TicketIs::required);
  ASSERT_TRUE(made) << made.error().diagnostics;
  EXPECT_EQ(made->network.lan->address, "dhcp");
  EXPECT_EQ(made->devices.size(), 1U);
  struct stat facts {};
  ASSERT_EQ(::stat(file("sticks/site-b/alarmwire.toml").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U) << "a ticket is a secret";
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("site-a  " + file("sticks/site-a/alarmwire.toml")),
                                HasSubstr("ticket 4, expires 2025-11-")));
  EXPECT_THAT(out_.str(), Not(HasSubstr("ALARMWIRE:")));
}

TEST_F(SiteCommands, ABadRowStopsBeforeAnyTicketIsMade) {
  open_centre();
  EXPECT_EQ(make_many("site,lan\nsite-a,dhcp\nsite-b,192.168.1.0/24\nB,x\n"), 1);
  EXPECT_THAT(asks_, IsEmpty());
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("sites.csv:3:8: lan: \"192.168.1.0/24\" is the network"),
                                HasSubstr("sites.csv:4:1: site: "), HasSubstr("sites.csv:4:3: lan"),
                                HasSubstr("no ticket was made")));
}

TEST_F(SiteCommands, TheCentresNoComesBeforeAnyTicketIsMade) {
  open_centre(true);
  EXPECT_EQ(make_many("site,lan,gateway\na,192.168.1.2/24,192.168.1.1\ntaken,dhcp,\n"), 1);
  EXPECT_THAT(asks_, ElementsAre("check a", "check taken"));
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("sites.csv:2:1: dns: is missing"),
                                HasSubstr("sites.csv:3:1: a box of receiver.toml has this id")));
  EXPECT_FALSE(std::filesystem::exists(file("sticks")));
}

TEST_F(SiteCommands, WhatIsThereIsNeverReplaced) {
  open_centre();
  std::filesystem::create_directories(file("sticks/site-a"));
  write("sticks/site-a/alarmwire.toml", "kept");
  EXPECT_EQ(make_many("site\nsite-a\nsite-b\n"), 1);
  EXPECT_THAT(asks_, IsEmpty());
  EXPECT_THAT(err_.str(), HasSubstr("sites.csv:2:1: "));
  EXPECT_EQ(make_many("site\nsite-a\nsite-b\n", {"--skip-existing"}), 0) << err_.str();
  EXPECT_THAT(asks_, ElementsAre("check site-b", "make site-b"));
  EXPECT_EQ(read("sticks/site-a/alarmwire.toml"), "kept");
}

TEST_F(SiteCommands, ATicketWhoseDocumentCannotBeWrittenIsRevoked) {
  open_centre();
  std::filesystem::create_directories(file("sticks/b/alarmwire.toml.new"));
  EXPECT_EQ(make_many("site\na\nb\nc\n"), 1);
  EXPECT_THAT(asks_, ElementsAre("check a", "check b", "check c", "make a", "make b", "revoke 5"));
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("1 of 3 sites are done"), HasSubstr("--skip-existing")));
  std::ofstream(file("plain"));
  EXPECT_EQ(run_with_socket(
                {"config", "make", "--sites", write("s.csv", "site\nd\n"), "--out", file("plain")}),
            1);
  EXPECT_EQ(asks_.back(), "check d") << "a folder that cannot be is seen before";
}

}  // namespace
}  // namespace alarmwire::cli
