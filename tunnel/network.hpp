// The tunnel's place in the machine's network: address, MTU, routes, and the `unreachable` route
// that makes packets to the installation's prefix fail instead of leaving in clear.
// Thread-safety: functions without state; they block for a few system calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/error.hpp"
#include "tunnel/address.hpp"

namespace alarmwire::tunnel {

struct NetworkPlan {
  std::string interface;
  Prefix prefix;
  Ipv6 own_address;
  std::optional<Ipv6> centre_address;  // a box routes only to its centre, the centre to all
  std::uint32_t mtu = 0;
};

// First of all, and never taken back: it must hold while the interface is gone.
Status block_outside(const Prefix& prefix);
// Idempotent; the interface's index. Errc::not_found: there is no such interface.
Result<unsigned> bring_up(const NetworkPlan& plan);

}  // namespace alarmwire::tunnel
