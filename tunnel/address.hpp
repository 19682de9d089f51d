// Addresses in the tunnel, and endpoints outside of it.
//
// The installation owns one random ULA /48 (RFC 4193 3.2.2). A key's tunnel address is
//   bits 0..47    the prefix
//   bits 48..127  the first 80 bits (bytes 0..9) of SHA-256 over the raw 32 bytes of the public key
// so nothing is leased, and who holds the key holds the address (WireGuard's cryptokey routing).
// Thread-safety: values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "tunnel/keys.hpp"

namespace alarmwire::tunnel {

struct Ipv6 {
  std::array<std::uint8_t, 16> bytes{};

  static std::optional<Ipv6> parse(std::string_view text);
  std::string to_string() const;  // RFC 5952
  auto operator<=>(const Ipv6&) const = default;
};

struct Prefix {
  static constexpr int bits = 48;
  std::array<std::uint8_t, 6> bytes{};

  static Result<Prefix> parse(std::string_view text);  // "fd12:3456:789a::/48", nothing else
  static Result<Prefix> random();                      // fd + 40 random bits
  std::string to_string() const;
  Ipv6 base() const;
  Ipv6 address_of(const PublicKey& key) const;
  bool contains(const Ipv6& address) const;
  auto operator<=>(const Prefix&) const = default;
};

// Where a peer is reached on the outside: a literal address and a UDP port.
struct Endpoint {
  bool is_v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // an IPv4 address is in the first four
  std::uint16_t port = 0;

  static std::optional<Endpoint> parse(
      std::string_view text);  // "192.0.2.1:51820", "[2001:db8::1]:51820"
  static std::optional<Endpoint> from_host(std::string_view literal_host, std::uint16_t port);
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

// As written in the config: "host:port", where host is a name or a literal address.
struct EndpointName {
  std::string host;
  std::uint16_t port = 0;

  static std::optional<EndpointName> parse(std::string_view text);
  std::optional<Endpoint> literal() const { return Endpoint::from_host(host, port); }
  std::string to_string() const;
  auto operator<=>(const EndpointName&) const = default;
};

// 1..15 of [a-z0-9_-], first a letter: safe in netlink, in a path and in an nft identifier.
bool is_valid_interface_name(std::string_view name);

}  // namespace alarmwire::tunnel
