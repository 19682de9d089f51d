// Which boxes are silent. The centre decides, not the box: who is cut off cannot report it (design,
// promise 4: a silent tunnel is noticed within 20 s).
//
// A box that was seen before (in this life or in the ledger) and has not been heard for
// silent_after is silent, until it is heard again. After a start of the centre boxes get
// start_grace to come back before anyone is called silent. A sans-io core: time is passed in.
// Thread-safety: one thread at a time.
#pragma once

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

  struct Change {
    BoxId box;
    bool silent = false;
    std::string reason;
  };

  BoxWatch(SteadyTime started, std::chrono::seconds silent_after = silent_after_default,
           std::chrono::seconds start_grace = start_grace_default)
      : started_(started), silent_after_(silent_after), start_grace_(start_grace) {}

  // `seen_before`: the ledger has records of it. `silent`: it was reported silent before the
  // restart.
  void add(const BoxId& box, bool seen_before, bool silent);
  void remove(const BoxId& box);  // no longer configured: nothing more is said about it
  void on_heard(const BoxId& box, SteadyTime now);
  void on_down(const BoxId& box, const std::string& reason);
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
  const SteadyTime started_;
  const std::chrono::seconds silent_after_;
  const std::chrono::seconds start_grace_;
  std::map<BoxId, State> boxes_;
};

}  // namespace alarmwire::fleet
