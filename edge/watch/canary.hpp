// When the box sends a canary: a record without content that goes the way of an alarm to the ledger
// and is acknowledged there. While devices send, their mails prove the way; a canary is due only
// when nothing was acknowledged for `every`, and once on each new link. A sans-io core: time is
// passed in. Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/clock.hpp"
#include "edge/spool/spool.hpp"

namespace alarmwire::watch {

class Canary {
 public:
  static constexpr std::chrono::seconds every_default{120};
  // One that could not be spooled is not tried again sooner.
  static constexpr std::chrono::seconds apart_least{5};

  explicit Canary(std::chrono::seconds every) : every_(every) {}  // 0: never one

  struct Signs {
    bool is_up = false;                 // the link
    std::uint64_t waiting_records = 0;  // in the spool
    std::uint64_t settled_records = 0;  // by the centre, since the start
  };
  // Once a second. True: spool one now.
  bool tick(const Signs& signs, SteadyTime now);
  void reconfigure(std::chrono::seconds every) { every_ = every; }

 private:
  std::chrono::seconds every_;
  std::uint64_t settled_seen_ = 0;
  std::optional<SteadyTime> acknowledged_;  // on this link
  std::optional<SteadyTime> sent_;
};

spool::NewRecord make_canary(WallTimeUs now_us);

}  // namespace alarmwire::watch
