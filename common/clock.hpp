// The two clocks. Wall time is for people and may jump; steady time is for waiting and never does.
// Cores never read a clock: they are handed the time. Only drivers call the functions below.
// Thread-safety: all functions may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace alarmwire {

using SteadyTime = std::chrono::steady_clock::time_point;
// Microseconds since the Unix epoch, UTC. 0 means "not reached yet".
using WallTimeUs = std::int64_t;

inline SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}
WallTimeUs wall_now_us();

// "2026-11-24T04:15:00.123Z" (RFC 3339, UTC, milliseconds); "" for 0.
std::string to_rfc3339(WallTimeUs time);
// "Tue, 24 Nov 2026 04:15:00 +0000" (RFC 5322 3.3).
std::string to_rfc5322_date(WallTimeUs time);

}  // namespace alarmwire
