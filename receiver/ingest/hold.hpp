// When to let a lane's answers go on after the ledger had no room. While a lane is held, its
// answers wait in order and the box's credit with them, so that nothing floods. A sans-io core.
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "receiver/ingest/ingest.hpp"

namespace alarmwire::ingest {

static_assert(full_pause_max < ledger::full_calm_default, "or its fault would flap");

class Hold {
 public:
  enum class Answer : std::uint8_t { fine, neutral, busy, full };

  // Takes an answer of the ledger. True: deliver it now; false: it was kept for release().
  template <typename F>
  bool admit(Answer answer, SteadyTime now, F&& deliver) {
    const bool no_room = answer == Answer::busy || answer == Answer::full;
    if (no_room && !is_held()) until_ = now + next_pause(answer);
    if (answer == Answer::fine) full_pause_ = full_pause_min;
    if (!is_held()) return true;
    waiting_.push_back(std::forward<F>(deliver));
    return false;
  }
  bool is_held() const { return until_ != SteadyTime{}; }
  SteadyTime until() const { return is_held() ? until_ : SteadyTime::max(); }
  // The answers kept so far, oldest first, when their time has come.
  std::vector<std::function<void()>> release(SteadyTime now) {
    if (!is_held() || now < until_) return {};
    until_ = {};
    return std::exchange(waiting_, {});
  }

 private:
  std::chrono::milliseconds next_pause(Answer answer) {
    if (answer == Answer::busy) return busy_pause;
    return std::exchange(full_pause_, std::min(full_pause_ * 2, full_pause_max));
  }

  SteadyTime until_{};
  std::chrono::milliseconds full_pause_ = full_pause_min;
  std::vector<std::function<void()>> waiting_;  // at most a lane's credit of records
};

}  // namespace alarmwire::ingest
