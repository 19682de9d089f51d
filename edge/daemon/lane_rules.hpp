// Which lane an accepted mail travels in (design 5.3): by recipient or device rule, else an alarm.
// Thread-safety: immutable after construction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/config.hpp"
#include "common/record.hpp"

namespace alarmwire::edge {

// An alarm up to this size, accepted while the link is up, goes in the live lane.
inline constexpr std::uint64_t live_alarm_bytes_max = 256 * 1024;

struct LaneRule {
  std::string
      recipient;  // pattern: '*' any run of characters; ASCII letters compare without case; "": any
  std::string device;   // pattern for the device's name
  bool routine = true;  // true: routine lane; false: alarm
};

class LaneRules {
 public:
  LaneRules() = default;
  explicit LaneRules(std::vector<LaneRule> rules) : rules_(std::move(rules)) {}
  static LaneRules parse(
      config::Table& root);  // [[lane]] recipient, device, lane = "alarm" | "routine"

  // The first rule that fits decides: a mail to several recipients is routine only if every one of
  // them is.
  Lane lane_of(const Envelope& envelope, std::uint64_t size, bool link_is_up) const;

 private:
  bool is_routine(const Envelope& envelope, std::string_view recipient) const;
  std::vector<LaneRule> rules_;
};

// '*' matches any run, everything else itself; linear in text × pattern's stars.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace alarmwire::edge
