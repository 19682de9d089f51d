// Small words on bytes from devices: ASCII only, no locale, no allocation where a view does.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alarmwire::smtp {

inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
std::string_view trim(std::string_view text);  // blanks at both ends
bool equal_ignoring_case(std::string_view a, std::string_view b);
bool starts_ignoring_case(std::string_view text, std::string_view start);
bool has_control_bytes(std::string_view text);
bool is_utf8(std::string_view text);

// Safe to keep and to show: valid UTF-8 (bytes that are not are read as Latin-1), control bytes as
// '?', at most `bytes_max` bytes.
std::string clean(std::string_view text, std::size_t bytes_max);

}  // namespace alarmwire::smtp
