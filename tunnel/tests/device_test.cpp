#include "tunnel/device.hpp"

#include <gtest/gtest.h>

#include "tunnel/backend.hpp"
#include "tunnel/kernel.hpp"
#include "tunnel/remembered.hpp"
#include "tunnel/tests/fake_device.hpp"

namespace alarmwire::tunnel {
namespace {

PublicKey key_number(std::uint8_t number) {
  PublicKey key;
  key.bytes.fill(number);
  return key;
}

PeerConfig peer_number(std::uint8_t number) {
  PeerConfig peer;
  peer.public_key = key_number(number);
  peer.tunnel_address.bytes[15] = number;
  return peer;
}

DeviceConfig config_with(std::vector<PeerConfig> peers) {
  DeviceConfig config;
  config.private_key = SecretKey(key_number(77).bytes);
  config.listen_port = 51820;
  config.peers = std::move(peers);
  return config;
}

TEST(Validate, RefusesEachMistake) {
  EXPECT_TRUE(validate(config_with({peer_number(1), peer_number(2)})));
  EXPECT_FALSE(validate(DeviceConfig()));
  EXPECT_FALSE(validate(config_with({peer_number(1), peer_number(1)})));
  EXPECT_FALSE(validate(config_with({PeerConfig()})));
  PeerConfig same_address = peer_number(2);
  same_address.tunnel_address = peer_number(1).tunnel_address;
  EXPECT_FALSE(validate(config_with({peer_number(1), same_address})));
  PeerConfig no_port = peer_number(1);
  no_port.endpoint = Endpoint();
  EXPECT_FALSE(validate(config_with({no_port})));
  PeerConfig self = peer_number(1);
  self.public_key = public_key_of(SecretKey(key_number(77).bytes)).value();
  EXPECT_FALSE(validate(config_with({self})));
}

TEST(Difference, IsEmptyOnceApplied) {
  FakeDevice device;
  const DeviceConfig config = config_with({peer_number(1), peer_number(2)});
  ASSERT_TRUE(device.apply(config));
  EXPECT_TRUE(difference(device.state, config).is_empty());
}

TEST(Difference, LeavesPeersThatStayAlone) {
  FakeDevice device;
  ASSERT_TRUE(device.apply(config_with({peer_number(1), peer_number(2)})));
  const DeviceChange change =
      difference(device.state, config_with({peer_number(1), peer_number(3)}));
  ASSERT_EQ(change.peers.size(), 2U);
  EXPECT_EQ(change.peers[0].kind, PeerChange::Kind::remove);
  EXPECT_EQ(change.peers[0].peer.public_key, key_number(2));
  EXPECT_EQ(change.peers[1].kind, PeerChange::Kind::add);
  EXPECT_FALSE(change.private_key);
  EXPECT_FALSE(change.listen_port);
}

TEST(Difference, NeverOverwritesAnEndpointTheDeviceLearned) {
  FakeDevice device;
  ASSERT_TRUE(device.apply(config_with({peer_number(1)})));
  device.find(key_number(1)).endpoint = Endpoint::parse("198.51.100.1:1");
  PeerConfig peer = peer_number(1);
  peer.endpoint = Endpoint::parse("192.0.2.1:2");
  EXPECT_TRUE(difference(device.state, config_with({peer})).is_empty());
  peer.preshared_key = SecretKey(key_number(5).bytes);
  const DeviceChange change = difference(device.state, config_with({peer}));
  ASSERT_EQ(change.peers.size(), 1U);
  EXPECT_EQ(change.peers[0].kind, PeerChange::Kind::update);
  EXPECT_FALSE(change.peers[0].peer.endpoint);
}

TEST(Difference, ListenPortZeroKeepsWhatThereIs) {
  FakeDevice device;
  ASSERT_TRUE(device.apply(config_with({})));
  DeviceConfig config = config_with({});
  config.listen_port = 0;
  EXPECT_TRUE(difference(device.state, config).is_empty());
}

TEST(Backend, OnlyNoSuchDeviceTypeFallsBack) {
  auto first = std::make_unique<FakeDevice>("kernel");
  first->create_failure = kernel_create_failure(EOPNOTSUPP, "wg");
  auto chosen = first_that_works(std::move(first), std::make_unique<FakeDevice>("userspace"));
  EXPECT_EQ(chosen.value()->backend(), "userspace");
  chosen = first_that_works(std::make_unique<FakeDevice>("kernel"),
                            std::make_unique<FakeDevice>("userspace"));
  EXPECT_EQ(chosen.value()->backend(), "kernel");
}

TEST(Backend, AMissingPermissionIsAnError) {
  for (const int error : {EPERM, EEXIST, ENOMEM, EINVAL}) {
    auto first = std::make_unique<FakeDevice>("kernel");
    first->create_failure = kernel_create_failure(error, "wg");
    const auto chosen = first_that_works(std::move(first), std::make_unique<FakeDevice>("u"));
    ASSERT_FALSE(chosen) << error;
  }
  EXPECT_TRUE(kernel_create_failure(EPERM, "wg").is(Errc::denied));
  EXPECT_NE(kernel_create_failure(EPERM, "wg").diagnostics.find("CAP_NET_ADMIN"),
            std::string::npos);
}

TEST(Remembered, SurvivesTheTripAndRefusesDamage) {
  const Endpoints endpoints{{key_number(1), Endpoint::parse("192.0.2.1:51820").value()},
                            {key_number(2), Endpoint::parse("[2001:db8::1]:1").value()}};
  EXPECT_EQ(parse_endpoints(format_endpoints(endpoints)).value(), endpoints);
  for (const char* bad : {"", "[]", "{}", "{\"endpoints\":[]}", "{\"endpoints\":{\"x\":\"1\"}}"}) {
    EXPECT_TRUE(parse_endpoints(bad).error().is(Errc::corrupt)) << bad;
  }
  EXPECT_TRUE(load_endpoints("/nonexistent").value().empty());
}

}  // namespace
}  // namespace alarmwire::tunnel
