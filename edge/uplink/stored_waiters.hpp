// Devices that wait for `stored` (design, section 2): nobody waits while the link is down, nor
// after one wait ran out until the next Settled.
//
// A sans-io core: answers come back as calls of the functions handed in, never from inside wait().
// Thread-safety: one thread.
#pragma once

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

class StoredWaiters {
 public:
  using Done = std::function<void(bool stored)>;

  void on_link(bool up);
  // Answers at once (the value), or later (nothing): then `done` is called once.
  std::optional<bool> wait(const RecordKey& key, SteadyTime deadline, Done done);
  // The centre's word: everything of the lane up to `up_to` is settled, `stored` of it are in the
  // ledger for sure.
  void settle(EpochId epoch, Lane lane, std::uint64_t up_to, const std::vector<RecordKey>& stored);
  void on_timer(SteadyTime now);
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
  std::multimap<RecordKey, Waiter> waiters_;
  struct Run {  // seqs without a gap, known to be stored
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::map<LaneKey, Run> stored_;  // the newest run of each lane
};

}  // namespace alarmwire::uplink
