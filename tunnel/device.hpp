// A WireGuard interface, whatever drives it: the kernel, wireguard-go, or a fake.
//
// apply() brings the device to a whole wanted state and touches only what differs: peers that stay
// as they are keep their sessions. Every call is synchronous and bounded (a second at most), for
// the daemon's one thread; after a failure apply the whole state again.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/error.hpp"
#include "tunnel/address.hpp"
#include "tunnel/keys.hpp"

namespace alarmwire::tunnel {

inline constexpr std::size_t peers_max = 20'000;
// 25 s keeps NAT mappings open; <= 5 s would starve WireGuard's own handshake retry (measured).
inline constexpr std::uint16_t keepalive_s = 25;
// On what the kernel's WireGuard sends out ("awwg"). An encrypted packet still belongs to the
// socket whose data is inside; by the mark rules on users tell it from what that user sends.
inline constexpr std::uint32_t outer_packet_mark = 0x61777767;

struct PeerConfig {
  PublicKey public_key;
  std::optional<SecretKey> preshared_key;
  Ipv6 tunnel_address;               // the one /128 this peer may speak from
  std::optional<Endpoint> endpoint;  // where it was last; only used when the device knows none
};

struct DeviceConfig {
  SecretKey private_key;
  std::uint16_t listen_port = 0;  // 0: any, and whichever it has is kept
  std::vector<PeerConfig> peers;
};

struct PeerStatus {
  PublicKey public_key;
  std::optional<SecretKey> preshared_key;
  std::optional<Ipv6> tunnel_address;  // absent unless it is exactly one /128
  std::optional<Endpoint> endpoint;
  WallTimeUs last_handshake = 0;  // 0: never
  std::uint64_t rx_bytes = 0;     // authenticated bytes only
  std::uint64_t tx_bytes = 0;
  std::uint16_t keepalive_s = 0;
};

struct DeviceStatus {
  std::optional<SecretKey> private_key;
  std::uint16_t listen_port = 0;
  std::vector<PeerStatus> peers;
};

class TunnelDevice {
 public:
  virtual ~TunnelDevice() = default;
  // Makes the interface (or adopts the one it left behind) without peers. Errc::unsupported: this
  // machine has no such kind of device; Errc::denied: CAP_NET_ADMIN is missing.
  virtual Status create() = 0;
  virtual Status apply(const DeviceConfig& wanted) = 0;
  // Tells the peer's place again, even the same one: forgets the cached source address, and sends
  // a keepalive at once so that the other end learns ours.
  virtual Status set_endpoint(const PublicKey& peer, const Endpoint& endpoint) = 0;
  // Removes and adds the peer in one transaction: old session gone, new handshake begun.
  virtual Status kick(const PeerConfig& peer) = 0;
  virtual Result<DeviceStatus> status() = 0;
  virtual Status destroy() = 0;  // the interface is gone afterwards
  virtual Status release() = 0;  // our hold on it ends, the interface stays
  // Becomes readable when the device stopped serving and create() is due again; -1: never.
  virtual int loss_descriptor() const { return -1; }
  virtual std::string_view backend() const = 0;
  virtual std::string version() const { return {}; }
};

// Everything is checked before anything is applied: a UAPI `set` that fails half-way has already
// changed the first half.
Status validate(const DeviceConfig& config);

// What must be told to a device to get from its state to the wanted one.
struct PeerChange {
  enum class Kind : std::uint8_t { add, update, remove } kind = Kind::add;
  PeerConfig peer;
};
struct DeviceChange {
  std::optional<SecretKey> private_key;
  std::optional<std::uint16_t> listen_port;
  std::vector<PeerChange> peers;  // removals first: an address may move to a new key
  bool is_empty() const { return !private_key && !listen_port && peers.empty(); }
};
DeviceChange difference(const DeviceStatus& is, const DeviceConfig& wanted);

}  // namespace alarmwire::tunnel
