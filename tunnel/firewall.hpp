// The tunnel's own nft table: who may come in through the tunnel, and that nothing of the link
// leaves or enters beside it, nor is forwarded.
//
// The text is made by a pure function and handed to `nft -f -` (the nftables package) as one
// transaction: the old table stands until the new one does. Thread-safety: functions without
// state; apply and remove block for some milliseconds (limit `nft_wait_ms`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "tunnel/address.hpp"

namespace alarmwire::tunnel::firewall {

inline constexpr int nft_wait_ms = 5000;

// Who parses the bytes of strangers beside this tunnel: of its own accord it may reach the centre's
// link and nothing else, on any interface. Answers on connections that others made pass.
struct Guarded {
  std::uint32_t uid = 0;
  Ipv6 centre;
  std::uint16_t link_port = 0;
  std::uint16_t enrolment_port = 0;  // 0: not there either
};

struct Rules {
  std::string interface;  // is_valid_interface_name
  Prefix prefix;
  Ipv6 own_address;
  // New TCP connections from the tunnel: the link port at the centre, none at a box.
  std::vector<std::uint16_t> allow_tcp_ports;
  // Who holds only a ticket so far: reaches this port and nothing else, and nobody else reaches it.
  std::vector<Ipv6> bootstrap{};
  std::uint16_t enrolment_port = 0;
  std::optional<Guarded> guarded{};
  // UDP from outside to these ports is taken as if it came to listen_port; answers leave by the
  // port that was called.
  std::vector<std::uint16_t> more_listen_ports{};
  std::uint16_t listen_port = 0;
};

std::string table_name(const std::string& interface);  // "alarmwire_wgedge"
std::string ruleset(const Rules& rules);               // replaces the table in one transaction
std::string removal(const std::string& interface);     // no error if it is not there
Status apply(const std::string& text);  // Errc::denied, Errc::unsupported (no nft), Errc::io

}  // namespace alarmwire::tunnel::firewall
