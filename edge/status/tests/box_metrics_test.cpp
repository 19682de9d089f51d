#include "edge/status/box_metrics.hpp"

#include <gtest/gtest.h>

#include "common/tests/exposition.hpp"

namespace alarmwire::status {
namespace {

using Values = std::map<std::string, std::string>;

class BoxMetricsTest : public ::testing::Test {
 protected:
  BoxMetricsTest() {
    figures_.now_us = 1'000'000'000;
    figures_.link.state = uplink::LinkStatus::State::up;
    figures_.link.last_settled_us = figures_.now_us - 1'500'000;
    figures_.link.clock = link::ClockReading{52'000, -200'000};
    figures_.tunnel = boost::json::object{{"backend", "kernel"},
                                          {"restarts", 2},
                                          {"peers",
                                           {{{"endpoint", "192.0.2.1:51820"},
                                             {"handshake_age_ms", 5500},
                                             {"rx_bytes", 5'000'000'000},
                                             {"tx_bytes", 7},
                                             {"kicks", 3}}}}};
  }
  Values values() const { return metrics::read_exposition(metrics_of(figures_)); }
  BoxFigures figures_;
};

TEST_F(BoxMetricsTest, a_box_that_is_well_says_so_in_figures) {
  const Values all = values();
  EXPECT_EQ(all.at("alarmwire_box_link_up"), "1");
  EXPECT_EQ(all.at("alarmwire_box_verdict{colour=\"green\"}"), "1");
  EXPECT_EQ(all.at("alarmwire_box_verdict{colour=\"red\"}"), "0");
  EXPECT_EQ(all.at("alarmwire_box_tunnel_info{backend=\"kernel\",endpoint=\"192.0.2.1:51820\"}"),
            "1");
  EXPECT_DOUBLE_EQ(std::stod(all.at("alarmwire_box_tunnel_handshake_age_seconds")), 5.5);
  EXPECT_DOUBLE_EQ(std::stod(all.at("alarmwire_box_tunnel_received_bytes_total")), 5e9);
  EXPECT_EQ(all.at("alarmwire_box_tunnel_kicks_total"), "3");
  EXPECT_DOUBLE_EQ(std::stod(all.at("alarmwire_box_link_round_trip_seconds")), 0.052);
  EXPECT_DOUBLE_EQ(std::stod(all.at("alarmwire_box_link_clock_offset_seconds")), -0.2);
  EXPECT_DOUBLE_EQ(std::stod(all.at("alarmwire_box_link_acknowledgement_age_seconds")), 1.5);
  EXPECT_EQ(all.at("alarmwire_box_spool_oldest_waiting_age_seconds"), "0");
}

TEST_F(BoxMetricsTest, what_waits_and_what_is_wrong_is_counted) {
  figures_.spool.oldest_waiting_us = figures_.now_us - 90'000'000;
  figures_.spool.waiting_by_lane[static_cast<std::size_t>(Lane::alarm)] = 4;
  figures_.door.lost = 2;
  figures_.faults.push_back({"", "mail-lost", "cam1", "x", 1});
  figures_.faults.push_back({"", "mail-lost", "cam2", "x", 1});
  const Values all = values();
  EXPECT_EQ(all.at("alarmwire_box_spool_oldest_waiting_age_seconds"), "90");
  EXPECT_EQ(all.at("alarmwire_box_spool_waiting_records{lane=\"alarm\"}"), "4");
  EXPECT_EQ(all.at("alarmwire_box_door_lost_mails_total"), "2");
  EXPECT_EQ(all.at("alarmwire_box_open_faults{code=\"mail-lost\"}"), "2");
  EXPECT_EQ(all.at("alarmwire_box_verdict{colour=\"amber\"}"), "1");
}

TEST_F(BoxMetricsTest, what_is_not_known_is_absent) {
  figures_.link = {};
  figures_.tunnel = boost::json::object{{"peers", {{{"handshake_age_ms", nullptr}}}}};
  Values all = values();
  EXPECT_FALSE(all.contains("alarmwire_box_tunnel_handshake_age_seconds"));
  EXPECT_FALSE(all.contains("alarmwire_box_link_round_trip_seconds"));
  EXPECT_FALSE(all.contains("alarmwire_box_link_acknowledgement_age_seconds"));
  figures_.tunnel.reset();
  all = values();
  EXPECT_EQ(all.at("alarmwire_box_tunnel_daemon_up"), "0");
  EXPECT_FALSE(all.contains("alarmwire_box_tunnel_kicks_total"));
}

TEST_F(BoxMetricsTest, hostile_words_stay_in_their_label) {
  figures_.tunnel = boost::json::object{{"backend", "a\"} 1\nx 2 \\ \xff"}, {"peers", 7}};
  const Values all = values();
  EXPECT_FALSE(all.contains("x"));
  EXPECT_EQ(all.at("alarmwire_box_tunnel_info{backend=\"a\\\"} 1\\nx 2 \\\\ "
                   "\xef\xbf\xbd\",endpoint=\"\"}"),
            "1");
}

TEST_F(BoxMetricsTest, ready_is_who_takes_mails) {
  EXPECT_EQ(answer_at("/readyz", figures_).status, 200u);
  EXPECT_EQ(answer_at("/livez", figures_).status, 200u);
  EXPECT_EQ(answer_at("/metrics", figures_).body, metrics_of(figures_));
  EXPECT_EQ(answer_at("/", figures_).status, 404u);
  figures_.spool.is_full = true;
  EXPECT_EQ(answer_at("/readyz", figures_).status, 503u);
  EXPECT_EQ(answer_at("/livez", figures_).status, 200u);
}

}  // namespace
}  // namespace alarmwire::status
