// What devices do beside the standard and what the door takes all the same. Seen quirks are noted
// per device, so that a technician can read what a camera's firmware is like.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace alarmwire::smtp {

enum class Quirk : std::uint8_t {
  no_greeting,         // MAIL before HELO or EHLO
  no_helo_name,        // HELO with nothing behind it
  bare_lf,             // a command line ended by LF alone
  blank_before_colon,  // "MAIL FROM :<x>"
  no_colon,            // "MAIL FROM <x>"
  no_brackets,         // "MAIL FROM:x"
  display_name,        // "MAIL FROM:"Camera" <x>"
  no_domain,           // a recipient without "@domain"
  empty_sender,        // "MAIL FROM:"
  not_utf8,            // an address in some 8-bit charset; read as Latin-1
  unknown_parameter,   // an ESMTP parameter that was not offered, or a value not understood
};
inline constexpr std::size_t quirk_count = 11;

inline std::string_view to_string(Quirk quirk) {
  constexpr std::array<std::string_view, quirk_count> names{
      "no-greeting",  "no-helo-name", "bare-lf",          "blank-before-colon",
      "no-colon",     "no-brackets",  "display-name",     "no-domain",
      "empty-sender", "not-utf8",     "unknown-parameter"};
  return names.at(static_cast<std::size_t>(quirk));
}

class QuirkSet {
 public:
  void add(Quirk quirk) { bits_ |= 1u << static_cast<unsigned>(quirk); }
  void add(QuirkSet others) { bits_ |= others.bits_; }
  bool has(Quirk quirk) const { return (bits_ >> static_cast<unsigned>(quirk) & 1u) != 0; }
  // Those of ours that `others` does not have.
  QuirkSet without(QuirkSet others) const { return QuirkSet(bits_ & ~others.bits_); }
  bool empty() const { return bits_ == 0; }
  bool operator==(const QuirkSet&) const = default;

  QuirkSet() = default;

 private:
  explicit QuirkSet(std::uint32_t bits) : bits_(bits) {}
  std::uint32_t bits_ = 0;
};

}  // namespace alarmwire::smtp
