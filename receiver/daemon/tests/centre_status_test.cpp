#include "receiver/daemon/centre_status.hpp"

#include <gtest/gtest.h>

namespace alarmwire::receiver {
namespace {

constexpr WallTimeUs minute_us = 60'000'000;

class CentreStatusTest : public ::testing::Test {
 protected:
  CentreStatusTest() {
    figures_.now_us = 1'000'000'000;
    figures_.listening = true;
    set_handshake_age(5'000);
    BoxFigures box;
    box.site = sites::default_box("site-a");
    box.seen = true;
    box.link = ingest::BoxStatus{};
    box.link->box = "site-a";
    box.link->connected = true;
    figures_.boxes = {box};
  }
  void set_handshake_age(const boost::json::value& age_ms) {
    figures_.tunnel = boost::json::object{
        {"backend", "kernel"},
        {"peers",
         {{{"box", "site-b"}, {"handshake_age_ms", 1}},
          {{"box", "site-a"}, {"handshake_age_ms", age_ms}, {"endpoint", "[::1]:1"}}}}};
  }
  BoxFigures& box() { return figures_.boxes.front(); }
  std::string verdict() const { return text(describe(figures_), "verdict"); }
  std::string reason() const { return text(describe(figures_), "verdict_reason"); }
  boost::json::object described_box() const { return describe_boxes(figures_).at(0).as_object(); }
  std::string box_verdict() const { return text(described_box(), "verdict"); }
  std::string box_reason() const { return text(described_box(), "verdict_reason"); }
  static std::string text(const boost::json::object& object, std::string_view key) {
    return std::string(object.at(key).as_string());
  }

  CentreFigures figures_;
};

TEST_F(CentreStatusTest, green_when_all_is_well) {
  EXPECT_EQ(verdict(), "green");
  EXPECT_EQ(box_verdict(), "green");
}

TEST_F(CentreStatusTest, red_when_nothing_can_be_stored_or_nobody_can_connect) {
  figures_.tunnel.reset();
  EXPECT_EQ(verdict(), "red");
  EXPECT_EQ(reason(), "alarmwire-tunnel does not answer");
  figures_.listening = false;
  EXPECT_EQ(reason(), "boxes cannot connect");
  figures_.ledger.full = true;
  EXPECT_EQ(verdict(), "red");
  EXPECT_EQ(reason(), "the ledger's disk is full");
}

TEST_F(CentreStatusTest, amber_when_an_alarm_waits_too_long_at_an_outlet) {
  outlets::OutletStatus outlet;
  outlet.name = "ebues";
  outlet.waiting = 1;
  outlet.oldest_waiting_us = figures_.now_us - 30'000'000;
  figures_.outlets = {outlet};
  EXPECT_EQ(verdict(), "green");
  figures_.outlets.front().oldest_waiting_us = figures_.now_us - 90'000'000;
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "outlet ebues: an alarm has been waiting for 90 s");
}

TEST_F(CentreStatusTest, red_when_an_outlet_cannot_be_reached) {
  figures_.outlets.resize(2);
  figures_.outlets[1].name = "ebues";
  figures_.outlets[1].stopped = true;
  EXPECT_EQ(verdict(), "red");
  EXPECT_EQ(reason(), "outlet ebues cannot be reached");
  const boost::json::array outlets = describe_outlets(figures_);
  EXPECT_EQ(outlets.at(0).at("state"), "up");
  EXPECT_EQ(outlets.at(1).at("state"), "stopped");
}

TEST_F(CentreStatusTest, an_outlet_that_is_missing_stands_beside_the_others_with_what_to_do) {
  figures_.outlets.resize(1);
  figures_.outlets[0].name = "ebues";
  figures_.owed = {{"ebues", true, 7, 0}, {"old", false, 2, 1}};
  const boost::json::array outlets = describe_outlets(figures_);
  ASSERT_EQ(outlets.size(), 2u);
  EXPECT_EQ(outlets.at(1).at("name"), "old");
  EXPECT_EQ(outlets.at(1).at("state"), "missing");
  EXPECT_EQ(outlets.at(1).at("waiting"), 2);
  EXPECT_EQ(outlets.at(1).at("parked"), 1);
  EXPECT_EQ(text(outlets.at(1).as_object(), "last_error"), advice("old"));
  EXPECT_NE(advice("old").find("alarmwire outlet drop old"), std::string::npos);
}

TEST_F(CentreStatusTest, amber_when_a_fault_is_open_and_says_of_which_box) {
  figures_.faults.push_back({"site-a", "tunnel-silent", "", "nothing heard for 20 s", 7});
  figures_.faults.push_back({"centre", "ledger-disk-80", "", "81 %", 8});
  EXPECT_EQ(verdict(), "amber");
  EXPECT_EQ(reason(), "fault: tunnel-silent of site-a, and 1 more");
  const boost::json::object status = describe(figures_);
  EXPECT_EQ(status.at("faults").at(0).at("box"), "site-a");
  EXPECT_EQ(status.at("faults").at(0).at("since_us"), 7);
}

TEST_F(CentreStatusTest, a_box_with_a_stream_is_amber_only_when_an_alarm_waits_there_too_long) {
  box().link->oldest_waiting_us = figures_.now_us - minute_us + 1;
  EXPECT_EQ(box_verdict(), "green");
  box().link->oldest_waiting_us = figures_.now_us - minute_us - 1;
  EXPECT_EQ(box_verdict(), "amber");
  EXPECT_EQ(box_reason(), "an alarm waits on the box");
}

TEST_F(CentreStatusTest, a_box_whose_stream_acknowledges_nothing_is_amber) {
  figures_.acknowledged_within = std::chrono::seconds(300);
  EXPECT_EQ(box_verdict(), "amber");
  box().link->last_acknowledged_us = figures_.now_us - minute_us;
  EXPECT_EQ(box_verdict(), "green");
  EXPECT_EQ(described_box().at("last_acknowledged_us"), figures_.now_us - minute_us);
  box().link->last_acknowledged_us = figures_.now_us - 6 * minute_us;
  EXPECT_EQ(box_verdict(), "amber");
  EXPECT_EQ(box_reason(), "connected, but nothing was acknowledged for 360 s");
}

TEST_F(CentreStatusTest, a_box_not_heard_is_not_green_though_its_stream_has_not_ended_yet) {
  box().silent = true;
  EXPECT_EQ(box_verdict(), "amber");
  set_handshake_age(180'000);
  EXPECT_EQ(box_verdict(), "red");
}

TEST_F(CentreStatusTest, what_waits_on_a_box_is_told_by_the_boxs_clock) {
  box().link->oldest_waiting_us = figures_.now_us - minute_us - 1;
  box().link->clock = link::ClockReading{};
  box().link->clock->offset_us = 2 * minute_us;  // the box's clock is that far behind
  box().link->oldest_waiting_us -= minute_us;
  EXPECT_EQ(box_verdict(), "green");
  EXPECT_EQ(described_box().at("clock_offset_us"), 2 * minute_us);
}

TEST_F(CentreStatusTest, a_box_without_a_stream_is_amber_with_a_tunnel_and_red_without) {
  box().link->connected = false;
  box().link->down_reason = "no beat for 15 s";
  EXPECT_EQ(box_verdict(), "amber");
  EXPECT_EQ(box_reason(), "tunnel up, no stream");
  set_handshake_age(180'000);
  EXPECT_EQ(box_verdict(), "red");
  EXPECT_EQ(box_reason(), "no beat for 15 s");
  set_handshake_age(nullptr);  // never
  EXPECT_EQ(box_verdict(), "red");
  figures_.tunnel.reset();
  EXPECT_EQ(box_verdict(), "red");
  box().link.reset();  // not since the start
  EXPECT_EQ(box_reason(), "not connected");
}

TEST_F(CentreStatusTest, a_box_that_never_came_is_told_apart) {
  box().link.reset();
  box().seen = false;
  EXPECT_EQ(box_verdict(), "never-seen");
  EXPECT_EQ(verdict(), "green");  // being installed is no trouble of the centre's
}

TEST_F(CentreStatusTest, what_the_tunnel_daemon_says_is_taken_with_care) {
  box().link->connected = false;
  for (const char* const odd : {"", "7", "nothing"}) {
    figures_.tunnel = boost::json::object{{"peers", odd}};
    EXPECT_EQ(box_verdict(), "red") << odd;
  }
  figures_.tunnel = boost::json::object{{"peers", {1, {{"box", 7}}, {{"box", "site-a"}}}}};
  EXPECT_EQ(box_verdict(), "red");
  set_handshake_age("soon");
  EXPECT_EQ(box_verdict(), "red");
}

TEST_F(CentreStatusTest, strangers_bytes_become_well_formed) {
  box().link->software = "T\xfcr";
  box().link->connected = false;
  box().link->down_reason = "\xff";
  set_handshake_age(nullptr);
  EXPECT_EQ(text(described_box(), "software"), "T\ufffdr");
  EXPECT_EQ(box_reason(), "\ufffd");
}

}  // namespace
}  // namespace alarmwire::receiver
