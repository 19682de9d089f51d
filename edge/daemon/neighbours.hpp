// Which MAC an address on the LAN has: the kernel's neighbour table (ARP, NDP) as it is told by
// rtnetlink (rtnetlink(7), RTM_NEWNEIGH). Bytes in, answers out; the driver is neighbour_watch.hpp.
//
// A MAC can be forged by whoever is on the LAN: good for names, never for rights.
// Bounded by neighbours_max; what comes beyond is not known. Thread-safety: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "edge/smtp/network.hpp"

namespace alarmwire::edge {

inline constexpr std::size_t neighbours_max = 16'384;

using Mac = std::array<std::uint8_t, 6>;
// "00:40:8c:12:34:56", "00-40-8C-12-34-56" or "00408c123456".
std::optional<Mac> parse_mac(std::string_view text);
std::string to_string(const Mac& mac);  // "00:40:8c:12:34:56"

class NeighbourTable {
 public:
  // One datagram of rtnetlink, any bytes: neighbours that came, changed or went.
  void apply(std::string_view datagram);
  // `interface`: of a link-local address; 0: whichever has it. Nothing when two interfaces differ.
  std::optional<Mac> find(const smtp::AddressBytes& address, unsigned interface) const;
  std::size_t size() const { return macs_.size(); }

 private:
  void apply_one(const void* message);
  std::map<std::pair<smtp::AddressBytes, unsigned>, Mac> macs_;
};

}  // namespace alarmwire::edge
