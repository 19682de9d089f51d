// Two boxes with one key, as two signs tell: their streams fence each other (flap_watch.hpp), and
// WireGuard hears the key now from one place, now from another. A box that moves goes to a new
// place and stays; two boxes bring the key *back* to the place before, again and again. A sans-io
// core.
// Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::ingest {

class CloneWatch {
 public:
  static constexpr std::size_t returns_min = 3;  // in `window`
  static constexpr std::chrono::seconds window{60};
  static constexpr std::chrono::seconds calm{300};  // without a return: over

  struct Change {
    BoxId box;
    bool cloned = false;
    std::string reason;
  };

  void fencing(const BoxId& box, bool is_fencing) { boxes_[box].fencing = is_fencing; }

  // Where the key is heard from, as often as one looks.
  void heard_from(const BoxId& box, const std::string& endpoint, SteadyTime now) {
    Box& state = boxes_[box];
    if (endpoint.empty() || endpoint == state.here) return;
    if (endpoint == state.before) {
      state.last_return = now;
      state.returns.push_back(now);
      if (state.returns.size() > returns_min) state.returns.pop_front();
      if (state.returns.size() == returns_min && now - state.returns.front() <= window)
        state.flapping = true;
    }
    state.before = std::exchange(state.here, endpoint);
  }
  void forget(const BoxId& box) { boxes_.erase(box); }

  std::vector<Change> tick(SteadyTime now) {
    std::vector<Change> changes;
    for (auto& [id, box] : boxes_) {
      if (box.flapping && now - box.last_return >= calm) box.flapping = false;
      const bool cloned = box.fencing || box.flapping;
      if (cloned == box.told) continue;
      box.told = cloned;
      changes.push_back({id, cloned, cloned ? reason(box) : "it speaks from one place again"});
    }
    return changes;
  }

 private:
  struct Box {
    std::string here, before;  // the latest two places
    std::deque<SteadyTime> returns;
    SteadyTime last_return{};
    bool flapping = false, fencing = false, told = false;
  };
  static std::string reason(const Box& box) {
    if (box.before.empty())
      return "streams of this box keep pushing each other out, all from " +
             (box.here.empty() ? std::string("an unknown address") : box.here);
    return "this box's key speaks from two places in turn, " + box.before + " and " + box.here +
           ": there are two boxes with one key";
  }
  std::map<BoxId, Box> boxes_;
};

}  // namespace alarmwire::ingest
