#include "receiver/daemon/centre_metrics.hpp"

#include <gtest/gtest.h>

#include "common/tests/exposition.hpp"

namespace alarmwire::receiver {
namespace {

using Values = std::map<std::string, std::string>;

class CentreMetricsTest : public ::testing::Test {
 protected:
  CentreMetricsTest() {
    figures_.now_us = 1'000'000'000;
    figures_.listening = true;
    figures_.tunnel = boost::json::object{{"backend", "kernel"},
                                          {"peers",
                                           {{{"box", "site-a"},
                                             {"handshake_age_ms", 2500},
                                             {"endpoint", "192.0.2.7:4"},
                                             {"rx_bytes", 10},
                                             {"tx_bytes", 20},
                                             {"kicks", 1}}}}};
    BoxFigures box;
    box.site = sites::default_box("site-a");
    box.seen = true;
    box.link = ingest::BoxStatus{};
    box.link->connected = true;
    box.link->software = "alarmwire \"1\"";
    box.link->last_acknowledged_us = figures_.now_us - 3'000'000;
    box.link->stored = 9;
    BoxFigures other;
    other.site = sites::default_box("site-b");
    other.seen = other.silent = true;
    figures_.boxes = {box, other};
  }
  Values values() const { return metrics::read_exposition(metrics_of(figures_)); }
  Values box_values() const { return metrics::read_exposition(box_metrics_of(figures_)); }
  CentreFigures figures_;
};

TEST_F(CentreMetricsTest, the_whole_is_counted_and_no_box_named) {
  outlets::OutletStatus outlet;
  outlet.name = "ebues";
  outlet.waiting = 3;
  outlet.oldest_waiting_us = figures_.now_us - 7'000'000;
  figures_.outlets = {outlet};
  figures_.owed = {{"ebues", true, 3, 0}, {"old", false, 2, 1}};
  figures_.faults.push_back({"site-b", "tunnel-silent", "", "x", 1});
  const Values all = values();
  EXPECT_EQ(all.at("alarmwire_centre_boxes{verdict=\"green\"}"), "1");
  EXPECT_EQ(all.at("alarmwire_centre_boxes{verdict=\"red\"}"), "1");
  EXPECT_EQ(all.at("alarmwire_centre_boxes{verdict=\"never-seen\"}"), "0");
  EXPECT_EQ(all.at("alarmwire_centre_silent_boxes"), "1");
  EXPECT_EQ(all.at("alarmwire_centre_outlet_waiting_records{outlet=\"ebues\"}"), "3");
  EXPECT_EQ(all.at("alarmwire_centre_outlet_oldest_waiting_age_seconds{outlet=\"ebues\"}"), "7");
  EXPECT_EQ(all.at("alarmwire_centre_outlet_up{outlet=\"old\"}"), "0");
  EXPECT_EQ(all.at("alarmwire_centre_outlet_parked_records{outlet=\"old\"}"), "1");
  EXPECT_EQ(all.at("alarmwire_centre_open_faults{code=\"tunnel-silent\"}"), "1");
  EXPECT_EQ(all.at("alarmwire_centre_verdict{colour=\"amber\"}"), "1");
  EXPECT_EQ(metrics_of(figures_).find("site-"), std::string::npos);
}

TEST_F(CentreMetricsTest, each_box_has_figures_of_its_own) {
  const Values all = box_values();
  EXPECT_EQ(all.at("alarmwire_centre_box_info{box=\"site-a\",verdict=\"green\",endpoint="
                   "\"192.0.2.7:4\",software=\"alarmwire \\\"1\\\"\"}"),
            "1");
  EXPECT_EQ(all.at("alarmwire_centre_box_link_up{box=\"site-a\"}"), "1");
  EXPECT_EQ(all.at("alarmwire_centre_box_acknowledgement_age_seconds{box=\"site-a\"}"), "3");
  EXPECT_EQ(all.at("alarmwire_centre_box_stored_records_total{box=\"site-a\"}"), "9");
  EXPECT_EQ(all.at("alarmwire_centre_box_tunnel_handshake_age_seconds{box=\"site-a\"}"), "2.5");
  EXPECT_FALSE(all.contains("alarmwire_centre_box_link_up{box=\"site-b\"}"));
}

TEST_F(CentreMetricsTest, boxes_are_told_only_where_that_is_wanted) {
  EXPECT_EQ(answer_at("/metrics/boxes", true, figures_).body, box_metrics_of(figures_));
  EXPECT_EQ(answer_at("/metrics/boxes", false, figures_).status, 404u);
  EXPECT_EQ(answer_at("/metrics", false, figures_).body, metrics_of(figures_));
  EXPECT_EQ(answer_at("/x", true, figures_).status, 404u);
}

TEST_F(CentreMetricsTest, ready_is_who_takes_alarms) {
  EXPECT_EQ(answer_at("/readyz", false, figures_).status, 200u);
  figures_.listening = false;
  EXPECT_EQ(answer_at("/readyz", false, figures_).status, 503u);
  figures_.listening = true;
  figures_.ledger.full = true;
  EXPECT_EQ(answer_at("/readyz", false, figures_).status, 503u);
  EXPECT_EQ(answer_at("/livez", false, figures_).status, 200u);
}

}  // namespace
}  // namespace alarmwire::receiver
