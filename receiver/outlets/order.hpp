// Who goes next to the far side (design 5.5): the order of an outlet, without I/O and without a
// clock.
//
// Promises: first in, first out in each (box, lane), one mail of it under way at a time; lanes by
// priority with a small share kept for the lower ones; round-robin between boxes. `later` holds
// only its box and lane (5 s … 5 min) and parks the record after tries_max; `unreachable` stops the
// outlet, which then probes with one mail at a time (1 s … 30 s) for ever. A mail on which the far
// side hangs up in mid-session holds its lane too, so that one poisonous mail cannot stop the rest;
// it is parked only if others got through in between.
//
// Memory: at most lane_held_max records a lane; what is beyond is read again from the ledger when
// the lane has room (begin_refill()). Thread-safety: none; the owner locks.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/clock.hpp"
#include "receiver/outlets/outlet.hpp"

namespace alarmwire::outlets {

struct OrderLimits {
  std::size_t connections = 4;
  std::size_t lane_held_max = 256;
  std::size_t lane_refill_below = 64;
  std::uint32_t lane_unnoted_max = 32;  // handed over, but not yet noted in the ledger
  std::uint32_t tries_max = 10;
  std::chrono::milliseconds later_first{5'000};
  std::chrono::milliseconds later_most{300'000};
  std::chrono::milliseconds stop_first{1'000};
  std::chrono::milliseconds stop_most{30'000};
  std::chrono::milliseconds stalled_after{60'000};
  std::chrono::milliseconds widen_after{30'000};  // when a connection too many was turned away
  std::chrono::milliseconds ledger_unreadable_after{10'000};  // then it is a fault
  std::chrono::milliseconds audit_every{10'000};  // how often an idle outlet asks the ledger
};
inline constexpr std::uint64_t lower_lane_share = 8;  // every eighth mail may be of a lower lane

struct Job {
  ledger::Position position = 0;
  BoxId box;
  Lane lane = Lane::alarm;
  std::uint32_t tries = 0;
  bool maybe_repeat = false;
};

struct Attempt {
  Verdict verdict = Verdict::unreachable;
  std::string text;            // the far side's last words, or what went wrong
  bool session_ready = false;  // greeting and EHLO went well: the far side is alive
  bool maybe_taken = false;    // all was sent, no answer came
};

// What follows from an attempt. `note` is to be written to the ledger; once a lasting state is
// written, noted() is due.
struct Decision {
  std::optional<ledger::HandOver> note;
  bool lasting = false;  // note is a lasting state: taken, refused, parked
  bool back = false;     // the outlet had been reported as stalled and works again
};

class Order {
 public:
  explicit Order(OrderLimits limits) : limits_(limits), allowed_(limits.connections) {}

  // A waiting record, in order of positions. `from_before`: it was waiting at start, so its lane's
  // first ones may have been handed over without having been noted.
  void offer(const ledger::HandOver& waiting, bool from_before);
  // A record that became waiting again (retry), at any position.
  void offer_again(const ledger::HandOver& waiting);
  // Reading again from the ledger what a lane could not hold. Starts where to read from, if a lane
  // has room; every waiting record behind it is then given to refill(), in order.
  std::optional<ledger::Position> begin_refill();
  void refill(const ledger::HandOver& waiting);
  bool refill_wants_more() const { return scanning_ > 0; }
  // `reached_end`: all that offer() has been given was read again.
  void end_refill(bool reached_end);
  bool needs_refill() const;

  std::optional<Job> next(SteadyTime now);
  Decision finish(const Job& job, const Attempt& attempt, SteadyTime now, WallTimeUs wall_us);
  // Gone from the ledger, or not to be sent at all: `state` skipped.
  Decision skip(const Job& job, const std::string& why, WallTimeUs wall_us);
  // The lasting state of a record of this lane is durable.
  void noted(const BoxId& box, Lane lane);
  // True once, when the outlet has been stopped for stalled_after.
  bool stalled(SteadyTime now);
  std::optional<SteadyTime> wake_at() const;

  bool is_stopped() const { return stopped_since_.has_value(); }
  bool is_reported_stalled() const { return reported_stalled_; }
  std::size_t in_flight() const { return in_flight_; }
  // Nothing waits here, nothing is under way, every lasting state is durable.
  bool is_empty() const;
  std::size_t held() const { return held_count_; }

 private:
  struct Entry {
    ledger::Position position = 0;
    std::uint32_t tries = 0;
    std::uint32_t losses = 0;        // the far side hung up in mid-session
    std::uint64_t answers_seen = 0;  // answers_ at the last loss
    bool maybe_repeat = false;
  };
  struct Queue {
    BoxId box;
    Lane lane = Lane::alarm;
    std::deque<Entry> entries;
    std::optional<Entry> current;     // under way
    ledger::Position more_after = 0;  // not 0: records behind this one are in the ledger only
    bool in_scan = false;             // takes part in the refill under way
    bool in_ready = false;
    bool waits = false;  // held until a time
    std::uint32_t unnoted = 0;
  };
  using Queues = std::array<Queue, lane_count>;

  Queue& queue(const BoxId& box, Lane lane);
  bool has_ready() const;
  void make_ready(Queue& q);
  void hold(Queue& q, SteadyTime until);
  void release_held(SteadyTime now);
  Queue* pick();
  Queue* take_from(std::size_t lane);
  bool may_start(SteadyTime now);
  void stop(SteadyTime now, bool probe_at_once);
  bool reopen();
  Decision finish_unreachable(Queue& q, Entry entry, const Attempt& attempt, SteadyTime now,
                              WallTimeUs wall_us);
  ledger::HandOver note_for(const Queue& q, const Entry& entry, ledger::HandOverState state,
                            const std::string& text, WallTimeUs wall_us) const;

  OrderLimits limits_;
  std::unordered_map<BoxId, std::unique_ptr<Queues>> boxes_;
  std::array<std::deque<Queue*>, lane_count> ready_;
  std::multimap<SteadyTime, Queue*> held_;
  std::size_t held_count_ = 0;
  std::size_t overflowing_ = 0;  // lanes with more_after
  std::size_t scanning_ = 0;     // lanes with in_scan
  std::size_t in_flight_ = 0;
  std::uint64_t picks_ = 0;
  std::uint64_t answers_ = 0;  // how often the far side said anything about a mail

  std::optional<SteadyTime> stopped_since_;
  SteadyTime probe_at_{};
  std::chrono::milliseconds probe_delay_{0};
  bool reported_stalled_ = false;
  std::size_t allowed_;  // connections the far side seems to allow
  SteadyTime widen_at_{};
};

}  // namespace alarmwire::outlets
