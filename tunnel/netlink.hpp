// The little of rtnetlink this room needs: one link, its address, its routes, a persistent TUN, and
// a monitor that says when the machine's network changed. Source: rtnetlink(7), over libmnl.
//
// Every function opens its own socket, asks once and waits for the kernel's acknowledgement.
// Additions are idempotent: what is there already is success. EPERM becomes Errc::denied.
// Thread-safety: functions without state; a Monitor belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "tunnel/address.hpp"
#include "tunnel/file.hpp"

namespace alarmwire::tunnel::netlink {

// Behind the tunnel's own route (1024): wins only when that one is gone.
inline constexpr std::uint32_t tunnel_route_metric = 1024;
inline constexpr std::uint32_t unreachable_route_metric = 4096;

struct Link {
  unsigned index = 0;
  std::string kind;  // "wireguard", "tun", …; "" for hardware
  bool is_up = false;
  std::uint32_t mtu = 0;
};
Result<std::optional<Link>> find_link(const std::string& name);
Status delete_link(const std::string& name);  // absent is success
// A TUN that outlives whoever attaches to it, owned by our user.
Status create_persistent_tun(const std::string& name);
// MTU, no link-local address of its own, up.
Status set_link_up(unsigned index, std::uint32_t mtu);
// The one address of `prefix` on this link; others of the prefix are taken away.
Status set_address(unsigned index, const Prefix& prefix, const Ipv6& address);

struct Route {
  Ipv6 destination;
  std::uint8_t bits = 128;
  unsigned link_index = 0;  // 0: an `unreachable` route
  std::uint32_t metric = tunnel_route_metric;
  std::optional<Ipv6> source;        // preferred source address
  std::uint32_t advertised_mss = 0;  // 0: not set
};
Status add_route(const Route& route);
Status delete_route(const Route& route);  // absent is success

// What a batch of notifications meant.
struct Changes {
  bool ours = false;    // the tunnel's link, address or routes: put them right again
  bool others = false;  // anything else: our outer source address may have changed
};
// Pure: reads one datagram of notifications. Malformed bytes are no change.
Changes classify(std::string_view datagram, unsigned own_index, const Prefix& prefix);

class Monitor {
 public:
  static Result<Monitor> open();  // non-blocking socket, all five groups
  int descriptor() const { return socket_.get(); }
  // Reads what is there. Lost notifications (ENOBUFS) count as a change of everything.
  Changes read(unsigned own_index, const Prefix& prefix);

 private:
  explicit Monitor(Descriptor socket) : socket_(std::move(socket)) {}
  Descriptor socket_;
};

}  // namespace alarmwire::tunnel::netlink
