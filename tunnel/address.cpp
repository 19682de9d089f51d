#include "tunnel/address.hpp"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>

namespace alarmwire::tunnel {
namespace {

constexpr std::size_t host_name_bytes_max = 253;  // RFC 1035 2.3.4, without the final dot

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool is_host_name(std::string_view host) {
  const auto is_host_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !host.empty() && host.size() <= host_name_bytes_max && host.front() != '-' &&
         host.front() != '.' && std::all_of(host.begin(), host.end(), is_host_char);
}

}  // namespace

std::optional<Ipv6> Ipv6::parse(std::string_view text) {
  Ipv6 address;
  if (inet_pton(AF_INET6, std::string(text).c_str(), address.bytes.data()) != 1)
    return std::nullopt;
  return address;
}

std::string Ipv6::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<Ipv6> address = Ipv6::parse(text.substr(0, slash));
  if (!address || slash == std::string_view::npos || text.substr(slash) != "/48") {
    return Failure(Errc::invalid_argument, "want an IPv6 prefix of the form fdxx:xxxx:xxxx::/48");
  }
  if (address->bytes[0] != 0xfd) {
    return Failure(Errc::invalid_argument,
                   "want a unique local prefix: it begins with fd (RFC 4193)");
  }
  Prefix prefix;
  std::copy_n(address->bytes.begin(), prefix.bytes.size(), prefix.bytes.begin());
  if (prefix.base() != *address) {
    return Failure(Errc::invalid_argument, "bits behind the first 48 are set");
  }
  return prefix;
}

Result<Prefix> Prefix::random() {
  Prefix prefix;
  if (RAND_bytes(prefix.bytes.data(), static_cast<int>(prefix.bytes.size())) != 1) {
    return Failure(Errc::io, "OpenSSL has no random bytes");
  }
  prefix.bytes[0] = 0xfd;
  return prefix;
}

std::string Prefix::to_string() const {
  return base().to_string() + "/48";
}

Ipv6 Prefix::base() const {
  Ipv6 address;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

Ipv6 Prefix::address_of(const PublicKey& key) const {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(key.bytes.data(), key.bytes.size(), hash.data());
  Ipv6 address = base();
  std::copy_n(hash.begin(), address.bytes.size() - bytes.size(),
              address.bytes.begin() + bytes.size());
  return address;
}

bool Prefix::contains(const Ipv6& address) const {
  return std::equal(bytes.begin(), bytes.end(), address.bytes.begin());
}

std::optional<Endpoint> Endpoint::from_host(std::string_view literal_host, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.port = port;
  const std::string host(literal_host);
  if (inet_pton(AF_INET, host.c_str(), endpoint.bytes.data()) == 1) return endpoint;
  endpoint.is_v6 = true;
  if (inet_pton(AF_INET6, host.c_str(), endpoint.bytes.data()) == 1) return endpoint;
  return std::nullopt;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::optional<EndpointName> name = EndpointName::parse(text);
  return name ? name->literal() : std::nullopt;
}

std::string Endpoint::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  const std::string host = text.data();
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<EndpointName> EndpointName::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port) return std::nullopt;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!Ipv6::parse(host)) return std::nullopt;
  } else if (!is_host_name(host)) {
    return std::nullopt;
  }
  return EndpointName{std::string(host), *port};
}

std::string EndpointName::to_string() const {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_valid_interface_name(std::string_view name) {
  const auto is_name_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 15 && name.front() >= 'a' && name.front() <= 'z' &&
         std::all_of(name.begin(), name.end(), is_name_char);
}

}  // namespace alarmwire::tunnel
