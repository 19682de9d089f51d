#include "cli/render.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cstdlib>
#include <ctime>
#include <sstream>

#include "cli/render_alarm.hpp"
#include "cli/render_status.hpp"

namespace alarmwire::cli {
namespace {

constexpr WallTimeUs now_us = 1'795'493'700'000'000;  // 2026-11-24T04:15:00Z

const char* const box_status = R"({
  "role": "edge", "version": "0.1.0", "uptime_s": 11520,
  "tunnel": {"reachable": true, "backend": "kernel", "interface": "aw0", "address": "fd00::1",
             "endpoint": "192.0.2.1:51820", "handshake_age_ms": 34000, "rx_bytes": 1258291,
             "tx_bytes": 2048, "kicks": 1},
  "link": {"state": "up", "since_us": 1795493640000000, "session": 5, "rtt_ms": 48.25,
           "clock_offset_us": -1300, "last_settled_us": 1795493697000000, "last_error": "",
           "reconnects": 2},
  "spool": {"epoch": "0000000000000001", "waiting_records": 3, "waiting_bytes": 307200,
            "oldest_waiting_us": 1795493695000000, "used_bytes": 268435456,
            "quota_bytes": 1073741824, "settled_records": 12, "parked_records": 0,
            "waiting_by_lane": [2, 0, 1, 0], "commits": 9, "quarantined_files": 1},
  "door": {"sessions": 1, "accepted": 15, "lost": 0,
           "listeners": [{"name": "lan", "address": "192.168.1.1", "port": 25,
                          "reply": "assured"}]},
  "faults": [{"code": "spool-quarantined", "subject": "spool.db", "reason": "file is damaged",
              "since_us": 1795493400000000}],
  "verdict": "amber", "verdict_reason": "one fault is open"})";

const char* const box_page =
    "Box       amber: one fault is open\n"
    "          alarmwire 0.1.0, running for 3 h 12 min\n"
    "Tunnel    kernel aw0 fd00::1, 1 kick\n"
    "          centre 192.0.2.1:51820, handshake 34 s ago, received 1.2 MiB, sent 2.0 KiB\n"
    "Link      up for 60 s, session 5, round trip 48.2 ms, clock offset -1.3 ms\n"
    "          last stored 3 s ago, 2 reconnects\n"
    "Spool     3 waiting (300.0 KiB), oldest accepted 5 s ago, live 2, alarm 1\n"
    "          256.0 MiB of 1.0 GiB used (25 %), 12 stored and kept, 0 parked, 1 file in "
    "quarantine\n"
    "Door      1 session, 15 accepted, 0 lost\n"
    "          lan: 192.168.1.1:25, replies assured\n"
    "Faults\n"
    "          SINCE      FAULT              ABOUT     REASON\n"
    "          5 min ago  spool-quarantined  spool.db  file is damaged\n";

const char* const centre_status = R"({
  "role": "receiver", "version": "0.1.0", "uptime_s": 59,
  "tunnel": {"reachable": true, "backend": "userspace", "interface": "aw0", "address": "fd00::2",
             "kicks": 0, "peers": [{}]},
  "ledger": {"id": "ab", "records": 1, "last_position": 1, "used_bytes": 8192,
             "disk_used_ratio": 0.345, "full": false, "commits": 1},
  "outlets": [{"name": "ebues", "kind": "smtp", "target": "10.0.0.5:25", "state": "stopped",
               "waiting": 1, "taken": 7, "refused": 0, "parked": 0,
               "last_error": "connection refused", "oldest_waiting_us": 1795493695000000,
               "last_taken_us": 0},
              {"name": "old", "state": "missing", "waiting": 2, "parked": 1,
               "last_error": "name it again"}],
  "boxes": [{"id": "site-a", "name": "Site A", "verdict": "green", "connected": true,
             "since_us": 1795493640000000, "session": 5, "rtt_ms": 50, "clock_offset_us": 1300,
             "last_beat_us": 1795493698000000, "last_stored_us": 1795493697000000,
             "waiting_records": 0, "oldest_waiting_us": 0, "handshake_age_ms": 34000,
             "endpoint": "192.0.2.7:4000", "software": "0.1.0", "stored": 1},
            {"id": "site-b", "name": "", "verdict": "red", "connected": false, "since_us": 0}],
  "faults": [{"box": "site-b", "code": "tunnel-silent", "subject": "",
              "reason": "nothing heard for 20 s", "since_us": 1795493400000000},
             {"box": "centre", "code": "outlet-stalled", "subject": "ebues",
              "reason": "connection refused", "since_us": 1795493640000000}],
  "verdict": "red", "verdict_reason": "outlet ebues is stopped"})";

