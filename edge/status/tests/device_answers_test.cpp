#include "edge/status/device_answers.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "edge/status/makers.hpp"

namespace alarmwire::status {
namespace {

namespace json = boost::json;

smtp::ListenerStatus listener(const char* name, std::uint16_t port, smtp::TlsMode tls) {
  smtp::ListenerStatus made;
  made.name = name;
  made.address = "0.0.0.0";
  made.port = port;
  made.tls = tls;
  return made;
}

BoxFigures figures() {
  BoxFigures made;
  made.door.hostname = "edge.internal";
  made.door.zones = {"internal"};
  made.door.listeners = {
      listener("lan", 25, smtp::TlsMode::offered), listener("smtps", 465, smtp::TlsMode::implicit),
      listener("safe", 587, smtp::TlsMode::required), listener("plain", 2525, smtp::TlsMode::off)};
  made.door.certificate.fingerprint = "ab";
  made.door.certificate.names.addresses = {"127.0.0.1", "192.168.1.5", "::1"};
  made.devices = std::make_shared<const std::vector<smtp::DeviceEntry>>(
      std::vector<smtp::DeviceEntry>{{"Gate 2", "192.0.2.7", "", "camera", {}}});
  return made;
}

std::string choices(const BoxFigures& of) {
  std::string text;
  const json::object settings = describe_settings(of, "x", "");
  for (const json::value& choice : settings.at("choices").as_array())
    text += std::string(choice.at("security").as_string()) + ":" +
            std::to_string(choice.at("port").to_number<int>()) + " ";
  return text;
}

TEST(DeviceSettings, NameEveryWayInWithWhatDevicesCallIt) {
  EXPECT_EQ(choices(figures()), "starttls:25 none:25 ssl:465 starttls:587 none:2525 ");
}

TEST(DeviceSettings, WithoutACertificateThereIsClearTextOnly) {
  BoxFigures without = figures();
  without.door.certificate.fingerprint.clear();
  EXPECT_EQ(choices(without), "none:25 none:2525 ");
}

TEST(DeviceSettings, GiveTheBoxsAddressesAndAnAddressOfTheZone) {
  const json::object settings = describe_settings(figures(), "Gate 2", "");
  EXPECT_EQ(settings.at("servers"), json::value({"192.168.1.5", "edge.internal"}));
  EXPECT_EQ(settings.at("recipient").as_string(), "gate-2@edge.internal");
  EXPECT_EQ(settings.at("user").as_string(), "camera");
  EXPECT_TRUE(settings.at("configured").as_bool());
  BoxFigures other = figures();
  other.door.zones = {"site-a.internal"};
  other.door.listeners[0].address = "10.0.0.1";
  const json::object stranger = describe_settings(other, "Tür\n", "");
  EXPECT_EQ(stranger.at("servers"), json::value({"10.0.0.1", "edge.internal"}));
  EXPECT_EQ(stranger.at("recipient").as_string(), "t--r-@site-a.internal");
  EXPECT_TRUE(stranger.at("user").is_null());
  EXPECT_FALSE(stranger.at("configured").as_bool());
}

TEST(DeviceSettings, HaveHintsOfTheMaker) {
  EXPECT_TRUE(describe_settings(figures(), "x", "").at("hints").as_array().empty());
  for (const Maker& maker : makers()) {
    const json::object settings = describe_settings(figures(), "x", maker.name);
    const json::array& hints = settings.at("hints").as_array();
    ASSERT_EQ(hints.size(), maker.hints.size() + maker.unconfirmed.size()) << maker.name;
    EXPECT_FALSE(hints.empty()) << maker.name;
    for (std::size_t i = 0; i < hints.size(); ++i)
      EXPECT_EQ(hints[i].as_string().ends_with("(not confirmed)"), i >= maker.hints.size());
  }
  EXPECT_EQ(maker_called("nobody"), nullptr);
}

TEST(DeviceAnswers, OneDeviceIsFoundByNameAddressOrMac) {
  BoxFigures of = figures();
  smtp::Device heard;
  heard.name = "hall";
  heard.address = "192.0.2.9";
  heard.mac = "00:40:8c:12:34:56";
  of.door.devices = {heard};
  for (const char* const word : {"hall", "192.0.2.9", "00:40:8c:12:34:56"}) {
    const json::array found = describe_devices(of, word);
    ASSERT_EQ(found.size(), 1u) << word;
    EXPECT_EQ(found[0].at("name").as_string(), "hall");
  }
  EXPECT_EQ(describe_devices(of, "Gate 2").size(), 1u);
  EXPECT_TRUE(describe_devices(of, "cellar").empty());
  EXPECT_EQ(describe_devices(of).size(), 2u);
}

TEST(DeviceAnswers, ADialogueHasItsLinesAndWhatTheDoctorSays) {
  smtp::Dialogue dialogue;
  dialogue.device = "gate \xff";
  dialogue.facts.trouble = true;
  dialogue.facts.zone = "internal";
  dialogue.log.write(smtp::DialogueLine::Who::device, "RCPT TO:<x@gmail.com>");
  dialogue.log.write(smtp::DialogueLine::Who::box,
                     "550 5.7.1 not relayed, only addresses of this installation");
  const json::array list = describe_dialogues({dialogue});
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at("device").as_string(), "gate \xef\xbf\xbd");
  EXPECT_EQ(list[0].at("lines").at(0).at("who").as_string(), "device");
  EXPECT_EQ(list[0].at("findings").at(0).at("id").as_string(), "foreign-recipient");
  EXPECT_TRUE(list[0].at("open").as_bool());
  EXPECT_EQ(describe_dialogues(std::vector<smtp::Dialogue>(200, dialogue)).size(),
            dialogues_shown_max);
}

}  // namespace
}  // namespace alarmwire::status
