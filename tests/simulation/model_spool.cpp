#include "tests/simulation/model_spool.hpp"

#include <algorithm>

namespace alarmwire::simulation {

using link::FetchResult;

std::vector<link::HeldRange> ModelSpool::ranges() const {
  std::vector<link::HeldRange> ranges;
  for (const EpochId epoch : state.epochs) {
    for (const Lane lane : all_lanes) {
      link::HeldRange range;
      range.epoch = epoch;
      range.lane = lane;
      const auto last = state.last.find({epoch, lane});
      range.last = last == state.last.end() ? 0 : last->second;
      const auto first = state.rows.lower_bound({epoch, lane, 0});
      const bool held =
          first != state.rows.end() && first->first.epoch == epoch && first->first.lane == lane;
      range.first_held = held ? first->first.seq : 0;
      const auto settled = state.settled.find({epoch, lane});
      range.first_unsettled = settled == state.settled.end() ? 1 : settled->second + 1;
      if (range.last > 0 || epoch == state.epochs.back()) ranges.push_back(range);
    }
  }
  return ranges;
}

std::pair<FetchResult, link::FetchedRecord> ModelSpool::fetch(const RecordKey& key,
                                                              std::size_t head) const {
  const auto row = state.rows.find(key);
  if (row == state.rows.end()) return {FetchResult::not_held, {}};
  // A long body's damage shows only when it is read.
  const bool shows = row->second.damaged && row->second.body.size() <= head;
  if (shows) return {FetchResult::unreadable, {}};
  return {FetchResult::ok,
          {row->second.header, row->second.body.substr(0, head), row->second.parked, {}}};
}

std::pair<FetchResult, std::string> ModelSpool::body(const RecordKey& key, std::uint64_t offset,
                                                     std::size_t bytes) const {
  const auto row = state.rows.find(key);
  if (row == state.rows.end()) return {FetchResult::not_held, {}};
  if (row->second.damaged) return {FetchResult::unreadable, {}};
  return {FetchResult::ok, row->second.body.substr(offset, bytes)};
}

FetchResult ModelSpool::verify(const RecordKey& key) const {
  const auto row = state.rows.find(key);
  if (row == state.rows.end()) return FetchResult::not_held;
  return row->second.damaged ? FetchResult::unreadable : FetchResult::ok;
}

void ModelSpool::crash() {
  state.settled = forgotten_;
  for (const RecordKey& key : fresh_parkings_) {
    const auto row = state.rows.find(key);
    if (row != state.rows.end()) row->second.parked = row->second.never = false;
  }
  fresh_parkings_.clear();
  reentering_.clear();
  settled_beyond_.clear();
}

void ModelSpool::settle(EpochId epoch, Lane lane, std::uint64_t up_to) {
  auto& at = state.settled[{epoch, lane}];
  const auto barrier = reentering_.lower_bound({epoch, lane, at + 1});
  if (barrier != reentering_.end() && *barrier <= RecordKey{epoch, lane, up_to}) {
    auto& beyond = settled_beyond_[{epoch, lane}];
    beyond = std::max(beyond, up_to);
    up_to = barrier->seq - 1;
  }
  at = std::max(at, up_to);
}

void ModelSpool::park(const RecordKey& key, bool never) {
  const auto row = state.rows.find(key);
  if (row == state.rows.end() || row->second.parked) return;
  row->second.parked = true;
  row->second.never = never;
  fresh_parkings_.insert(key);
  if (reentering_.erase(key) > 0)
    settle(key.epoch, key.lane, settled_beyond_[{key.epoch, key.lane}]);
}

bool ModelSpool::begin_reentry(const RecordKey& key) {
  const auto row = state.rows.find(key);
  return row != state.rows.end() && !row->second.parked && reentering_.insert(key).second;
}

std::optional<RecordKey> ModelSpool::reenter(const RecordKey& key) {
  const auto row = state.rows.find(key);
  if (row == state.rows.end()) return std::nullopt;
  park(key, false);
  if (row->second.damaged) return std::nullopt;
  fresh_parkings_.erase(key);  // in one transaction with what follows
  const RecordHeader& old = row->second.header;
  return commit(key.lane, old.id, old.envelope, std::string(row->second.body));
}

std::vector<RecordKey> ModelSpool::evict_settled() {
  std::vector<RecordKey> evicted;
  std::erase_if(state.rows, [&](const auto& row) {
    if (row.second.parked || !is_settled(row.first)) return false;
    evicted.push_back(row.first);
    return true;
  });
  return evicted;
}

}  // namespace alarmwire::simulation
