#include "grpc/server/peer.hpp"

namespace alarmwire::link {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                         hex_digit(text[i + 2]) >= 0;
    plain +=
        escaped ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return plain;
}

}  // namespace

std::string address_of_peer(std::string_view peer) {
  const bool is_v6 = peer.substr(0, 5) == "ipv6:";
  if (!is_v6 && peer.substr(0, 5) != "ipv4:") return {};
  std::string address = percent_decoded(peer.substr(5));
  const auto port = address.rfind(':');
  const auto bracket = address.rfind(']');
  if (port != std::string::npos && (!is_v6 || bracket != std::string::npos)) address.resize(port);
  if (address.size() >= 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  constexpr std::string_view mapped = "::ffff:";
  const bool is_mapped =
      address.compare(0, mapped.size(), mapped) == 0 && address.find('.') != std::string::npos;
  return is_mapped ? address.substr(mapped.size()) : address;
}

}  // namespace alarmwire::link
