// Liveness and clocks of one side of a stream: when to send a Beat, when the other side has been
// silent for too long, and what its echoes say about round trip and clock offset.
//
// The first Beat heard is answered at once, so that both sides know the clocks after one and a half
// round trips; later ones ride on the interval. Round trips are taken from the steady clock, so
// that a wall clock that jumps spoils at most one sample. Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "grpc/link/session.hpp"
#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

inline constexpr int beats_missed_max = 3;  // intervals without any frame: the other side is gone
inline constexpr std::size_t clock_samples_max = 8;
inline constexpr std::size_t beats_remembered_max = 16;

class Beats {
 public:
  enum class Side { box, centre };
  explicit Beats(Side side) : side_(side) {}

  void start(std::chrono::milliseconds interval, Now now);
  bool is_started() const { return interval_.count() > 0; }
  void heard(Now now) { last_heard_ = now.steady; }  // any frame at all
  void on_beat(const v1::Beat& beat, Now now);
  v1::Beat make(Now now);  // and counts it as sent
  std::uint64_t next_number() const { return number_ + 1; }
  bool is_due(Now now) const { return is_started() && now.steady >= next_; }
  bool is_silent(Now now) const { return is_started() && now.steady >= silent_at(); }
  // When is_due() or is_silent() may become true; while nothing can be written, only the latter.
  SteadyTime deadline(bool may_write) const;
  void sample(std::int64_t rtt_us, std::int64_t offset_us);
  std::optional<ClockReading> clock() const;

 private:
  struct Sent {
    std::uint64_t number;
    Now at;
  };
  SteadyTime silent_at() const { return last_heard_ + beats_missed_max * interval_; }

  Side side_;
  std::chrono::milliseconds interval_{0};
  SteadyTime next_{};
  SteadyTime last_heard_{};
  std::uint64_t number_ = 0;
  std::deque<Sent> sent_;
  std::uint64_t echo_number_ = 0;
  std::int64_t echo_time_us_ = 0;
  SteadyTime echo_heard_{};
  std::deque<ClockReading> samples_;
};

}  // namespace alarmwire::link
