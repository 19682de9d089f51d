#include "receiver/fleet/box_watch.hpp"

#include <algorithm>

namespace alarmwire::fleet {

void BoxWatch::add(const BoxId& box, bool seen_before, bool silent) {
  State& state = boxes_[box];
  state.seen = state.seen || seen_before || silent;
  state.silent = silent;
}

void BoxWatch::remove(const BoxId& box) {
  boxes_.erase(box);
}

void BoxWatch::on_heard(const BoxId& box, SteadyTime now) {
  const auto found = boxes_.find(box);
  if (found == boxes_.end()) return;
  found->second.seen = true;
  found->second.heard = now;
  found->second.down_reason.clear();
}

void BoxWatch::on_down(const BoxId& box, const std::string& reason) {
  const auto found = boxes_.find(box);
  if (found != boxes_.end()) found->second.down_reason = reason;
}

bool BoxWatch::is_missed(const State& state, SteadyTime now, std::chrono::seconds after) const {
  return state.seen && !state.silent && (state.heard == SteadyTime{} || now - state.heard >= after);
}

std::vector<BoxWatch::Change> BoxWatch::tick(SteadyTime now) {
  if (now - ticked_ > own_stall) grace_until_ = std::max(grace_until_, now + start_grace_);
  ticked_ = now;
  const bool may_miss = now >= grace_until_;
  std::size_t company = 0;
  bool is_one_gone = false;
  for (const auto& [box, state] : boxes_) {
    company += is_missed(state, now, in_company_) ? 1 : 0;
    is_one_gone = is_one_gone || is_missed(state, now, silent_after_);
  }
  const bool together = is_one_gone && company >= company_min;
  std::vector<Change> changes;
  for (auto& [box, state] : boxes_) {
    if (state.silent && state.heard != SteadyTime{} && now - state.heard < in_company_) {
      state.silent = false;
      changes.push_back({box, false, "heard again"});
    } else if (may_miss && is_missed(state, now, together ? in_company_ : silent_after_)) {
      state.silent = true;
      changes.push_back({box, true,
                         state.down_reason.empty()
                             ? "nothing heard for " + std::to_string(silent_after_.count()) + " s"
                             : state.down_reason});
    }
  }
  return changes;
}

bool BoxWatch::is_silent(const BoxId& box) const {
  const auto found = boxes_.find(box);
  return found != boxes_.end() && found->second.silent;
}

bool BoxWatch::was_seen(const BoxId& box) const {
  const auto found = boxes_.find(box);
  return found != boxes_.end() && found->second.seen;
}

}  // namespace alarmwire::fleet
