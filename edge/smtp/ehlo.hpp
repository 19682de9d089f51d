// The extensions of the EHLO reply (RFC 5321 4.1.1.1), and which of them one device gets to see.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alarmwire::smtp {

enum class Extension : std::uint8_t {
  pipelining,             // RFC 2920
  size,                   // RFC 1870
  eight_bit_mime,         // RFC 6152
  enhanced_status_codes,  // RFC 2034
  smtputf8,               // RFC 6531
  limits,                 // RFC 9422
  auth,                   // RFC 4954, with the twin line that clients before the RFC look for
  starttls,               // RFC 3207
};
inline constexpr std::array<std::string_view, 8> extension_names{
    "PIPELINING", "SIZE",   "8BITMIME", "ENHANCEDSTATUSCODES",
    "SMTPUTF8",   "LIMITS", "AUTH",     "STARTTLS"};
std::optional<Extension> extension_from(std::string_view name);

class ExtensionSet {
 public:
  void add(Extension one) {
    bits_ = static_cast<std::uint8_t>(bits_ | 1u << static_cast<int>(one));
  }
  bool has(Extension one) const { return (bits_ >> static_cast<int>(one) & 1) != 0; }
  static ExtensionSet all();
  bool operator==(const ExtensionSet&) const = default;

 private:
  std::uint8_t bits_ = 0;
};

struct EhloFacts {
  std::string_view hostname;
  std::string_view peer_address;
  std::uint64_t message_bytes = 0;
  std::size_t recipients = 0;
  ExtensionSet shown;
};

// All lines of the reply, each with its CRLF.
std::string ehlo_reply(const EhloFacts& facts);

}  // namespace alarmwire::smtp
