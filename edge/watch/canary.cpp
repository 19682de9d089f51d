#include "edge/watch/canary.hpp"

namespace alarmwire::watch {

bool Canary::tick(const Signs& signs, SteadyTime now) {
  if (signs.settled_records != settled_seen_) acknowledged_ = now;
  settled_seen_ = signs.settled_records;
  if (!signs.is_up) acknowledged_.reset();
  // What waits is on its way, and will be acknowledged or be missed itself.
  if (every_.count() == 0 || !signs.is_up || signs.waiting_records > 0) return false;
  if (acknowledged_ && now - *acknowledged_ < every_) return false;
  if (sent_ && now - *sent_ < apart_least) return false;
  sent_ = now;
  return true;
}

spool::NewRecord make_canary(WallTimeUs now_us) {
  spool::NewRecord record;
  record.accepted_us = now_us;
  record.id = AlarmId::make(now_us);
  record.lane = Lane::routine;
  record.envelope = canary_envelope();
  record.hash = canary_hash();
  record.may_join = false;  // each proves the way at its own time
  return record;
}

}  // namespace alarmwire::watch
