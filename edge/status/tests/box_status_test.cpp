#include "edge/status/box_status.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "edge/status/device_answers.hpp"

namespace alarmwire::status {
namespace {

class BoxStatusTest : public ::testing::Test {
 protected:
  BoxStatusTest() {
    figures_.now_us = 1'000'000'000;
    figures_.link.state = uplink::LinkStatus::State::up;
    set_handshake_age(5'000);
  }
  void set_handshake_age(std::int64_t age_ms) {
    figures_.tunnel = boost::json::object{
        {"backend", "userspace"},
        {"peers",
         {{{"box", "centre"}, {"handshake_age_ms", age_ms}, {"endpoint", "192.0.2.1:51820"}}}}};
  }
  std::string verdict() { return std::string(describe(figures_).at("verdict").as_string()); }
  std::string reason() { return std::string(describe(figures_).at("verdict_reason").as_string()); }

  BoxFigures figures_;
};

TEST_F(BoxStatusTest, green_when_the_link_is_up_and_nothing_waits) {
  EXPECT_EQ(verdict(), "green");
}

TEST_F(BoxStatusTest, amber_when_an_alarm_waits_too_long_though_the_link_is_up) {
  figures_.spool.oldest_waiting_us = figures_.now_us - waiting_too_long_us - 1'000'000;
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "an alarm has been waiting for 61 s");
  figures_.spool.oldest_waiting_us = figures_.now_us - waiting_too_long_us / 2;
  EXPECT_EQ(verdict(), "green");
}

TEST_F(BoxStatusTest, amber_while_the_link_stands_on_a_tunnel_nobody_looks_after) {
  figures_.tunnel.reset();
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "link up, but alarmwire-tunnel does not answer");
}

TEST_F(BoxStatusTest, amber_when_the_centre_acknowledges_nothing_though_the_link_is_up) {
  figures_.acknowledged_within = std::chrono::seconds(300);
  figures_.link.since_us = figures_.now_us - first_acknowledgement_us;
  EXPECT_EQ(verdict(), "green");
  figures_.link.since_us -= 1;
  EXPECT_EQ(reason(), "link up, but the centre acknowledged nothing");
  figures_.link.last_settled_us = figures_.now_us - 300'000'000;
  EXPECT_EQ(verdict(), "green");
  figures_.link.last_settled_us -= 1'000'000;
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "link up, but the centre acknowledged nothing for 301 s");
}

TEST_F(BoxStatusTest, amber_when_a_fault_is_open) {
  figures_.faults.push_back({"", "spool-full", "", "quota", 1});
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "fault: spool-full");
}

TEST_F(BoxStatusTest, amber_with_a_tunnel_and_no_stream_red_without_a_path) {
  figures_.link.state = uplink::LinkStatus::State::connecting;
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "tunnel up, receiver unreachable");
  set_handshake_age(200'000);
  EXPECT_EQ(verdict(), "red");
  EXPECT_EQ(reason(), "no handshake for 200 s");
  figures_.tunnel = boost::json::object{{"peers", {{{"handshake_age_ms", nullptr}}}}};
  EXPECT_EQ(reason(), "no handshake yet");
  figures_.tunnel.reset();
  EXPECT_EQ(reason(), "alarmwire-tunnel does not answer");
}

TEST_F(BoxStatusTest, what_the_tunnel_daemon_says_is_taken_with_care) {
  for (const char* odd : {"{}", "{\"peers\": 5}", "{\"peers\": [7]}",
                          "{\"peers\": [{\"handshake_age_ms\": \"x\"}]}"}) {
    figures_.link.state = uplink::LinkStatus::State::connecting;
    figures_.tunnel = boost::json::parse(odd).as_object();
    EXPECT_EQ(verdict(), "red") << odd;
  }
}

TEST_F(BoxStatusTest, bytes_of_strangers_are_shown_as_valid_text) {
  figures_.link.last_error = "\xff\xfe";
  smtp::Device device;
  device.name = "cam\xc3";
  figures_.door.devices.push_back(device);
  const auto object = describe(figures_);
  EXPECT_EQ(object.at("link").at("last_error").as_string(), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(describe_devices(figures_).at(0).at("name").as_string(), "cam\xef\xbf\xbd");
}

TEST_F(BoxStatusTest, every_device_is_listed_heard_or_not_and_strangers_are_marked) {
  smtp::Device known;
  known.name = "gate";
  known.address = "192.0.2.7";
  known.known_by = smtp::KnownBy::mac;
  known.mac = "00:40:8c:12:34:56";
  smtp::Device stranger;
  stranger.name = stranger.address = "192.0.2.8";
  figures_.door.devices = {known, stranger};
  figures_.devices =
      std::make_shared<const std::vector<smtp::DeviceEntry>>(std::vector<smtp::DeviceEntry>{
          {"gate", "", known.mac, "", {}}, {"hall", "192.0.2.9", "", "", {}}});
  const auto list = describe_devices(figures_);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list.at(0).at("known_by").as_string(), "mac");
  EXPECT_EQ(list.at(0).at("mac").as_string(), known.mac);
  EXPECT_EQ(list.at(1).at("known_by").as_string(), "unknown");
  EXPECT_EQ(list.at(2).at("name").as_string(), "hall");
  EXPECT_TRUE(list.at(2).at("known_by").is_null());
  EXPECT_EQ(describe(figures_).at("door").at("unknown_devices").to_number<int>(), 1);
}

TEST_F(BoxStatusTest, listeners_say_how_safe_they_are_and_the_certificate_has_no_key) {
  smtp::ListenerStatus old;
  old.tls = smtp::TlsMode::implicit;
  old.auth = smtp::AuthMode::required;
  old.legacy_tls = true;
  figures_.door.listeners.push_back(old);
  const auto object = describe(figures_);
  const auto& shown = object.at("door").at("listeners").at(0);
  EXPECT_EQ(shown.at("tls").as_string(), "implicit");
  EXPECT_EQ(shown.at("auth").as_string(), "required");
  EXPECT_TRUE(shown.at("legacy_tls").as_bool());
  smtp::Identity identity;
  EXPECT_FALSE(describe_certificate(identity).at("available").as_bool());
  identity.fingerprint = "12ab";
  identity.ca_pem = "pem";
  identity.keys.push_back({"chain", "SECRET"});
  const auto certificate = describe_certificate(identity);
  EXPECT_TRUE(certificate.at("available").as_bool());
  EXPECT_TRUE(certificate.at("own_authority").as_bool());
  EXPECT_EQ(boost::json::serialize(certificate).find("SECRET"), std::string::npos);
}

TEST_F(BoxStatusTest, the_tunnel_and_link_figures_are_passed_on) {
  figures_.link.clock = link::ClockReading{1500, -200};
  const auto object = describe(figures_);
  EXPECT_EQ(object.at("tunnel").at("backend").as_string(), "userspace");
  EXPECT_EQ(object.at("tunnel").at("handshake_age_ms").as_int64(), 5000);
  EXPECT_DOUBLE_EQ(object.at("link").at("rtt_ms").as_double(), 1.5);
  EXPECT_EQ(object.at("link").at("clock_offset_us").as_int64(), -200);
}

}  // namespace
}  // namespace alarmwire::status