const char* const centre_page =
    "Centre    red: outlet ebues is stopped\n"
    "          alarmwire 0.1.0, running for 59 s\n"
    "Tunnel    userspace aw0 fd00::2, 1 peer\n"
    "Ledger    1 record, 8.0 KiB, disk 35 % used\n"
    "Faults\n"
    "          SINCE      BOX     FAULT           ABOUT  REASON\n"
    "          5 min ago  site-b  tunnel-silent   -      nothing heard for 20 s\n"
    "          60 s ago   centre  outlet-stalled  ebues  connection refused\n"
    "Outlets\n"
    "  OUTLET  KIND  TARGET       STATE    WAITING  OLDEST   TAKEN  REFUSED  PARKED  LAST TAKEN  "
    "LAST ERROR\n"
    "  ebues   smtp  10.0.0.5:25  stopped        1  5 s ago      7        0       0  never       "
    "connection refused\n"
    "  old     -     -            missing        2  -            0        0       1  never       "
    "name it again\n"
    "Boxes\n"
    "  BOX     VERDICT  LINK  SINCE     ROUND TRIP    CLOCK  LAST BEAT  HANDSHAKE  WAITING  STORED"
    "  LAST STORED  SOFTWARE  NAME\n"
    "  site-a  green    up    60 s ago     50.0 ms  +1.3 ms  2 s ago    34 s ago         0       1"
    "  3 s ago      0.1.0     Site A\n"
    "  site-b  red      down  never              -        -  never      never            0       0"
    "  never        -\n";

std::string page(const char* json, bool colour = false) {
  const boost::json::value value = boost::json::parse(json);
  std::ostringstream out;
  render_status(out, JsonView(value), now_us, colour);
  return out.str();
}

class RenderTest : public ::testing::Test {
 protected:
  RenderTest() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(RenderTest, ABoxsStatus) {
  EXPECT_EQ(page(box_status), box_page);
}

TEST_F(RenderTest, TheCentresStatus) {
  EXPECT_EQ(page(centre_status), centre_page);
}

TEST_F(RenderTest, ColoursOnlyWhereAsked) {
  EXPECT_EQ(page(box_status).find('\x1b'), std::string::npos);
  EXPECT_NE(page(box_status, true).find("\x1b[33mamber\x1b[0m"), std::string::npos);
}

TEST_F(RenderTest, AnAnswerOfAnotherShapeIsStillShown) {
  for (const char* const odd :
       {"{}", "[]", "null", R"({"role":"edge","link":7,"spool":[],"door":{"listeners":{}}})",
        R"({"role":"receiver","boxes":[1,{"id":[]}],"outlets":"x","faults":{"a":1}})",
        R"({"role":"edge","uptime_s":1e300,"spool":{"used_bytes":18446744073709551615}})"})
    EXPECT_NE(page(odd), "") << odd;
}

TEST_F(RenderTest, ATunnelDaemonThatDoesNotAnswerIsSaid) {
  EXPECT_NE(page(R"({"role":"edge","tunnel":{"reachable":false}})").find("does not answer"),
            std::string::npos);
}

TEST_F(RenderTest, WhatADeviceSaysNeverReachesTheTerminal) {
  const boost::json::value alarms = boost::json::array{
      {{"id", "1"}, {"device", "\x1b]0;owned\x07"}, {"to", {"a\r\nb"}}, {"accepted_us", now_us}}};
  std::ostringstream out;
  render_alarms(out, JsonView(alarms), false);
  EXPECT_EQ(out.str().find_first_of("\x1b\x07\r"), std::string::npos);
  render_alarm(out, JsonView(alarms.at(0)), "Subject: \x1b[2J\r\n\r\nbody", false);
  EXPECT_EQ(out.str().find_first_of("\x1b\x07\r"), std::string::npos);
  EXPECT_EQ(out.str().find("body"), std::string::npos);
}

TEST_F(RenderTest, WithoutFaultsItSaysSo) {
  EXPECT_NE(page(R"({"role":"receiver","faults":[]})").find("Faults    none\n"), std::string::npos);
}

const char* const parked_alarm = R"({
  "id": "0192", "box": "site-a", "kind": "mail", "lane": "alarm", "state": "parked",
  "device": "cam-1", "size": 2048, "accepted_us": 1795493700000000, "to": ["a@b.internal"],
  "subject": "Tor 3", "hand_over": {
    "ebues": {"state": "parked", "tries": 10, "changed_us": 1, "text": "450 mailbox\u001b is busy"},
    "webhook": {"state": "taken", "tries": 1, "changed_us": 1, "text": "200 ok"}}})";

TEST_F(RenderTest, AListShowsWhatIsStuckAndWhatItIsAbout) {
  const boost::json::value alarms = boost::json::array{boost::json::parse(parked_alarm)};
  std::ostringstream out;
  render_alarms(out, JsonView(alarms), false);
  EXPECT_EQ(out.str(),
            "ACCEPTED             ID    BOX     KIND  LANE   DEVICE     SIZE  STATE   ABOUT\n"
            "2026-11-24 04:15:00  0192  site-a  mail  alarm  cam-1   2.0 KiB  parked  Tor 3\n");
  std::ostringstream line;
  render_alarm_line(line, JsonView(alarms.at(0)), true);
  EXPECT_NE(line.str().find("  \x1b[33mparked\x1b[0m  Tor 3\n"), std::string::npos);
}

