#include "edge/spool/lanes.hpp"

#include <algorithm>
#include <boost/assert.hpp>

namespace alarmwire::spool {
namespace {

std::uint64_t count_between(const std::set<std::uint64_t>& seqs, std::uint64_t from,
                            std::uint64_t to) {
  if (from > to) return 0;
  return static_cast<std::uint64_t>(std::distance(seqs.lower_bound(from), seqs.upper_bound(to)));
}

}  // namespace

std::uint64_t LaneState::waiting() const {
  return last + 1 - cursor - count_between(parked, cursor, last);
}

std::uint64_t LaneState::settled() const {
  return cursor - 1 - floor - count_between(parked, floor + 1, cursor - 1);
}

bool LaneState::is_held(std::uint64_t seq) const {
  return (seq > floor && seq <= last) || parked.contains(seq);
}

RowState LaneState::state(std::uint64_t seq) const {
  if (parked.contains(seq)) return RowState::parked;
  return seq < cursor ? RowState::settled : RowState::waiting;
}

LaneRange LaneState::range() const {
  return {epoch, lane_of(key), floor < last ? floor + 1 : 0, cursor, last};
}

bool LaneState::settle(std::uint64_t up_to) {
  up_to = std::min(up_to, last);
  const auto barrier = reentering.lower_bound(cursor);
  if (barrier != reentering.end() && up_to >= *barrier) {
    settled_beyond = std::max(settled_beyond, up_to);
    up_to = *barrier - 1;
  }
  if (up_to < cursor) return false;
  cursor = up_to + 1;
  skip_parked();
  is_dirty = true;
  return true;
}

bool LaneState::park(std::uint64_t seq) {
  if (!is_held(seq) || !parked.insert(seq).second) return false;
  const std::uint64_t before = cursor;
  skip_parked();
  is_dirty = is_dirty || cursor != before;
  reentering.erase(seq);
  return true;
}

bool LaneState::begin_reentry(std::uint64_t seq) {
  return is_held(seq) && !parked.contains(seq) && reentering.insert(seq).second;
}

void LaneState::skip_parked() {
  while (parked.contains(cursor)) ++cursor;
  BOOST_ASSERT(floor < cursor && cursor <= last + 1);
}

void LaneBook::add_epoch(std::uint64_t ordinal, EpochId epoch) {
  BOOST_ASSERT(ordinal > current_ordinal_ && ordinal <= ordinal_max);
  ordinals_[epoch.value] = ordinal;
  for (const Lane lane : all_lanes) {
    LaneState& state = lanes_[lane_key(ordinal, lane)];
    state.epoch = epoch;
    state.key = lane_key(ordinal, lane);
  }
  current_epoch_ = epoch;
  current_ordinal_ = ordinal;
}

void LaneBook::remove_epoch(std::uint64_t ordinal) {
  BOOST_ASSERT(ordinal != current_ordinal_);
  for (const Lane lane : all_lanes) {
    const auto lane_state = lanes_.find(lane_key(ordinal, lane));
    if (lane_state == lanes_.end()) continue;
    ordinals_.erase(lane_state->second.epoch.value);
    lanes_.erase(lane_state);
  }
}

LaneState* LaneBook::find(EpochId epoch, Lane lane) {
  const auto ordinal = ordinals_.find(epoch.value);
  return ordinal == ordinals_.end() ? nullptr : find(lane_key(ordinal->second, lane));
}

LaneState* LaneBook::find(LaneKey key) {
  const auto found = lanes_.find(key);
  return found == lanes_.end() ? nullptr : &found->second;
}

LaneState& LaneBook::current(Lane lane) {
  return lanes_.at(lane_key(current_ordinal_, lane));
}

RecordKey LaneBook::key_of(RowId row) {
  const LaneState* const state = find_row(row);
  BOOST_ASSERT(state != nullptr);
  return {state->epoch, lane_of(state->key), seq_of(row)};
}

std::vector<LaneRange> LaneBook::ranges() const {
  std::vector<LaneRange> all;
  for (const auto& [key, state] : lanes_) {
    const bool is_current = state.epoch == current_epoch_;
    if (is_current || state.floor < state.last) all.push_back(state.range());
  }
  return all;
}

std::vector<std::uint64_t> LaneBook::empty_epochs() const {
  std::set<std::uint64_t> empty;
  for (const auto& [epoch, ordinal] : ordinals_)
    if (ordinal != current_ordinal_) empty.insert(ordinal);
  for (const auto& [key, state] : lanes_)
    if (!state.is_empty()) empty.erase(static_cast<std::uint64_t>(key) >> lane_bits);
  return {empty.begin(), empty.end()};
}

void LaneBook::count(Snapshot& snapshot) const {
  snapshot.epoch = current_epoch_;
  for (const auto& [key, state] : lanes_) {
    const std::uint64_t waiting = state.waiting();
    snapshot.waiting_records += waiting;
    snapshot.waiting_by_lane[static_cast<std::size_t>(lane_of(key))] += waiting;
    snapshot.waiting_bytes += state.waiting_bytes;
    snapshot.settled_records += state.settled();
    snapshot.parked_records += state.parked.size();
    if (waiting == 0 || state.oldest_us == 0) continue;
    if (snapshot.oldest_waiting_us == 0 || state.oldest_us < snapshot.oldest_waiting_us)
      snapshot.oldest_waiting_us = state.oldest_us;
  }
}

}  // namespace alarmwire::spool
