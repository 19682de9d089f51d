#include "common/mail_head.hpp"

#include <algorithm>

#include "common/text.hpp"

namespace alarmwire {
namespace {

constexpr std::string_view subject_name = "subject";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes one line off `rest`, without its end.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_subject(std::string_view name) {
  name = trimmed(name);  // obsolete syntax has blanks before the colon (RFC 5322 4.5)
  return name.size() == subject_name.size() &&
         std::equal(name.begin(), name.end(), subject_name.begin(),
                    [](char a, char b) { return lower(a) == b; });
}

std::string shortened(std::string text) {
  if (text.size() <= subject_bytes_max) return text;
  std::size_t end = 0;
  while (true) {
    const std::size_t length = utf8_length(std::string_view(text).substr(end));
    if (end + length > subject_bytes_max) break;
    end += length;
  }
  return text.substr(0, end) + "…";
}

}  // namespace

std::string subject_of(std::string_view head) {
  head = head.substr(0, mail_head_bytes_max);
  while (!head.empty()) {
    const std::string_view line = take_line(head);
    if (line.empty()) break;  // the body follows
    const std::size_t colon = line.find(':');
    if (is_blank(line.front()) || colon == std::string_view::npos) continue;
    if (!is_subject(line.substr(0, colon))) continue;
    std::string value(trimmed(line.substr(colon + 1)));
    while (!head.empty() && is_blank(head.front())) {
      const std::string_view more = trimmed(take_line(head));
      if (!more.empty()) value += (value.empty() ? "" : " ") + std::string(more);
    }
    return shortened(scrub_utf8(std::move(value)));
  }
  return {};
}

}  // namespace alarmwire