TEST_F(RenderTest, AnAlarmShowsHowFarEachOutletIs) {
  const boost::json::value alarm = boost::json::parse(parked_alarm);
  std::ostringstream out;
  render_alarm(out, JsonView(alarm), "", false);
  EXPECT_NE(
      out.str().find("state           parked\n"
                     "outlet          ebues: parked after 10 tries: 450 mailbox\\x1b is busy\n"
                     "outlet          webhook: taken after 1 try: 200 ok\n"),
      std::string::npos)
      << out.str();
  EXPECT_NE(out.str().find("subject         Tor 3\n"), std::string::npos);
}

TEST_F(RenderTest, ATraceIsOnOneClock) {
  // The box's clock is 2 s behind the centre's.
  const boost::json::value trace = boost::json::parse(R"({
    "id": "0192", "box": "site-a", "clock_offset_us": 2000000, "stages": [
      {"stage": "accepted", "time_us": 1795493700000000, "clock": "box"},
      {"stage": "spooled", "time_us": 1795493700001200, "clock": "box"},
      {"stage": "displayed", "time_us": 0, "clock": "centre"},
      {"stage": "stored", "time_us": 1795493702052300, "clock": "centre"},
      {"stage": "handed over", "time_us": 1795493702078000, "clock": "centre", "outlet": "ebues",
       "text": "250 ok"}]})");
  std::ostringstream out;
  render_trace(out, JsonView(trace));
  EXPECT_EQ(out.str(),
            "alarm 0192 of box site-a; the centre's clock is +2000.0 ms from the box's\n"
            "  STAGE        TIME (CENTRE'S CLOCK)    SINCE ACCEPTED      STEP  BY     SAID\n"
            "  accepted     2026-11-24 04:15:02.000          0.0 ms\n"
            "  spooled      2026-11-24 04:15:02.001          1.2 ms   +1.2 ms\n"
            "  stored       2026-11-24 04:15:02.052         52.3 ms  +51.1 ms\n"
            "  handed over  2026-11-24 04:15:02.078         78.0 ms  +25.7 ms  ebues  250 ok\n");
}

TEST_F(RenderTest, ATraceNeverRunsBackwards) {
  const boost::json::value trace = boost::json::parse(R"({
    "id": "0192", "box": "site-a", "clock_offset_us": 2000, "stages": [
      {"stage": "accepted", "time_us": 1795493700000000, "clock": "box"},
      {"stage": "spooled", "time_us": 1795493700001200, "clock": "box"},
      {"stage": "stored", "time_us": 1795493700000900, "clock": "centre"},
      {"stage": "handed over", "time_us": 1795493700003000, "clock": "centre"},
      {"stage": "displayed", "time_us": 1795493700013000, "clock": "centre"}]})");
  std::ostringstream out;
  render_trace(out, JsonView(trace));
  EXPECT_EQ(out.str(),
            "alarm 0192 of box site-a; the centre's clock is +2.0 ms from the box's\n"
            "  STAGE        TIME (CENTRE'S CLOCK)    SINCE ACCEPTED      STEP  BY  SAID\n"
            "  accepted     2026-11-24 04:15:00.002          0.0 ms\n"
            "  spooled      2026-11-24 04:15:00.003          1.2 ms   +1.2 ms\n"
            "  stored       2026-11-24 04:15:00.003          1.2 ms  ~ 0.0 ms\n"
            "  handed over  2026-11-24 04:15:00.003          1.2 ms  ~ 0.0 ms\n"
            "  displayed    2026-11-24 04:15:00.013         11.0 ms   +9.8 ms\n"
            "  ~ seemed to come up to 2.3 ms before the stage above: how far the clocks differ is "
            "an estimate\n");
}

TEST_F(RenderTest, SpansSizesAndAgesInWords) {
  EXPECT_EQ(span_in_words(12'000), "12 ms");
  EXPECT_EQ(span_in_words(119'000'000), "119 s");
  EXPECT_EQ(span_in_words(7'000'000'000), "116 min");
  EXPECT_EQ(span_in_words(200'000'000'000), "2 d 7 h");
  EXPECT_EQ(bytes_in_words(1023), "1023 B");
  EXPECT_EQ(bytes_in_words(25 * 1024 * 1024), "25.0 MiB");
  EXPECT_EQ(age_in_words(0, now_us), "never");
  EXPECT_EQ(age_in_words(now_us + 5, now_us), "0 ms ago");
}

TEST_F(RenderTest, TablesAlignWhatIsNotAscii) {
  Table table({"NAME", ">N"});
  table.row({"Tür", "1"});
  table.row({"Tor 12", "100"});
  std::ostringstream out;
  table.print(out, "", false);
  EXPECT_EQ(out.str(),
            "NAME      N\n"
            "Tür       1\n"
            "Tor 12  100\n");
}

TEST(InPlace, a_page_replaces_the_one_before_and_never_scrolls) {
  EXPECT_EQ(in_place("a\nb\n", 0), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
  EXPECT_EQ(in_place("a\nb\n", 3), in_place("a\nb\n", 0));
  EXPECT_EQ(in_place("a\nb\nc\nd\n", 4), "\x1b[Ha\x1b[K\nb\x1b[K\n… 2 more lines\x1b[K\n\x1b[J");
}

}  // namespace
}  // namespace alarmwire::cli
