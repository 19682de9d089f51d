#include "edge/smtp/network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace alarmwire::smtp {
namespace {

constexpr unsigned mapped_bits = 96;  // ::ffff:0:0/96 holds IPv4

bool is_mapped(const AddressBytes& address) {
  constexpr AddressBytes mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(mapped.begin(), mapped.begin() + mapped_bits / 8, address.begin());
}

}  // namespace

std::optional<AddressBytes> parse_address(const std::string& text) {
  AddressBytes bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes = {};
  bytes[10] = bytes[11] = 0xff;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + mapped_bits / 8) == 1) return bytes;
  return {};
}

std::optional<Network> Network::parse(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  const auto address = parse_address(host);
  if (!address) return {};
  if (slash == std::string::npos) return Network{*address, 128};
  const bool v4 = is_mapped(*address) && host.find(':') == std::string::npos;
  unsigned bits = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
  if (error != std::errc{} || stop != end || bits > (v4 ? 32u : 128u)) return {};
  return Network{*address, v4 ? mapped_bits + bits : bits};
}

bool Network::contains(const AddressBytes& other) const {
  const unsigned whole = prefix_bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, other.begin())) return false;
  const unsigned rest = prefix_bits % 8;
  if (rest == 0) return true;
  return (address[whole] ^ other[whole]) >> (8 - rest) == 0;
}

}  // namespace alarmwire::smtp
