// Which boxes are silent. The centre decides, not the box: who is cut off cannot report it (design,
// promise 4: a silent tunnel is noticed within 20 s).
//
// A box that was seen before (in this life or in the ledger) and has not been heard for
// silent_after is silent, until it is heard again. Where company_min boxes have missed their beats
// at once, the others need not wait for the rest of it: they are lost together and are told
// together. After a start of the centre, after its listener was opened anew, and after it stood
// still itself, boxes get start_grace to come back before anyone is called silent. A sans-io core:
// time is passed in. Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::fleet {

class BoxWatch {
 public:
  // Beats come at least every 5 s: three may be missed. With a tick a second the fault stands
  // before 20 s are over.
  static constexpr std::chrono::seconds silent_after_default{15};
  static constexpr std::chrono::seconds start_grace_default{20};
  // A beat, and a second for its way: who was lost with the first one was heard that much later.
  static constexpr std::chrono::seconds company_spread{6};
  static constexpr std::chrono::seconds missed_beat{8};  // sooner nobody is missed
  static constexpr std::size_t company_min = 3;
  // Between two ticks, which come each second: beyond it the centre itself was not there to hear.
  static constexpr std::chrono::seconds own_stall{5};

  struct Change {
    BoxId box;
    bool silent = false;
    std::string reason;
  };

  BoxWatch(SteadyTime started, std::chrono::seconds silent_after = silent_after_default,
           std::chrono::seconds start_grace = start_grace_default)
      : silent_after_(silent_after),
        in_company_(std::max(silent_after - company_spread, missed_beat)),
        start_grace_(start_grace),
        grace_until_(started + start_grace),
        ticked_(started) {}

  // `seen_before`: the ledger has records of it. `silent`: it was reported silent before the
  // restart.
  void add(const BoxId& box, bool seen_before, bool silent);
  void remove(const BoxId& box);  // no longer configured: nothing more is said about it
  void on_heard(const BoxId& box, SteadyTime now);
  void on_down(const BoxId& box, const std::string& reason);
  void on_listening(SteadyTime now) { grace_until_ = now + start_grace_; }
  std::vector<Change> tick(SteadyTime now);

  bool is_silent(const BoxId& box) const;
  bool was_seen(const BoxId& box) const;

 private:
  struct State {
    bool seen = false;
    bool silent = false;
    SteadyTime heard{};  // epoch: not in this life
    std::string down_reason;
  };
  bool is_missed(const State& state, SteadyTime now, std::chrono::seconds after) const;
  const std::chrono::seconds silent_after_;
  const std::chrono::seconds in_company_;
  const std::chrono::seconds start_grace_;
  SteadyTime grace_until_;
  SteadyTime ticked_;
  std::map<BoxId, State> boxes_;
};

}  // namespace alarmwire::fleet
