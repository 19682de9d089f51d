#include "edge/smtp/text.hpp"

#include <algorithm>
#include <cstdint>

#include "common/text.hpp"

namespace alarmwire::smtp {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_control(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool starts_ignoring_case(std::string_view text, std::string_view start) {
  return equal_ignoring_case(text.substr(0, start.size()), start);
}

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string clean(std::string_view text, std::size_t bytes_max) {
  std::string result;
  const bool utf8 = is_utf8(text);
  while (!text.empty()) {
    const std::size_t length = utf8 ? utf8_length(text) : 1;
    const auto byte = static_cast<std::uint8_t>(text[0]);
    if (result.size() + (utf8 || byte < 0x80 ? length : 2) > bytes_max) break;
    if (is_control(text[0])) {
      result += '?';
    } else if (utf8 || byte < 0x80) {
      result += text.substr(0, length);
    } else {
      result += static_cast<char>(0xc0 | byte >> 6);
      result += static_cast<char>(0x80 | (byte & 0x3f));
    }
    text.remove_prefix(length);
  }
  return result;
}

}  // namespace alarmwire::smtp
