#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

namespace alarmwire {
namespace {

constexpr std::size_t compared_bytes_max = 64;

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

bool in(std::uint8_t byte, std::uint8_t least, std::uint8_t most) {
  return byte >= least && byte <= most;
}

// C1 controls and the two separators end a line or start an escape on some terminals.
bool is_wide_control(std::string_view sequence) {
  if (sequence.size() == 2) return byte_at(sequence, 0) == 0xc2 && byte_at(sequence, 1) < 0xa0;
  return sequence == "\u2028" || sequence == "\u2029";
}

void append_escaped_byte(std::string& out, std::uint8_t byte) {
  static constexpr std::string_view digits = "0123456789abcdef";
  if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\r') {
    out += "\\r";
  } else if (byte == '\t') {
    out += "\\t";
  } else {
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 0x0f];
  }
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t least = 0x80;
  std::uint8_t most = 0xbf;
  if (in(lead, 0xc2, 0xdf)) {
    length = 2;
  } else if (in(lead, 0xe0, 0xef)) {
    length = 3;
    if (lead == 0xe0) least = 0xa0;  // shorter form exists
    if (lead == 0xed) most = 0x9f;   // surrogates
  } else if (in(lead, 0xf0, 0xf4)) {
    length = 4;
    if (lead == 0xf0) least = 0x90;
    if (lead == 0xf4) most = 0x8f;  // above U+10FFFF
  }
  if (length == 0 || text.size() < length || !in(byte_at(text, 1), least, most)) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (!in(byte_at(text, i), 0x80, 0xbf)) return 0;
  return length;
}

std::string scrub_utf8(std::string text) {
  std::size_t good = 0;
  while (good < text.size()) {
    const std::size_t length = utf8_length(std::string_view(text).substr(good));
    if (length == 0) break;
    good += length;
  }
  if (good == text.size()) return text;  // nearly always
  std::string out = text.substr(0, good);
  std::string_view rest = std::string_view(text).substr(good);
  while (!rest.empty()) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) {
      out += "\ufffd";
    } else {
      out += rest.substr(0, length);
    }
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  out.reserve(std::min(text.size(), bytes_max));
  while (!text.empty()) {
    if (out.size() >= bytes_max) return out + "…";
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    const std::uint8_t lead = byte_at(sequence, 0);
    if (length == 1 && lead == '\\') {
      out += "\\\\";
    } else if (length == 0 || (length == 1 && (lead < 0x20 || lead == 0x7f)) ||
               is_wide_control(sequence)) {
      for (const char c : sequence) append_escaped_byte(out, static_cast<std::uint8_t>(c));
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > compared_bytes_max || b.size() > compared_bytes_max) return compared_bytes_max + 1;
  std::array<std::size_t, compared_bytes_max + 1> row{};
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace alarmwire
