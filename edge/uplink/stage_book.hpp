// What the box knows of each alarm's way after the spool: sent, stored, and the receipts of later
// stages. For `alarmwire alarm trace` on the box; bounded, the oldest alarms are forgotten.
// Thread-safety: one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::uplink {

struct StageNote {
  std::string stage;  // "sent", "stored", "handed over", "displayed", "confirmed", "refused"
  WallTimeUs time_us = 0;
  bool centre_clock = false;
  std::string outlet;
  std::string text;
};

class StageBook {
 public:
  static constexpr std::size_t alarms_max = 4096;
  static constexpr std::size_t notes_per_alarm_max = 32;

  void note(const AlarmId& id, StageNote note);
  std::vector<StageNote> of(const AlarmId& id) const;

 private:
  struct IdHash {
    std::size_t operator()(const AlarmId& id) const {
      return std::hash<std::string_view>()(id.view());
    }
  };
  std::unordered_map<AlarmId, std::vector<StageNote>, IdHash> notes_;
  std::deque<AlarmId> order_;
};

}  // namespace alarmwire::uplink
