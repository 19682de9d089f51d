#include "tunnel/uapi.hpp"

#include <gtest/gtest.h>

namespace alarmwire::tunnel::uapi {
namespace {

PublicKey key_number(std::uint8_t number) {
  PublicKey key;
  key.bytes.fill(number);
  return key;
}

std::string hex(std::uint8_t number) {
  return to_hex(key_number(number).bytes);
}

PeerConfig peer_number(std::uint8_t number) {
  PeerConfig peer;
  peer.public_key = key_number(number);
  peer.tunnel_address = Ipv6::parse("fd00::5").value();
  peer.endpoint = Endpoint::parse("192.0.2.1:51820");
  return peer;
}

TEST(Uapi, AKickRemovesAndAddsInOneTransaction) {
  PeerConfig peer = peer_number(1);
  peer.preshared_key = SecretKey(key_number(2).bytes);
  EXPECT_EQ(kick_request(peer), "set=1\npublic_key=" + hex(1) + "\nremove=true\npublic_key=" +
                                    hex(1) + "\npreshared_key=" + hex(2) +
                                    "\nendpoint=192.0.2.1:51820\npersistent_keepalive_interval=25\n"
                                    "replace_allowed_ips=true\nallowed_ip=fd00::5/128\n\n");
}

TEST(Uapi, SettingAnEndpointSendsAKeepaliveAtOnce) {
  EXPECT_EQ(set_endpoint_request(key_number(1), Endpoint::parse("[2001:db8::1]:1").value()),
            "set=1\npublic_key=" + hex(1) +
                "\nupdate_only=true\nendpoint=[2001:db8::1]:1\npersistent_keepalive_interval=0\n"
                "persistent_keepalive_interval=25\n\n");
}

TEST(Uapi, ASetTellsOnlyWhatChanges) {
  DeviceChange change;
  change.listen_port = 51820;
  change.peers.push_back({PeerChange::Kind::remove, peer_number(3)});
  EXPECT_EQ(set_request(change),
            "set=1\nlisten_port=51820\npublic_key=" + hex(3) + "\nremove=true\n\n");
}

TEST(Uapi, ReadsAGetAnswer) {
  const std::string answer =
      "private_key=" + hex(9) + "\nlisten_port=4242\nfwmark=1\npublic_key=" + hex(1) +
      "\npreshared_key=" + hex(0) +
      "\nprotocol_version=1\nendpoint=[2001:db8::1]:443\n"
      "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5000\ntx_bytes=7\nrx_bytes=8\n"
      "persistent_keepalive_interval=25\nallowed_ip=fd00::5/128\npublic_key=" +
      hex(2) + "\npreshared_key=" + hex(4) +
      "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
      "allowed_ip=fd00::6/128\nallowed_ip=fd00::7/128\nerrno=0\n\n";
  const DeviceStatus status = parse_get_answer(answer).value();
  EXPECT_EQ(status.listen_port, 4242);
  EXPECT_EQ(status.private_key->bytes, key_number(9).bytes);
  ASSERT_EQ(status.peers.size(), 2U);
  EXPECT_EQ(status.peers[0].endpoint->to_string(), "[2001:db8::1]:443");
  EXPECT_EQ(status.peers[0].last_handshake, 1'700'000'000'000'005);
  EXPECT_EQ(status.peers[0].rx_bytes, 8U);
  EXPECT_EQ(status.peers[0].tunnel_address->to_string(), "fd00::5");
  EXPECT_FALSE(status.peers[0].preshared_key);
  EXPECT_TRUE(status.peers[1].preshared_key);
  EXPECT_EQ(status.peers[1].last_handshake, 0);
  EXPECT_FALSE(status.peers[1].tunnel_address);  // two are not the one we gave
}

TEST(Uapi, MalformedAnswersAreRefused) {
  const std::string peer = "public_key=" + hex(1) + "\n";
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("errno=0\n"), std::string("errno=\n\n"),
        std::string("errno=0\nerrno=0\n\n"), std::string("nonsense\nerrno=0\n\n"),
        std::string("private_key=zz\nerrno=0\n\n"), std::string("listen_port=70000\nerrno=0\n\n"),
        std::string("public_key=12\nerrno=0\n\n"), peer + "rx_bytes=-1\nerrno=0\n\n",
        peer + "endpoint=host:1\nerrno=0\n\n", peer + "last_handshake_time_sec=-1\nerrno=0\n\n",
        peer + "last_handshake_time_sec=9223372036854775807\nerrno=0\n\n",
        peer + "last_handshake_time_nsec=1000000000\nerrno=0\n\n", peer + "\n"}) {
    const Result<DeviceStatus> status = parse_get_answer(bad);
    ASSERT_FALSE(status) << bad;
    EXPECT_TRUE(status.error().is(Errc::corrupt)) << bad;
  }
}

TEST(Uapi, AnErrnoIsAFailure) {
  EXPECT_TRUE(parse_set_answer("errno=0\n\n"));
  const Status failed = parse_set_answer("errno=-22\n\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code.value(), 22);
}

}  // namespace
}  // namespace alarmwire::tunnel::uapi
