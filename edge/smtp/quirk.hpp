// What devices do beside the standard and what the door takes all the same. Seen quirks are noted
// per device, so that a technician can read what a camera's firmware is like. Some can be refused
// for one device (`refuse_quirks` of [[device]]).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace alarmwire::smtp {

enum class Quirk : std::uint8_t {
  no_greeting,         // MAIL before HELO or EHLO
  no_helo_name,        // HELO with nothing behind it
  odd_helo_name,       // blanks, underscores: neither a domain nor an address literal
  helo_after_ehlo,     // EHLO was answered 250, and HELO follows
  bare_lf,             // a command line ended by LF alone
  blank_before_colon,  // "MAIL FROM :<x>"
  no_colon,            // "MAIL FROM <x>"
  no_brackets,         // "MAIL FROM:x"
  display_name,        // "MAIL FROM:"Camera" <x>"
  no_domain,           // a recipient without "@domain"
  no_sender_domain,    // a sender without "@domain"
  empty_sender,        // "MAIL FROM:"
  not_utf8,            // an address in some 8-bit charset; read as Latin-1
  unknown_parameter,   // an ESMTP parameter that was not offered, or a value not understood
  auth_not_offered,    // AUTH, although the last greeting's reply did not name it
  wrong_password,      // AUTH failed; let in because AUTH is not required
  foreign_recipient,   // not of our zones; taken by the device's switch
  lf_only,             // LF ends every line, and LF.LF the mail
  bare_lf_in_content,  // LF without CR inside a mail
  wrong_size,          // more bytes than SIZE= said
  no_headers,          // a mail that does not begin with a header
  no_date,             // no Date field
  no_message_id,       // no Message-ID field
  no_mime_version,     // no MIME-Version field
  undeclared_8bit,     // 8-bit bytes without BODY=8BITMIME
  long_line,           // a line of content over 998 bytes
  no_quit,             // the connection ended without QUIT
  old_tls,             // TLS 1.0 or 1.1
};

struct QuirkFacts {
  std::string_view name;
  bool refusable;  // before a mail's content is there; content is never refused
};
inline constexpr std::array<QuirkFacts, 28> quirk_facts{{
    {"no-greeting", true},
    {"no-helo-name", true},
    {"odd-helo-name", true},
    {"helo-after-ehlo", true},
    {"bare-lf", true},
    {"blank-before-colon", true},
    {"no-colon", true},
    {"no-brackets", true},
    {"display-name", true},
    {"no-domain", true},
    {"no-sender-domain", true},
    {"empty-sender", true},
    {"not-utf8", true},
    {"unknown-parameter", true},
    {"auth-not-offered", true},
    {"wrong-password", true},
    {"foreign-recipient", false},
    {"lf-only", true},
    {"bare-lf-in-content", false},
    {"wrong-size", false},
    {"no-headers", false},
    {"no-date", false},
    {"no-message-id", false},
    {"no-mime-version", false},
    {"undeclared-8bit", false},
    {"long-line", false},
    {"no-quit", false},
    {"old-tls", false},
}};
inline constexpr std::size_t quirk_count = quirk_facts.size();

constexpr std::string_view to_string(Quirk quirk) {
  return quirk_facts.at(static_cast<std::size_t>(quirk)).name;
}

inline std::optional<Quirk> quirk_from(std::string_view name) {
  for (std::size_t i = 0; i < quirk_count; ++i) {
    if (quirk_facts.at(i).name == name) return static_cast<Quirk>(i);
  }
  return {};
}

class QuirkSet {
 public:
  void add(Quirk quirk) { bits_ |= bit(quirk); }
  void add(QuirkSet others) { bits_ |= others.bits_; }
  void remove(Quirk quirk) { bits_ &= ~bit(quirk); }
  bool has(Quirk quirk) const { return (bits_ & bit(quirk)) != 0; }
  // Those of ours that `others` does not have.
  QuirkSet without(QuirkSet others) const { return QuirkSet(bits_ & ~others.bits_); }
  QuirkSet shared_with(QuirkSet others) const { return QuirkSet(bits_ & others.bits_); }
  bool empty() const { return bits_ == 0; }
  Quirk first() const {  // of a set that is not empty
    std::size_t i = 0;
    while ((bits_ >> i & 1u) == 0) ++i;
    return static_cast<Quirk>(i);
  }
  bool operator==(const QuirkSet&) const = default;

  QuirkSet() = default;

 private:
  static std::uint64_t bit(Quirk quirk) { return std::uint64_t{1} << static_cast<unsigned>(quirk); }
  explicit QuirkSet(std::uint64_t bits) : bits_(bits) {}
  std::uint64_t bits_ = 0;
};

}  // namespace alarmwire::smtp
