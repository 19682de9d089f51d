// How a box is doing, in one colour and a reason, as the centre sees it.
//
//   green       the stream is up, and an end-to-end acknowledgement was given lately
//   amber       WireGuard's handshake is fresh but there is no stream; or there is one, and what
//               the box sends is not acknowledged
//   red         neither
//   never-seen  it has never been here: being installed is no trouble
// Pure. Thread-safety: values; VerdictBook: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::fleet {

// WireGuard renews its keys every 120 s: a handshake older than this means no path.
inline constexpr std::int64_t handshake_stale_ms = 180'000;
inline constexpr std::chrono::seconds waiting_too_long{60};
// A new stream has this long until its first acknowledgement.
inline constexpr std::chrono::seconds first_acknowledgement{20};

enum class Colour : std::uint8_t { never_seen, green, amber, red };
inline constexpr Colour all_colours[] = {Colour::never_seen, Colour::green, Colour::amber,
                                         Colour::red};
std::string_view to_string(Colour colour);

struct Signs {
  bool seen = false;       // ever
  bool connected = false;  // there is a stream
  WallTimeUs since_us = 0;
  WallTimeUs acknowledged_us = 0;    // the last one, 0: none since the centre's start
  WallTimeUs oldest_waiting_us = 0;  // on the box, by the centre's clock; 0: nothing waits
  std::optional<std::int64_t> handshake_age_ms;
  std::string down_reason;
};

struct Verdict {
  Colour colour = Colour::never_seen;
  std::string reason;
};

// `acknowledged_within`: what counts as lately; 0: it is not asked.
Verdict judge(const Signs& signs, std::chrono::seconds acknowledged_within, WallTimeUs now_us);

// Remembers each box's colour, to tell of changes.
class VerdictBook {
 public:
  // The colour before, when it is another one now; the first verdict of a box is no change.
  std::optional<Colour> update(const BoxId& box, Colour now);
  void forget(const BoxId& box) { colours_.erase(box); }

 private:
  std::map<BoxId, Colour> colours_;
};

}  // namespace alarmwire::fleet
