#include "receiver/outlets/mime.hpp"

#include <algorithm>
#include <cstdint>

namespace alarmwire::outlets {
namespace {

constexpr std::size_t plain_header_bytes_max = 60;
constexpr std::size_t encoded_word_bytes_max = 42;  // of UTF-8: 56 in base64, below RFC 2047's 75
constexpr std::size_t quoted_line_max = 76;

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

// The length of the well-formed UTF-8 character in front, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text.front());
  std::size_t length = 1;
  if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3;
  } else if (first >= 0xc2 && first < 0xe0) {
    length = 2;
  } else if (first >= 0x80) {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<std::uint8_t>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view part = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < part.size() ? static_cast<std::uint8_t>(part[k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= part.size() ? digits[bits >> (6 * (3 - k)) & 0x3f] : '=';
  }
  return text;
}

void append_quoted(std::string& line, char c) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  const auto byte = static_cast<std::uint8_t>(c);
  line += '=';
  line += hex[byte >> 4];
  line += hex[byte & 0x0f];
}

std::string quoted_line(std::string_view text) {
  std::string out;
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool trailing = i + 1 == text.size() && c == ' ';
    std::string piece;
    // A '.' or "From" at the start of a line is some server's trap.
    const bool risky_start = line.empty() && (c == '.' || c == 'F');
    if (is_printable(c) && c != '=' && !trailing && !risky_start) {
      piece = c;
    } else {
      append_quoted(piece, c);
    }
    if (line.size() + piece.size() >= quoted_line_max) {
      out += line + "=\r\n";
      line.clear();
    }
    line += piece;
  }
  return out + line + "\r\n";
}

}  // namespace

std::string ascii_only(std::string_view text, std::size_t bytes_max) {
  std::string out(text.substr(0, bytes_max));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return !is_printable(c); }, '?');
  return out;
}

std::string encode_header_text(std::string_view text) {
  const bool plain = text.size() <= plain_header_bytes_max &&
                     std::all_of(text.begin(), text.end(), is_printable) &&
                     text.find("=?") == std::string_view::npos;
  if (plain) return std::string(text);
  std::string out;
  std::string word;
  const auto flush = [&out, &word] {
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + base64(word) + "?=";
    word.clear();
  };
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const bool is_text = length > 1 || is_printable(text.front());
    const std::string piece = length == 0 || !is_text ? "?" : std::string(text.substr(0, length));
    if (word.size() + piece.size() > encoded_word_bytes_max) flush();
    word += piece;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  if (!word.empty()) flush();
  return out;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += quoted_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace alarmwire::outlets
