#include "edge/daemon/devices.hpp"

#include <gtest/gtest.h>

namespace alarmwire::edge {
namespace {

using boost::asio::ip::make_address;

TEST(Devices, the_narrowest_network_names_the_device) {
  Devices devices;
  ASSERT_TRUE(devices.add("lan", "192.0.2.0/24"));
  ASSERT_TRUE(devices.add("cam1", "192.0.2.7"));
  ASSERT_TRUE(devices.add("hall", "192.0.2.0/28"));
  EXPECT_EQ(devices.find(make_address("192.0.2.7")).name, "cam1");
  EXPECT_EQ(devices.find(make_address("192.0.2.8")).name, "hall");
  EXPECT_EQ(devices.find(make_address("192.0.2.200")).name, "lan");
}

TEST(Devices, an_unknown_device_has_no_name) {
  const Devices devices;
  EXPECT_EQ(devices.find(make_address("192.0.2.7")).name, "");
  EXPECT_EQ(devices.find(make_address("2001:db8::7")).name, "");
}

TEST(Devices, ipv6_and_mapped_addresses_are_known_too) {
  Devices devices;
  ASSERT_TRUE(devices.add("cam6", "2001:db8::/64"));
  ASSERT_TRUE(devices.add("cam4", "192.0.2.7"));
  EXPECT_EQ(devices.find(make_address("2001:db8::7")).name, "cam6");
  EXPECT_EQ(devices.find(make_address("::ffff:192.0.2.7")).name, "cam4");
}

TEST(Devices, nonsense_is_refused) {
  Devices devices;
  for (const char* bad : {"", "cam", "192.0.2.300", "192.0.2.0/33", "2001:db8::/129", "192.0.2.7/"})
    EXPECT_FALSE(devices.add("x", bad)) << bad;
  EXPECT_EQ(devices.size(), 0u);
}

}  // namespace
}  // namespace alarmwire::edge
