#include "receiver/outlets/order.hpp"

#include <algorithm>
#include <boost/assert.hpp>

namespace alarmwire::outlets {
namespace {

using std::chrono::milliseconds;

// first, 2 × first, 4 × first … most
milliseconds backoff(milliseconds first, milliseconds most, std::uint32_t step) {
  milliseconds delay = first;
  for (std::uint32_t i = 0; i < step && delay < most; ++i) delay *= 2;
  return std::min(delay, most);
}

}  // namespace

Order::Queue& Order::queue(const BoxId& box, Lane lane) {
  std::unique_ptr<Queues>& queues = boxes_[box];
  if (!queues) {
    queues = std::make_unique<Queues>();
    for (std::size_t i = 0; i < lane_count; ++i) {
      (*queues).at(i).box = box;
      (*queues).at(i).lane = all_lanes.at(i);
    }
  }
  return queues->at(static_cast<std::size_t>(lane));
}

void Order::make_ready(Queue& q) {
  const bool can_go = !q.in_ready && !q.current && !q.waits && !q.entries.empty() &&
                      q.unnoted < limits_.lane_unnoted_max;
  if (!can_go) return;
  q.in_ready = true;
  ready_.at(static_cast<std::size_t>(q.lane)).push_back(&q);
}

void Order::offer(const ledger::HandOver& waiting, bool from_before) {
  Queue& q = queue(waiting.box, waiting.lane);
  if (q.more_after != 0) return;
  if (q.entries.size() >= limits_.lane_held_max) {
    q.more_after = q.entries.back().position;
    ++overflowing_;
    return;
  }
  Entry entry;
  entry.position = waiting.position;
  entry.tries = waiting.tries;
  entry.maybe_repeat = from_before && q.entries.size() < limits_.lane_unnoted_max;
  q.entries.push_back(entry);
  ++held_count_;
  make_ready(q);
}

void Order::offer_again(const ledger::HandOver& waiting) {
  Queue& q = queue(waiting.box, waiting.lane);
  if (q.more_after != 0 && waiting.position > q.more_after) return;
  if (q.current && q.current->position == waiting.position) return;
  const auto place = std::lower_bound(
      q.entries.begin(), q.entries.end(), waiting.position,
      [](const Entry& entry, ledger::Position position) { return entry.position < position; });
  if (place != q.entries.end() && place->position == waiting.position) return;
  Entry entry;
  entry.position = waiting.position;
  q.entries.insert(place, entry);
  ++held_count_;
  make_ready(q);
}

bool Order::needs_refill() const {
  if (overflowing_ == 0) return false;
  for (const auto& [box, queues] : boxes_) {
    for (const Queue& q : *queues) {
      if (q.more_after != 0 && q.entries.size() < limits_.lane_refill_below) return true;
    }
  }
  return false;
}

std::optional<ledger::Position> Order::begin_refill() {
  BOOST_ASSERT(scanning_ == 0);
  if (!needs_refill()) return std::nullopt;
  std::optional<ledger::Position> from;
  for (const auto& [box, queues] : boxes_) {
    for (Queue& q : *queues) {
      if (q.more_after == 0 || q.entries.size() >= limits_.lane_held_max) continue;
      q.in_scan = true;
      ++scanning_;
      if (!from || q.more_after < *from) from = q.more_after;
    }
  }
  return from;
}

void Order::refill(const ledger::HandOver& waiting) {
  Queue& q = queue(waiting.box, waiting.lane);
  if (!q.in_scan || waiting.position <= q.more_after) return;
  if (q.entries.size() >= limits_.lane_held_max) {
    // Full again: it leaves the scan, or it would miss what comes while it is full.
    q.in_scan = false;
    --scanning_;
    return;
  }
  Entry entry;
  entry.position = waiting.position;
  entry.tries = waiting.tries;
  q.entries.push_back(entry);
  q.more_after = waiting.position;
  ++held_count_;
  make_ready(q);
}

void Order::end_refill(bool reached_end) {
  for (auto& [box, queues] : boxes_) {
    for (Queue& q : *queues) {
      if (q.in_scan && reached_end) {
        q.more_after = 0;
        --overflowing_;
      }
      q.in_scan = false;
    }
  }
  scanning_ = 0;
}

bool Order::is_empty() const {
  if (held_count_ > 0 || overflowing_ > 0 || in_flight_ > 0) return false;
  return std::all_of(boxes_.begin(), boxes_.end(), [](const auto& box) {
    return std::all_of(box.second->begin(), box.second->end(),
                       [](const Queue& q) { return q.unnoted == 0; });
  });
}

bool Order::has_ready() const {
  return std::any_of(ready_.begin(), ready_.end(), [](const auto& line) { return !line.empty(); });
}

void Order::hold(Queue& q, SteadyTime until) {
  BOOST_ASSERT(!q.waits);
  q.waits = true;
  held_.emplace(until, &q);
}

void Order::release_held(SteadyTime now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    Queue* const q = held_.begin()->second;
    held_.erase(held_.begin());
    q->waits = false;
    make_ready(*q);
  }
}

