#include "edge/daemon/devices.hpp"

#include <gtest/gtest.h>

namespace alarmwire::edge {
namespace {

using boost::asio::ip::make_address;
using smtp::KnownBy;

Status add(Devices& devices, const char* name, const char* network, const char* mac = "",
           const char* user = "") {
  return devices.add({name, network, mac, user, {}});
}

std::string name_at(const Devices& devices, const char* address, const char* mac = "") {
  return devices.find(make_address(address), parse_mac(mac)).name;
}

TEST(Devices, the_narrowest_network_names_the_device) {
  Devices devices;
  ASSERT_TRUE(add(devices, "lan", "192.0.2.0/24"));
  ASSERT_TRUE(add(devices, "cam1", "192.0.2.7"));
  ASSERT_TRUE(add(devices, "hall", "192.0.2.0/28"));
  EXPECT_EQ(name_at(devices, "192.0.2.7"), "cam1");
  EXPECT_EQ(name_at(devices, "192.0.2.8"), "hall");
  EXPECT_EQ(name_at(devices, "192.0.2.200"), "lan");
}

TEST(Devices, a_mac_counts_more_than_any_network) {
  Devices devices;
  ASSERT_TRUE(add(devices, "here", "192.0.2.7"));
  ASSERT_TRUE(add(devices, "anywhere", "", "00-40-8C-12-34-56"));
  EXPECT_EQ(name_at(devices, "192.0.2.7", "00:40:8c:12:34:56"), "anywhere");
  EXPECT_EQ(name_at(devices, "192.0.2.7", "00:40:8c:12:34:57"), "here");
  const auto device = devices.find(make_address("192.0.2.7"), parse_mac("00408c123456"));
  EXPECT_EQ(device.by, KnownBy::mac);
  EXPECT_EQ(device.mac, "00:40:8c:12:34:56");
}

TEST(Devices, a_user_names_his_device_wherever_he_is) {
  Devices devices;
  ASSERT_TRUE(add(devices, "gate", "", "", "gate-camera"));
  ASSERT_TRUE(add(devices, "other", "192.0.2.7"));
  EXPECT_EQ(devices.of_user("gate-camera")->name, "gate");
  EXPECT_EQ(devices.of_user("gate-camera")->by, KnownBy::user);
  EXPECT_FALSE(devices.of_user("somebody"));
  EXPECT_FALSE(devices.of_user(""));
}

TEST(Devices, an_unknown_device_has_no_name_but_its_mac) {
  const Devices devices;
  EXPECT_EQ(name_at(devices, "192.0.2.7"), "");
  EXPECT_EQ(name_at(devices, "2001:db8::7"), "");
  const auto device = devices.find(make_address("192.0.2.7"), parse_mac("00408c123456"));
  EXPECT_EQ(device.by, KnownBy::nothing);
  EXPECT_EQ(device.mac, "00:40:8c:12:34:56");
}

TEST(Devices, ipv6_and_mapped_addresses_are_known_too) {
  Devices devices;
  ASSERT_TRUE(add(devices, "cam6", "2001:db8::/64"));
  ASSERT_TRUE(add(devices, "cam4", "192.0.2.7"));
  EXPECT_EQ(name_at(devices, "2001:db8::7"), "cam6");
  EXPECT_EQ(name_at(devices, "::ffff:192.0.2.7"), "cam4");
}

TEST(Devices, nonsense_and_what_two_would_share_is_refused) {
  Devices devices;
  for (const char* bad : {"", "cam", "192.0.2.300", "192.0.2.0/33", "2001:db8::/129", "192.0.2.7/"})
    EXPECT_FALSE(add(devices, "x", bad)) << bad;
  for (const char* bad :
       {"cam", "00:40:8c:12:34", "00:40:8c:12:34:5g", "00.40.8c.12.34.56", "00:40:8c:12:34:56:78"})
    EXPECT_FALSE(add(devices, "x", "", bad)) << bad;
  EXPECT_TRUE(devices.entries().empty());
  ASSERT_TRUE(add(devices, "a", "", "00:40:8c:12:34:56", "u"));
  EXPECT_TRUE(add(devices, "b", "", "00408C123456").error().is(Errc::exists));
  EXPECT_TRUE(add(devices, "b", "", "", "u").error().is(Errc::exists));
  EXPECT_EQ(devices.entries().size(), 1u);
}

Devices parsed(const std::string& text, std::string& problems) {
  smtp::Credentials users;
  users.add("camera", "secret");
  auto reader = config::parse(text, "edge.toml");
  config::Table root = reader.value().root();
  Devices devices = Devices::parse(root, users);
  const Status finished = reader.value().finish();
  problems = finished.has_error() ? finished.error().diagnostics : "";
  return devices;
}

TEST(Devices, are_read_from_the_configuration) {
  std::string problems;
  const Devices devices = parsed(
      "[[device]]\nname = \"a\"\nmac = \"00:40:8C:12:34:56\"\nuser = \"camera\"\n"
      "[[device]]\nname = \"b\"\naddress = \"192.0.2.7\"\n",
      problems);
  EXPECT_EQ(problems, "");
  ASSERT_EQ(devices.entries().size(), 2u);
  EXPECT_EQ(devices.entries()[0].mac, "00:40:8c:12:34:56");
  EXPECT_EQ(devices.of_user("camera")->name, "a");
}

TEST(Devices, a_user_that_does_not_exist_and_a_device_without_a_way_are_told) {
  std::string problems;
  parsed("[[device]]\nname = \"a\"\nuser = \"camrea\"\n[[device]]\nname = \"b\"\n", problems);
  EXPECT_NE(problems.find("there is no [[smtp.user]] called so"), std::string::npos) << problems;
  EXPECT_NE(problems.find("an address, a mac or a user is wanted"), std::string::npos) << problems;
}

}  // namespace
}  // namespace alarmwire::edge
