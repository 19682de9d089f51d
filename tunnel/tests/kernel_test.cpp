// The kernel backend against a real kernel: only where there is a WireGuard module and
// CAP_NET_ADMIN, in a network namespace of its own.
#include "tunnel/kernel.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <iostream>

namespace alarmwire::tunnel {
namespace {

TEST(KernelDevice, AppliesKicksAndReportsWhatItWasTold) {
  if (::unshare(CLONE_NEWNET) != 0) {
    std::cout
        << "SKIPPED, LOUDLY: no network namespace of our own: the kernel backend is untested\n";
    GTEST_SKIP();
  }
  KernelDevice device("wgtest");
  const Status created = device.create();
  if (!created && created.error().is(Errc::unsupported)) {
    std::cout << "SKIPPED, LOUDLY: this kernel has no WireGuard: the kernel backend is untested\n";
    GTEST_SKIP();
  }
  ASSERT_TRUE(created) << created.error().diagnostics;
  DeviceConfig config;
  config.private_key = generate_private_key().value();
  config.listen_port = 51999;
  PeerConfig peer;
  peer.public_key = public_key_of(generate_private_key().value()).value();
  peer.preshared_key = generate_preshared_key().value();
  peer.tunnel_address = Ipv6::parse("fd00::5").value();
  peer.endpoint = Endpoint::parse("192.0.2.1:51820");
  config.peers.push_back(peer);
  ASSERT_TRUE(device.apply(config));
  EXPECT_TRUE(difference(device.status().value(), config).is_empty());
  const Endpoint moved = Endpoint::parse("[2001:db8::1]:1").value();
  ASSERT_TRUE(device.set_endpoint(peer.public_key, moved));
  EXPECT_EQ(device.status().value().peers.at(0).endpoint, moved);
  ASSERT_TRUE(device.kick(peer));
  EXPECT_TRUE(difference(device.status().value(), config).is_empty());
  EXPECT_TRUE(device.destroy());
}

}  // namespace
}  // namespace alarmwire::tunnel
