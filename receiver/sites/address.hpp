// Mail addresses as they may leave the centre: plain ASCII, no quotes, no source routes, no tricks.
//
// What a device wrote is hostile until it has passed parse_address(): the result is safe to put
// between the angle brackets of an SMTP command. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alarmwire::sites {

inline constexpr std::size_t local_part_bytes_max = 64;  // RFC 5321 4.5.3.1.1
inline constexpr std::size_t domain_bytes_max = 253;     // RFC 1035 2.3.4, as text

struct Address {
  std::string local;   // as written: [A-Za-z0-9._+=-], dots only between other characters
  std::string domain;  // lower case, letters-digits-hyphen labels

  std::string text() const { return local + "@" + domain; }
  // For comparing: nobody may hide behind the case of a letter.
  std::string folded() const;
};

std::optional<Address> parse_address(std::string_view text);
bool is_domain(std::string_view text);
std::string to_lower(std::string_view text);  // ASCII only, whatever the locale

}  // namespace alarmwire::sites
