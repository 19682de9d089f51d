// Notices two boxes with one key: their streams fence each other again and again. A sans-io core.
// Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <deque>

#include "common/clock.hpp"

namespace alarmwire::ingest {

class FlapWatch {
 public:
  static constexpr std::size_t fences_max = 6;  // in `window`; a flaky line makes fewer
  static constexpr std::chrono::seconds window{60};
  static constexpr std::chrono::seconds calm{300};  // without a fence: over

  // A stream was fenced. True: this is one too many, and it was not known yet.
  bool on_fence(SteadyTime now) {
    last_ = now;
    fences_.push_back(now);
    while (now - fences_.front() > window) fences_.pop_front();
    if (fences_.size() > fences_max) fences_.pop_front();
    if (flapping_ || fences_.size() < fences_max) return false;
    flapping_ = true;
    return true;
  }
  // True: it was flapping and has been calm for long enough.
  bool on_tick(SteadyTime now) {
    if (!flapping_ || now - last_ < calm) return false;
    flapping_ = false;
    fences_.clear();
    return true;
  }
  bool is_flapping() const { return flapping_; }

 private:
  std::deque<SteadyTime> fences_;
  SteadyTime last_{};
  bool flapping_ = false;
};

}  // namespace alarmwire::ingest
