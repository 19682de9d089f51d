#include "receiver/fleet/box_watch.hpp"

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

std::vector<BoxWatch::Change> BoxWatch::tick(SteadyTime now) {
  std::vector<Change> changes;
  for (auto& [box, state] : boxes_) {
    const bool heard_now = state.heard != SteadyTime{} && now - state.heard < silent_after_;
    if (state.silent && heard_now) {
      state.silent = false;
      changes.push_back({box, false, "heard again"});
    } else if (!state.silent && state.seen && !heard_now && now - started_ >= start_grace_) {
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
