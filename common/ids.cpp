#include "common/ids.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <boost/assert.hpp>
#include <cstdlib>
#include <cstring>

namespace alarmwire {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void random_bytes(void* target, std::size_t size) {
  // Without random numbers identities could repeat: nothing sensible is left to do.
  if (RAND_bytes(static_cast<unsigned char*>(target), static_cast<int>(size)) != 1) std::abort();
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_dash_position(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

}  // namespace

AlarmId AlarmId::make(WallTimeUs now) {
  AlarmId id;
  random_bytes(id.bytes.data(), id.bytes.size());
  const auto ms = static_cast<std::uint64_t>(std::max<WallTimeUs>(now, 0) / 1000);
  for (std::size_t i = 0; i < 6; ++i)
    id.bytes.at(i) = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x70);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

std::optional<AlarmId> AlarmId::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  AlarmId id;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash_position(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return std::nullopt;
    auto& byte = id.bytes.at(nibble / 2);
    byte = static_cast<std::uint8_t>(byte << 4 | value);
    ++nibble;
  }
  return id;
}

std::optional<AlarmId> AlarmId::from_bytes(std::string_view raw) {
  AlarmId id;
  if (raw.size() != id.bytes.size()) return std::nullopt;
  std::memcpy(id.bytes.data(), raw.data(), raw.size());
  return id;
}

std::string AlarmId::to_string() const {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (is_dash_position(text.size())) text += '-';
    text += hex_digits[bytes.at(i) >> 4];
    text += hex_digits[bytes.at(i) & 0x0f];
  }
  return text;
}

EpochId EpochId::make() {
  EpochId id;
  while (id.value == 0) {
    random_bytes(&id.value, sizeof id.value);
    id.value &= ~(std::uint64_t{1} << 63);
  }
  return id;
}

std::string EpochId::to_string() const {
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i) text[i] = hex_digits[value >> (4 * (15 - i)) & 0x0f];
  return text;
}

std::string_view to_string(Lane lane) {
  switch (lane) {
    case Lane::live_alarm:
      return "live";
    case Lane::fault:
      return "fault";
    case Lane::alarm:
      return "alarm";
    case Lane::routine:
      return "routine";
  }
  return "?";
}

std::optional<Lane> lane_from_number(std::uint64_t number) {
  if (number >= lane_count) return std::nullopt;
  return static_cast<Lane>(number);
}

std::string RecordKey::to_string() const {
  std::string text = epoch.to_string();
  text += '/';
  text += alarmwire::to_string(lane);
  text += '/';
  text += std::to_string(seq);
  return text;
}

bool is_valid_box_id(std::string_view id) {
  if (id.empty() || id.size() > 63 || id.front() == '-' || id.back() == '-') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace alarmwire