Order::Queue* Order::take_from(std::size_t lane) {
  std::deque<Queue*>& line = ready_.at(lane);
  if (line.empty()) return nullptr;
  Queue* const q = line.front();
  line.pop_front();
  q->in_ready = false;
  return q;
}

Order::Queue* Order::pick() {
  ++picks_;
  if (picks_ % lower_lane_share == 0) {
    const std::size_t favoured = 1 + (picks_ / lower_lane_share) % (lane_count - 1);
    if (Queue* const q = take_from(favoured)) return q;
  }
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    if (Queue* const q = take_from(lane)) return q;
  }
  return nullptr;
}

bool Order::may_start(SteadyTime now) {
  if (stopped_since_) return in_flight_ == 0 && now >= probe_at_;
  if (allowed_ < limits_.connections && now >= widen_at_) {
    ++allowed_;
    widen_at_ = now + limits_.widen_after;
  }
  return in_flight_ < allowed_;
}

std::optional<Job> Order::next(SteadyTime now) {
  release_held(now);
  if (!may_start(now)) return std::nullopt;
  Queue* const q = pick();
  if (q == nullptr) return std::nullopt;
  BOOST_ASSERT(!q->entries.empty() && !q->current);
  q->current = q->entries.front();
  q->entries.pop_front();
  ++in_flight_;
  return Job{q->current->position, q->box, q->lane, q->current->tries, q->current->maybe_repeat};
}

ledger::HandOver Order::note_for(const Queue& q, const Entry& entry, ledger::HandOverState state,
                                 const std::string& text, WallTimeUs wall_us) const {
  ledger::HandOver note;
  note.position = entry.position;
  note.box = q.box;
  note.lane = q.lane;
  note.state = state;
  note.tries = entry.tries;
  note.changed_us = wall_us;
  note.text = text;
  return note;
}

bool Order::reopen() {
  const bool was_reported = reported_stalled_;
  stopped_since_.reset();
  reported_stalled_ = false;
  probe_delay_ = milliseconds(0);
  return was_reported;
}

void Order::stop(SteadyTime now, bool probe_at_once) {
  if (!stopped_since_) {
    stopped_since_ = now;
    probe_delay_ = probe_at_once ? milliseconds(0) : limits_.stop_first;
    if (in_flight_ > 0 && !probe_at_once) {
      // Others are under way: perhaps only this connection was one too many.
      allowed_ = in_flight_;
      widen_at_ = now + limits_.widen_after;
    }
  } else {
    probe_delay_ = std::clamp(probe_delay_ * 2, limits_.stop_first, limits_.stop_most);
  }
  probe_at_ = now + probe_delay_;
}

