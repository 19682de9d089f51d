// Devices that wait for `stored` (design, section 2): nobody waits while the link is down, nor
// after one wait ran out until the next Settled.
//
// A cut line is known to TCP and gRPC only after seconds. Where somebody waits and nothing at all
// is heard, the centre is asked for a sign of life after ask_after, and after silence_max nobody
// waits any longer. On a slow line the answers to what is under way are signs enough.
//
// A sans-io core: answers come back as calls of the functions handed in, never from inside wait().
// Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::uplink {

inline constexpr std::size_t waiters_max = 8192;  // more than the door has sessions
inline constexpr std::size_t stored_runs_max = 256;
inline constexpr std::chrono::milliseconds ask_after{400};
inline constexpr std::chrono::milliseconds silence_max{1500};

class StoredWaiters {
 public:
  using Done = std::function<void(bool stored)>;

  void on_link(bool up);
  // Answers at once (the value), or later (nothing): then `done` is called once.
  std::optional<bool> wait(const RecordKey& key, SteadyTime now, SteadyTime deadline, Done done);
  void heard(SteadyTime now);  // any frame of the centre
  // The centre's word: everything of the lane up to `up_to` is settled, `stored` of it are in the
  // ledger for sure.
  void settle(EpochId epoch, Lane lane, std::uint64_t up_to, const std::vector<RecordKey>& stored);
  bool on_timer(SteadyTime now);     // true: ask the centre for a sign of life
  SteadyTime next_deadline() const;  // max() when nobody waits
  std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    SteadyTime deadline;
    Done done;
  };
  using LaneKey = std::pair<EpochId, Lane>;
  bool up_ = false;
  bool gave_up_ = false;
  SteadyTime quiet_since_{};  // while somebody waits
  bool has_asked_ = false;    // since then
  std::multimap<RecordKey, Waiter> waiters_;
  struct Run {  // seqs without a gap, known to be stored
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::map<LaneKey, Run> stored_;  // the newest run of each lane
};

}  // namespace alarmwire::uplink
