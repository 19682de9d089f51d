// What both ends of the link share: the time they are handed, how a stream ends, the knowledge of
// the other side's clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.hpp"

namespace alarmwire::link {

// Read once by the driver for each event it hands in.
struct Now {
  SteadyTime steady;
  WallTimeUs wall_us = 0;
};

enum class CloseCode : std::uint8_t {
  stopped,   // we stop; the other side may come back
  drained,   // come back after retry_after
  fenced,    // a newer stream of the same box took over
  silent,    // three beat intervals without a frame
  protocol,  // the other side broke the contract: malformed, out of order, over its credit
  version,   // no common version
  denied,    // nobody knows this peer
  failed,    // our own store could not answer
};
std::string_view to_string(CloseCode code);

// Both sides measure it from the echoes in Beats (as in NTP), and keep the sample with the smallest
// round trip among the last few.
struct ClockReading {
  std::int64_t rtt_us = 0;
  std::int64_t offset_us = 0;  // centre's clock minus box's clock
};

// Where the box stands with an order to change its key (docs/link.md). `order` and `public_key` are
// 32 bytes each.
inline constexpr std::size_t key_order_bytes = 32;
inline constexpr std::size_t public_key_bytes = 32;
enum class KeyState : std::uint8_t { offered = 1, in_use = 2, failed = 3 };
struct KeyNews {
  std::string order;
  KeyState state = KeyState::failed;
  std::string public_key;  // "" when failed
};

}  // namespace alarmwire::link
