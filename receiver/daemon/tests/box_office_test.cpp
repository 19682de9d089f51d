// The office with its real book, against a control socket without a socket and a tunnel that takes
// or refuses peers as told.
#include "receiver/daemon/box_office.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <thread>

#include "common/tests/fake_control.hpp"
#include "provisioning/ticket.hpp"

namespace alarmwire::receiver {
namespace {

using ::testing::HasSubstr;

class BoxOfficeTest : public ::testing::Test {
 protected:
  BoxOfficeTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    centre_.bytes.fill(9);
    open();
  }
  ~BoxOfficeTest() override {
    office_.reset();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    BoxOfficeEvents events;
    events.on_boxes = [this](std::vector<provisioning::BoxRow> boxes) {
      boxes_ = std::move(boxes);
    };
    events.on_peers = [this](boost::json::array peers, std::function<void(const Status&)> done) {
      peers_ = std::move(peers);
      if (done) done(tunnel_);
    };
    events.on_key_taken = [this](const BoxId& box, const std::string&) { taken_.push_back(box); };
    events.on_place_taken = [this](const BoxId& box) { over_.push_back(box + " replaced"); };
    events.on_key_change_over = [this](const BoxId& box, bool changed) {
      over_.push_back(box + (changed ? " changed" : " failed"));
    };
    events.on_reuse = [](const std::string&, const std::string&) {};
    events.why_not = [](const BoxId& id) {
      return id == "configured" ? std::string("it stands in the configuration") : std::string();
    };
    office_ =
        std::make_unique<BoxOffice>(context_, folder_ + "/boxes.db", prefix_, std::move(events));
    ASSERT_TRUE(office_->open());
    office_->install(server_);
    ProvisioningConfig config;
    config.endpoints = {*tunnel::EndpointName::parse("centre.example:51820")};
    config.ticket_expires = ticket_expires_default;
    office_->configure(config);
  }
  // The answer: {"result": …} or {"error": …}.
  boost::json::object ask(const std::string& command, boost::json::object request = {}) {
    const auto client = server_.ask(command, request);
    context_.restart();
    std::thread runs([this] {
      const auto work = boost::asio::make_work_guard(context_);
      context_.run();
    });
    const boost::json::object answer = client->answer();
    context_.stop();
    runs.join();
    context_.restart();
    context_.poll();  // an answer may overtake what was posted before it
    return answer;
  }
  std::string error(const std::string& command, boost::json::object request = {}) {
    const boost::json::object answer = ask(command, std::move(request));
    return answer.contains("error") ? std::string(answer.at("error").as_string()) : "";
  }
  boost::json::object create(const std::string& site, boost::json::object more = {}) {
    more["site"] = site;
    more["by"] = "anna";
    const boost::json::object answer = ask("ticket-create", std::move(more));
    EXPECT_TRUE(answer.contains("result")) << boost::json::serialize(answer);
    return answer.at("result").as_object();
  }

  const std::string folder_ = ::testing::TempDir() + "box_office_" + std::to_string(::getpid());
  const tunnel::Prefix prefix_ = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
  tunnel::PublicKey centre_;
  boost::asio::io_context context_{1};
  control::FakeServer server_;
  std::vector<provisioning::BoxRow> boxes_;
  boost::json::array peers_;
  std::vector<std::string> taken_;
  std::vector<std::string> over_;
  Status tunnel_;
  std::unique_ptr<BoxOffice> office_;
};

TEST_F(BoxOfficeTest, ATicketLeadsToThisCentreAndItsPeerIsLetIn) {
  EXPECT_THAT(error("ticket-create", {{"site", "site-a"}}), HasSubstr("alarmwire-tunnel"));
  office_->know_centre(centre_);
  const boost::json::object made = create("site-a", {{"name", "Werk Süd"}});
  const auto ticket = provisioning::parse_ticket(std::string(made.at("text").as_string())).value();
  EXPECT_EQ(ticket.centre, centre_);
  EXPECT_EQ(ticket.prefix, prefix_);
  EXPECT_EQ(ticket.endpoints.front().to_string(), "centre.example:51820");
  ASSERT_EQ(peers_.size(), 1U);
  const tunnel::BootstrapKeys keys = tunnel::derive_bootstrap(ticket.secret).value();
  EXPECT_EQ(peers_[0].at("public_key").as_string(), keys.public_key.to_string());
  EXPECT_TRUE(peers_[0].at("bootstrap").as_bool());
  const std::string again = boost::json::serialize(ask("ticket", {{"ticket", 1}}));
  EXPECT_EQ(again.find("ALARMWIRE"), std::string::npos) << "shown once";
  EXPECT_THAT(again, HasSubstr("Werk"));
}

TEST_F(BoxOfficeTest, RefusesWhatMakesNoSense) {
  office_->know_centre(centre_);
  EXPECT_THAT(error("ticket-create", {{"site", "configured"}}), HasSubstr("configuration"));
  EXPECT_THAT(error("ticket-create", {{"site", "Not An Id"}}), HasSubstr("no box id"));
  EXPECT_THAT(error("ticket-create", {{"site", "a"}, {"approve", "maybe"}}), HasSubstr("manual"));
  EXPECT_THAT(error("ticket-create", {{"site", "a"}, {"expires_s", 0}}), HasSubstr("365 days"));
  EXPECT_THAT(error("ticket-create", {{"site", "a"}, {"endpoints", {"nonsense"}}}),
              HasSubstr("host:port"));
  EXPECT_THAT(error("ticket", {{"ticket", 7}}), HasSubstr("no ticket 7"));
  EXPECT_THAT(error("box-approve", {{"box", "nobody"}}), HasSubstr("no box 'nobody'"));
}

TEST_F(BoxOfficeTest, AskedOnlyWhetherItMakesATicketOnlySaysSo) {
  office_->know_centre(centre_);
  const boost::json::object says = create("site-a", {{"only_check", true}});
  EXPECT_TRUE(says.at("needs_dns").as_bool()) << "its endpoint is a name";
  EXPECT_FALSE(says.contains("text"));
  const boost::json::object other =
      create("site-a", {{"only_check", true}, {"endpoints", {"192.0.2.1:51820"}}});
  EXPECT_FALSE(other.at("needs_dns").as_bool());
  EXPECT_THAT(error("ticket-create", {{"site", "configured"}, {"only_check", true}}),
              HasSubstr("configuration"));
  const boost::json::object listed = ask("tickets").at("result").as_object();
  EXPECT_TRUE(listed.at("tickets").as_array().empty());
  EXPECT_TRUE(peers_.empty());
}

TEST_F(BoxOfficeTest, ATunnelThatTakesNoPeersIsSaidSo) {
  office_->know_centre(centre_);
  tunnel_ = Failure(Errc::full, "too many peers");
  EXPECT_THAT(error("ticket-create", {{"site", "site-a"}}), HasSubstr("too many peers"));
}

TEST_F(BoxOfficeTest, EverythingIsThereAfterARestart) {
  office_->know_centre(centre_);
  create("site-a");
  office_.reset();
  peers_.clear();
  open();
  EXPECT_THAT(boost::json::serialize(ask("tickets")), HasSubstr("site-a"));
  EXPECT_EQ(peers_.size(), 1U) << "given to the tunnel again";
  const std::string journal = boost::json::serialize(ask("journal"));
  EXPECT_THAT(journal, HasSubstr("anna"));
  EXPECT_THAT(boost::json::serialize(ask("ticket-revoke", {{"ticket", 1}, {"by", "bert"}})),
              HasSubstr("revoked"));
}

}  // namespace
}  // namespace alarmwire::receiver
