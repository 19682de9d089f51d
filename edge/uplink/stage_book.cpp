#include "edge/uplink/stage_book.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::uplink {

void StageBook::note(const AlarmId& id, StageNote note) {
  const auto [found, is_new] = notes_.try_emplace(id);
  if (is_new) {
    order_.push_back(id);
    if (order_.size() > alarms_max) {
      notes_.erase(order_.front());
      order_.pop_front();
    }
  }
  std::vector<StageNote>& notes = found->second;
  const bool known = std::any_of(notes.begin(), notes.end(), [&](const StageNote& other) {
    return other.stage == note.stage && other.outlet == note.outlet &&
           other.time_us == note.time_us;
  });
  if (!known && notes.size() < notes_per_alarm_max) notes.push_back(std::move(note));
}

std::vector<StageNote> StageBook::of(const AlarmId& id) const {
  const auto found = notes_.find(id);
  return found != notes_.end() ? found->second : std::vector<StageNote>();
}

}  // namespace alarmwire::uplink
