#include "provisioning/plain_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/text.hpp"

namespace alarmwire::provisioning {
namespace {

constexpr std::string_view utf8_mark = "\xef\xbb\xbf";

Failure at(std::string_view before, const std::string& why) {
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start = before.rfind('\n');
  const std::string_view in_line =
      line_start == std::string_view::npos ? before : before.substr(line_start + 1);
  const auto column =
      std::count_if(in_line.begin(), in_line.end(), [](char c) { return (c & 0xc0) != 0x80; }) + 1;
  return {Errc::invalid_argument,
          "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + why};
}

// Which byte of a pair is the higher one, where the bytes look like UTF-16.
enum class Order { little, big };
std::optional<Order> utf16_order(std::string_view bytes) {
  if (bytes.size() < 2 || bytes.size() % 2 != 0) return {};
  if (bytes.starts_with("\xff\xfe")) return Order::little;
  if (bytes.starts_with("\xfe\xff")) return Order::big;
  if (bytes[0] != '\0' && bytes[1] == '\0') return Order::little;
  if (bytes[0] == '\0' && bytes[1] != '\0') return Order::big;
  return {};
}

void append_utf8(std::string& text, std::uint32_t point) {
  const auto tail = [&](unsigned shift) {
    text += static_cast<char>(0x80 | (point >> shift & 0x3f));
  };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xc0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xe0 | point >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xf0 | point >> 18);
    tail(12), tail(6), tail(0);
  }
}

Result<std::string> from_utf16(std::string_view bytes, Order order) {
  const auto unit = [&](std::size_t i) -> std::uint32_t {
    const auto first = static_cast<std::uint8_t>(bytes[i]);
    const auto second = static_cast<std::uint8_t>(bytes[i + 1]);
    return order == Order::little ? second << 8 | first : first << 8 | second;
  };
  std::string text;
  for (std::size_t i = unit(0) == 0xfeff ? 2 : 0; i < bytes.size(); i += 2) {
    std::uint32_t point = unit(i);
    if (point >= 0xd800 && point < 0xe000) {
      const std::uint32_t low = i + 3 < bytes.size() ? unit(i + 2) : 0;
      if (point >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
        return at(text, "this is no UTF-16; save the file as UTF-8");
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      i += 2;
    }
    append_utf8(text, point);
  }
  return text;
}

}  // namespace

Result<std::string> plain_text(std::string_view bytes) {
  std::string text;
  if (const std::optional<Order> order = utf16_order(bytes)) {
    Result<std::string> decoded = from_utf16(bytes, *order);
    if (!decoded) return decoded;
    text = std::move(*decoded);
  } else {
    if (bytes.starts_with(utf8_mark)) bytes.remove_prefix(utf8_mark.size());
    text = bytes;
  }
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    const std::size_t length = utf8_length(rest);
    if (length == 0)
      return at(std::string_view(text).substr(0, i),
                "this character is not UTF-8; save the file with the encoding UTF-8");
    if (rest.front() == '\0') return at(std::string_view(text).substr(0, i), "this is no text");
    i += length;
  }
  return text;
}

}  // namespace alarmwire::provisioning
