// How much the box may have on its way to the centre, so that a live alarm never stands behind
// seconds of mail, nor a keepalive's answer.
//
// What was written lies in gRPC's buffers, in the socket or in a slow router until the line has
// carried it, and no priority reaches it there. Behind every few frames the box sends a Mark, which
// the centre sends back at once. What a Mark takes beyond the quickest one it has waited in that
// queue. From how much was ahead of it and how long it took follows how much may be ahead so that
// the wait is queue_aim; on a fast line that is soon more than anybody sends.
//
// Sources: LEDBAT (RFC 6817) for the aim, BBR for the way there; round trips, measured by us.
// Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "common/clock.hpp"

namespace alarmwire::link {

inline constexpr std::chrono::milliseconds queue_aim{500};
inline constexpr std::size_t ahead_bytes_first = 32 * 1024;
inline constexpr std::size_t ahead_bytes_min = 8 * 1024;
inline constexpr std::size_t ahead_bytes_max = 2 * 1024 * 1024;  // more than all credits

class WriteAhead {
 public:
  // The centre sends Marks back; before, nothing is bounded. `round_trip`: the Hello's.
  void start(std::chrono::microseconds round_trip);
  // Live alarms and faults may go while the others fill the bound.
  bool may_write(bool is_urgent) const;
  std::size_t frame_data_bytes_max() const;  // of the next frame: small ones on a slow line
  void wrote(std::size_t bytes);
  void ask() { is_asked_ = true; }  // a Mark now, for the sake of its answer
  bool is_mark_due() const;
  std::uint64_t mark(SteadyTime now);                  // the number to send now
  bool on_mark(std::uint64_t number, SteadyTime now);  // false: it was never sent
  std::size_t bound() const { return bound_; }

 private:
  struct Sent {
    std::uint64_t number;
    SteadyTime at;
    std::uint64_t written;  // up to here
    std::size_t ahead;      // on its way then
  };
  std::size_t ahead() const { return static_cast<std::size_t>(written_ - reached_); }
  void learn(const Sent& sent, SteadyTime now);

  bool is_started_ = false;
  bool is_asked_ = false;
  std::size_t bound_ = ahead_bytes_first;
  std::uint64_t written_ = 0;  // bytes on this stream
  std::uint64_t marked_ = 0;   // of these, with a Mark behind them
  std::uint64_t reached_ = 0;  // and with the Mark back
  std::uint64_t last_number_ = 0;
  std::chrono::microseconds quickest_{0};
  std::deque<Sent> sent_;
};

}  // namespace alarmwire::link
