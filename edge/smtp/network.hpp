// An IPv4 or IPv6 network, to say whose connections a listener takes. Values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace alarmwire::smtp {

// IPv4 stands as IPv4-mapped IPv6 (RFC 4291 2.5.5.2).
using AddressBytes = std::array<std::uint8_t, 16>;
std::optional<AddressBytes> parse_address(const std::string& text);

struct Network {
  AddressBytes address{};
  unsigned prefix_bits = 128;

  // "192.168.1.0/24", "fd00::/8", or one address.
  static std::optional<Network> parse(const std::string& text);
  bool contains(const AddressBytes& other) const;
  bool operator==(const Network&) const = default;
};

}  // namespace alarmwire::smtp
