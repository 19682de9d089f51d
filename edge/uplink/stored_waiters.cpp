#include "edge/uplink/stored_waiters.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::uplink {

void StoredWaiters::on_link(bool up) {
  up_ = up;
  gave_up_ = false;
  if (up) return;
  // Taken out first: a callback may ask again.
  auto released = std::exchange(waiters_, {});
  for (auto& [key, waiter] : released) waiter.done(false);
}

std::optional<bool> StoredWaiters::wait(const RecordKey& key, SteadyTime now, SteadyTime deadline,
                                        Done done) {
  const auto run = stored_.find({key.epoch, key.lane});
  if (run != stored_.end() && run->second.first <= key.seq && key.seq <= run->second.last)
    return true;
  if (!up_ || gave_up_ || waiters_.size() >= waiters_max) return false;
  if (waiters_.empty()) heard(now);
  waiters_.emplace(key, Waiter{deadline, std::move(done)});
  return std::nullopt;
}

void StoredWaiters::heard(SteadyTime now) {
  quiet_since_ = now;
  has_asked_ = false;
}

void StoredWaiters::settle(EpochId epoch, Lane lane, std::uint64_t up_to,
                           const std::vector<RecordKey>& stored) {
  gave_up_ = false;
  if (stored_.size() >= stored_runs_max) stored_.clear();
  for (const RecordKey& key : stored) {
    Run& run = stored_[{epoch, lane}];
    if (key.seq != run.last + 1) run.first = key.seq;
    run.last = key.seq;
  }
  std::vector<std::pair<Done, bool>> answers;
  const auto first = waiters_.lower_bound(RecordKey{epoch, lane, 0});
  const auto last = waiters_.upper_bound(RecordKey{epoch, lane, up_to});
  for (auto it = first; it != last; ++it) {
    const bool is_stored = std::find(stored.begin(), stored.end(), it->first) != stored.end();
    answers.emplace_back(std::move(it->second.done), is_stored);
  }
  waiters_.erase(first, last);
  for (auto& [done, is_stored] : answers) done(is_stored);
}

bool StoredWaiters::on_timer(SteadyTime now) {
  const bool is_silent = now >= quiet_since_ + silence_max;
  std::vector<Done> late;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (it->second.deadline > now && !is_silent) {
      ++it;
      continue;
    }
    late.push_back(std::move(it->second.done));
    it = waiters_.erase(it);
  }
  if (!late.empty()) gave_up_ = true;
  for (const Done& done : late) done(false);
  const bool asks = !waiters_.empty() && !has_asked_ && now >= quiet_since_ + ask_after;
  has_asked_ = has_asked_ || asks;
  return asks;
}

SteadyTime StoredWaiters::next_deadline() const {
  if (waiters_.empty()) return SteadyTime::max();
  SteadyTime first = quiet_since_ + (has_asked_ ? silence_max : ask_after);
  for (const auto& [key, waiter] : waiters_) first = std::min(first, waiter.deadline);
  return first;
}

}  // namespace alarmwire::uplink
