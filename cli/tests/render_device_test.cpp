#include "cli/render_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <sstream>

#include "cli/render_alarm.hpp"

namespace alarmwire::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Render = void (*)(std::ostream&, const JsonView&, WallTimeUs, bool);

std::string rendered(Render render, const char* json) {
  const boost::json::value value = boost::json::parse(json);
  std::ostringstream out;
  render(out, JsonView(value), 1'795'493'700'000'000, false);
  return out.str();
}

TEST(RenderDevices, SayHowEachIsKnown) {
  const std::string text = rendered(render_devices, R"([
    {"name": "gate", "known_by": "mac", "address": "192.0.2.7", "mac": "00:40:8c:12:34:56"},
    {"name": "192.0.2.8", "known_by": "unknown", "address": "192.0.2.8"},
    {"name": "cellar", "known_by": null, "last_heard_us": 0},
    {"name": "old", "last_heard_us": 5}])");
  EXPECT_THAT(text, HasSubstr("gate       mac"));
  EXPECT_THAT(text, HasSubstr("192.0.2.8  unknown"));
  EXPECT_THAT(text, HasSubstr("cellar     silent"));
  EXPECT_THAT(text, HasSubstr("old        -"));
}

TEST(RenderDevice, HasCountersLastErrorAndQuirks) {
  const std::string text = rendered(render_device, R"([
    {"name": "gate", "known_by": "user", "address": "192.0.2.7", "sessions": 1, "accepted": 5,
     "lost": 2, "refused_sessions": 3, "last_error_us": 1795493690000000,
     "last_error": "reset \u001b[31m", "quirks": ["bare-lf", "no-date"]}])");
  EXPECT_THAT(text, HasSubstr("known by      user\n"));
  EXPECT_THAT(text, HasSubstr("sessions      1 open, 3 refused\n"));
  EXPECT_THAT(text, HasSubstr("mails         5 accepted, 2 lost\n"));
  EXPECT_THAT(text, HasSubstr("last error    10 s ago: reset \\x1b[31m\n"));
  EXPECT_THAT(text, HasSubstr("quirks        bare-lf, no-date\n"));
}

TEST(RenderDialogues, ShowWhoSaidWhatWhatIsWrongAndWhatMendsIt) {
  const std::string text = rendered(render_dialogues, R"([
    {"device": "gate", "address": "192.0.2.7", "listener": "lan", "tls": "", "trouble": true,
     "began_us": 1795493640000000, "duration_ms": 21000, "accepted": 0, "left_out": 7,
     "lines": [{"who": "device", "at_ms": 10, "text": "RCPT TO:<x@gmail.com>"},
               {"who": "box", "at_ms": 10, "text": "550 5.7.1 not relayed"},
               {"who": "note", "at_ms": 20010, "text": "the device closed the connection"}],
     "findings": [{"id": "foreign-recipient", "text": "sends to x@gmail.com",
                   "fix": "set it"}]}])");
  EXPECT_THAT(text, HasSubstr("gate from 192.0.2.7 at lan, clear text, 21 s, 0 accepted\n"));
  EXPECT_THAT(text, HasSubstr("    < RCPT TO:<x@gmail.com>\n    > 550 5.7.1 not relayed\n"));
  EXPECT_THAT(text, HasSubstr("    * the device closed the connection   (20 s later)\n"));
  EXPECT_THAT(text, HasSubstr("(7 lines between"));
  EXPECT_THAT(text, HasSubstr("PROBLEM  It sends to x@gmail.com [foreign-recipient]\n"));
  EXPECT_THAT(text, HasSubstr("set it\n"));
  EXPECT_THAT(rendered(render_dialogues, "[]"), HasSubstr("no dialogue is kept"));
  EXPECT_THAT(rendered(render_dialogues, R"([{"device": "gate", "open": true}])"),
              HasSubstr("still open"));
}

TEST(RenderSettings, AreWhatOneTypes) {
  const std::string text = rendered(render_settings, R"(
    {"device": "gate", "configured": true, "servers": ["192.168.1.5", "edge.internal"],
     "choices": [{"security": "ssl", "port": 465}, {"security": "none", "port": 25}],
     "user": "camera", "sender": "gate@edge.internal", "recipient": "gate@edge.internal",
     "hints": ["tick the picture"], "makers": [{"name": "dahua", "devices": "Dahua"}]})");
  EXPECT_THAT(text, HasSubstr("Server        192.168.1.5, edge.internal   (one of them)\n"));
  EXPECT_THAT(text, HasSubstr("Port          465   with security SSL (TLS from the first byte)\n"));
  EXPECT_THAT(text, HasSubstr("User          camera   and its password\n"));
  EXPECT_THAT(text, HasSubstr("  - tick the picture\n"));
  EXPECT_THAT(text, Not(HasSubstr("dahua")));
  EXPECT_THAT(rendered(render_settings, R"({"device": "x", "makers": [{"name": "dahua"}]})"),
              HasSubstr("--maker"));
}

TEST(RenderAlarm, SaysWhetherTheDeviceWasKnown) {
  const auto shown = [](const char* json) {
    const boost::json::value value = boost::json::parse(json);
    std::ostringstream out;
    render_alarm(out, JsonView(value), "", false);
    return out.str();
  };
  EXPECT_THAT(shown(R"({"device": "192.0.2.7", "known_by": "unknown"})"),
              HasSubstr("192.0.2.7, unknown\n"));
  EXPECT_THAT(shown(R"({"device": "gate", "known_by": "mac"})"), HasSubstr("gate, known by mac\n"));
  EXPECT_THAT(shown(R"({"device": "gate"})"), HasSubstr("gate\n"));
}

}  // namespace
}  // namespace alarmwire::cli
