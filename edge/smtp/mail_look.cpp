#include "edge/smtp/mail_look.hpp"

#include <algorithm>
#include <cstdint>

#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

// The line at the front of `text` without its line end; `text` keeps the rest.
std::string_view cut_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// "Subject" of "Subject: x" (RFC 5322 2.2); empty when the line is no field.
std::string_view field_name(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(':'));
  const bool is_name =
      name.size() < line.size() && !name.empty() &&
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return is_name ? name : std::string_view{};
}

bool has_high_bit(std::string_view text) {
  std::uint8_t bits = 0;
  for (const char c : text) bits |= static_cast<std::uint8_t>(c);
  return (bits & 0x80) != 0;
}

QuirkSet look_at_header(std::string_view text, bool whole) {
  QuirkSet missing;
  for (const Quirk quirk :
       {Quirk::no_headers, Quirk::no_date, Quirk::no_message_id, Quirk::no_mime_version}) {
    missing.add(quirk);
  }
  bool complete = whole;
  while (!text.empty()) {
    if (!whole && text.find('\n') == std::string_view::npos) break;  // a line cut in two
    const std::string_view line = cut_line(text);
    const std::string_view name = field_name(line);
    if (name.empty() && !(line.starts_with(' ') || line.starts_with('\t'))) {
      complete = true;  // the empty line, or a body without one
      break;
    }
    if (!name.empty()) missing.remove(Quirk::no_headers);
    if (equal_ignoring_case(name, "Date")) missing.remove(Quirk::no_date);
    if (equal_ignoring_case(name, "Message-ID")) missing.remove(Quirk::no_message_id);
    if (equal_ignoring_case(name, "MIME-Version")) missing.remove(Quirk::no_mime_version);
  }
  return complete ? missing : QuirkSet{};
}

bool has_long_line(std::string_view text) {
  while (text.size() > text_line_bytes_max) {
    if (cut_line(text).size() > text_line_bytes_max) return true;
  }
  return false;
}

}  // namespace

QuirkSet look_at_mail(std::string_view beginning, bool whole) {
  QuirkSet quirks = look_at_header(beginning, whole);
  if (has_long_line(beginning)) quirks.add(Quirk::long_line);
  if (has_high_bit(beginning)) quirks.add(Quirk::undeclared_8bit);
  return quirks;
}

std::string mailer_of(std::string_view beginning) {
  while (!beginning.empty()) {
    const std::string_view line = cut_line(beginning);
    const std::string_view name = field_name(line);
    if (name.empty() && !(line.starts_with(' ') || line.starts_with('\t'))) break;
    if (equal_ignoring_case(name, "X-Mailer") || equal_ignoring_case(name, "User-Agent"))
      return std::string(trim(line.substr(name.size() + 1)).substr(0, mailer_bytes_max));
  }
  return {};
}

}  // namespace alarmwire::smtp
