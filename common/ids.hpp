// The names of things: alarm ids, epochs, lanes, and the identity of a record.
// Thread-safety: values; make() may be called from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.hpp"

namespace alarmwire {

// UUIDv7 (RFC 9562 5.7), made when the final dot was read. Unique in the ledger, shown to people
// and in the reply.
struct AlarmId {
  std::array<std::uint8_t, 16> bytes{};

  static AlarmId make(WallTimeUs now);
  static std::optional<AlarmId> parse(std::string_view text);      // "0192f0c1-…", 36 characters
  static std::optional<AlarmId> from_bytes(std::string_view raw);  // exactly 16 bytes
  std::string to_string() const;
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  auto operator<=>(const AlarmId&) const = default;
};

// Names one life of a spool: random, never zero, below 2^63 (fits SQLite's INTEGER). Every daemon
// start opens a new one.
struct EpochId {
  std::uint64_t value = 0;

  static EpochId make();
  std::string to_string() const;  // 16 hex digits
  auto operator<=>(const EpochId&) const = default;
};

// Which queue an alarm travels in; lower goes first (design 5.3).
enum class Lane : std::uint8_t {
  live_alarm = 0,  // accepted while the link is up, up to 256 KiB
  fault = 1,       // faults of box and centre, and their ends
  alarm = 2,       // all other alarms: larger, or accepted while the link was down
  routine = 3,     // routine calls and tests
};
inline constexpr std::size_t lane_count = 4;
inline constexpr std::array<Lane, lane_count> all_lanes{Lane::live_alarm, Lane::fault, Lane::alarm,
                                                        Lane::routine};
std::string_view to_string(Lane lane);  // "live", "fault", "alarm", "routine"
std::optional<Lane> lane_from_number(std::uint64_t number);

// Identity of a record of one box: unique for ever. Seqs are dense per (epoch, lane) and start
// at 1.
struct RecordKey {
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t seq = 0;

  std::string to_string() const;  // "epoch/lane/seq"
  auto operator<=>(const RecordKey&) const = default;
};

// A box's name at the centre: "site-a". Lower-case letters, digits, '-', at most 63 characters:
// fits a DNS label. "centre" is the centre itself (its own faults are ledger records too).
using BoxId = std::string;
inline constexpr std::string_view centre_box_id = "centre";
bool is_valid_box_id(std::string_view id);

}  // namespace alarmwire
