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
          {row->second.header, row->second.body.substr(0, head), row->second.parked}};
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