Decision Order::finish_unreachable(Queue& q, Entry entry, const Attempt& attempt, SteadyTime now,
                                   WallTimeUs wall_us) {
  Decision decision;
  entry.maybe_repeat = entry.maybe_repeat || attempt.maybe_taken;
  if (!attempt.session_ready) {
    stop(now, false);
    q.entries.push_front(entry);
    return decision;
  }
  // It was there, and hung up on this mail. Only if it has talked to others since, is it the mail.
  const bool others_pass = entry.losses > 0 && answers_ != entry.answers_seen;
  if (others_pass || entry.losses == 0) ++entry.tries;
  entry.answers_seen = answers_;
  stop(now, true);
  if (entry.tries >= limits_.tries_max && others_pass) {
    decision.note = note_for(q, entry, ledger::HandOverState::parked, attempt.text, wall_us);
    decision.lasting = true;
    ++q.unnoted;
    return decision;
  }
  hold(q, now + backoff(limits_.stop_first, limits_.later_most, entry.losses));
  ++entry.losses;
  decision.note = note_for(q, entry, ledger::HandOverState::waiting, attempt.text, wall_us);
  q.entries.push_front(entry);
  return decision;
}

Decision Order::finish(const Job& job, const Attempt& attempt, SteadyTime now, WallTimeUs wall_us) {
  Queue& q = queue(job.box, job.lane);
  BOOST_ASSERT(q.current && q.current->position == job.position && in_flight_ > 0);
  Entry entry = *q.current;
  q.current.reset();
  --in_flight_;
  Decision decision;
  if (attempt.verdict == Verdict::unreachable) {
    decision = finish_unreachable(q, entry, attempt, now, wall_us);
  } else {
    ++answers_;
    decision.back = reopen();
    ++entry.tries;
    ledger::HandOverState state = ledger::HandOverState::waiting;
    if (attempt.verdict == Verdict::taken) state = ledger::HandOverState::taken;
    if (attempt.verdict == Verdict::refused) state = ledger::HandOverState::refused;
    if (attempt.verdict == Verdict::later && entry.tries >= limits_.tries_max)
      state = ledger::HandOverState::parked;
    decision.note = note_for(q, entry, state, attempt.text, wall_us);
    decision.lasting = state != ledger::HandOverState::waiting;
    if (decision.lasting) {
      ++q.unnoted;
    } else {
      hold(q, now + backoff(limits_.later_first, limits_.later_most, entry.tries - 1));
      q.entries.push_front(entry);
    }
  }
  if (decision.lasting) --held_count_;
  make_ready(q);
  return decision;
}

Decision Order::skip(const Job& job, const std::string& why, WallTimeUs wall_us) {
  Queue& q = queue(job.box, job.lane);
  BOOST_ASSERT(q.current && q.current->position == job.position && in_flight_ > 0);
  Decision decision;
  decision.note = note_for(q, *q.current, ledger::HandOverState::skipped, why, wall_us);
  decision.lasting = true;
  q.current.reset();
  --in_flight_;
  --held_count_;
  ++q.unnoted;
  make_ready(q);
  return decision;
}

void Order::noted(const BoxId& box, Lane lane) {
  Queue& q = queue(box, lane);
  if (q.unnoted > 0) --q.unnoted;
  make_ready(q);
}

bool Order::stalled(SteadyTime now) {
  if (!stopped_since_ || reported_stalled_) return false;
  if (now - *stopped_since_ < limits_.stalled_after) return false;
  reported_stalled_ = true;
  return true;
}

std::optional<SteadyTime> Order::wake_at() const {
  std::optional<SteadyTime> at;
  const auto sooner = [&at](SteadyTime time) {
    if (!at || time < *at) at = time;
  };
  if (!held_.empty()) sooner(held_.begin()->first);
  if (stopped_since_) {
    if (in_flight_ == 0 && has_ready()) sooner(probe_at_);
    if (!reported_stalled_) sooner(*stopped_since_ + limits_.stalled_after);
  } else if (allowed_ < limits_.connections && has_ready()) {
    sooner(widen_at_);
  }
  return at;
}

}  // namespace alarmwire::outlets
