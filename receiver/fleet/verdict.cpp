#include "receiver/fleet/verdict.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::fleet {
namespace {

std::int64_t us(std::chrono::seconds time) {
  return std::chrono::microseconds(time).count();
}

Verdict judge_stream(const Signs& signs, std::chrono::seconds acknowledged_within,
                     WallTimeUs now_us) {
  if (signs.oldest_waiting_us > 0 && now_us - signs.oldest_waiting_us > us(waiting_too_long))
    return {Colour::amber, "an alarm waits on the box"};
  const WallTimeUs last_us = std::max(
      signs.acknowledged_us, signs.since_us + us(first_acknowledgement) - us(acknowledged_within));
  if (acknowledged_within.count() == 0 || now_us - last_us <= us(acknowledged_within))
    return {Colour::green, "connected"};
  const bool never = signs.acknowledged_us < signs.since_us;
  return {Colour::amber, never ? "connected, but nothing of it was acknowledged"
                               : "connected, but nothing was acknowledged for " +
                                     std::to_string((now_us - signs.acknowledged_us) / 1'000'000) +
                                     " s"};
}

}  // namespace

std::string_view to_string(Colour colour) {
  switch (colour) {
    case Colour::never_seen:
      return "never-seen";
    case Colour::green:
      return "green";
    case Colour::amber:
      return "amber";
    case Colour::red:
      return "red";
  }
  return "?";
}

Verdict judge(const Signs& signs, std::chrono::seconds acknowledged_within, WallTimeUs now_us) {
  if (!signs.seen) return {Colour::never_seen, "has never connected"};
  if (signs.connected) return judge_stream(signs, acknowledged_within, now_us);
  if (signs.handshake_age_ms && *signs.handshake_age_ms < handshake_stale_ms)
    return {Colour::amber, "tunnel up, no stream"};
  return {Colour::red, signs.down_reason.empty() ? "not connected" : signs.down_reason};
}

std::optional<Colour> VerdictBook::update(const BoxId& box, Colour now) {
  const auto [found, is_new] = colours_.emplace(box, now);
  if (is_new || found->second == now) return std::nullopt;
  return std::exchange(found->second, now);
}

}  // namespace alarmwire::fleet
