// Which boxes have a stream, and get nothing of it acknowledged: the fault link-stuck.
//
// Only time with a stream counts, and only while the ledger takes records; both by the steady
// clock, so that neither a night without Internet nor a clock that is set makes a box stuck. Once
// stuck, a box is so until something is acknowledged: a new stream alone mends nothing. A sans-io
// core. Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::fleet {

class StuckWatch {
 public:
  static constexpr std::chrono::seconds step_max{5};  // a longer pause is the centre's own

  // About once a second for each box. `counts`: it has a stream and the ledger takes records.
  // `within` 0: it is not asked. True: the box is stuck.
  bool update(const BoxId& id, bool counts, WallTimeUs acknowledged_us, std::chrono::seconds within,
              SteadyTime now) {
    const auto [found, is_new] = boxes_.try_emplace(id, Box{acknowledged_us, now});
    Box& box = found->second;
    if (box.acknowledged_us != acknowledged_us)
      box = Box{acknowledged_us, now};
    else if (counts)
      box.owed += std::min<SteadyTime::duration>(now - box.seen, step_max);
    box.seen = now;
    if (box.owed > within) box.stuck = true;
    if (within.count() == 0) box.stuck = false;
    return box.stuck;
  }
  void forget(const BoxId& id) { boxes_.erase(id); }

 private:
  struct Box {
    WallTimeUs acknowledged_us = 0;
    SteadyTime seen{};
    SteadyTime::duration owed{};  // with a stream, since the last acknowledgement
    bool stuck = false;
  };
  std::map<BoxId, Box> boxes_;
};

}  // namespace alarmwire::fleet
