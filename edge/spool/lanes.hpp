// What the spool holds, lane by lane: a few numbers instead of a state in every row. Seqs are
// dense, so floor, cursor and last say of each row whether it was evicted, is settled or waits;
// only parked rows are listed one by one. Settling a million rows moves one number.
//
// Sans-io. Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "edge/spool/spool.hpp"

namespace alarmwire::spool {

// Rows are clustered by (ordinal of the epoch, lane, seq), packed into SQLite's rowid.
inline constexpr unsigned seq_bits = 38;
inline constexpr unsigned lane_bits = 2;
inline constexpr unsigned ordinal_bits = 22;
inline constexpr std::uint64_t seq_max = (std::uint64_t{1} << seq_bits) - 1;
inline constexpr std::uint64_t ordinal_max = (std::uint64_t{1} << ordinal_bits) - 1;

using RowId = std::int64_t;
using LaneKey = std::int64_t;  // ordinal and lane

constexpr LaneKey lane_key(std::uint64_t ordinal, Lane lane) {
  return static_cast<LaneKey>(ordinal << lane_bits | static_cast<std::uint64_t>(lane));
}
constexpr RowId row_id(LaneKey key, std::uint64_t seq) {
  return key << seq_bits | static_cast<RowId>(seq);
}
constexpr LaneKey lane_key_of(RowId row) {
  return row >> seq_bits;
}
constexpr std::uint64_t seq_of(RowId row) {
  return static_cast<std::uint64_t>(row) & seq_max;
}
constexpr Lane lane_of(LaneKey key) {
  return static_cast<Lane>(key & ((1 << lane_bits) - 1));
}

// floor < cursor <= last + 1. Rows up to floor are gone (but for parked ones), rows below cursor
// are settled or parked, rows from cursor to last wait, but for parked ones.
struct LaneState {
  EpochId epoch;
  LaneKey key = 0;
  std::uint64_t floor = 0;
  std::uint64_t cursor = 1;
  std::uint64_t last = 0;
  std::set<std::uint64_t> parked;
  std::set<std::uint64_t> reentering;  // the cursor waits in front of them
  std::uint64_t settled_beyond = 0;    // the centre's word that waits for it
  std::uint64_t waiting_bytes = 0;
  WallTimeUs oldest_us = 0;  // accepted_us of the row at cursor; 0: none waits
  bool is_dirty = false;     // floor or cursor are not in the file yet

  std::uint64_t waiting() const;
  std::uint64_t settled() const;
  bool is_held(std::uint64_t seq) const;
  RowState state(std::uint64_t seq) const;
  bool is_empty() const { return floor == last && parked.empty(); }
  LaneRange range() const;

  // Up to and including `up_to`; more than was ever given is cut to that. False: nothing new.
  bool settle(std::uint64_t up_to);
  // False: was parked already, or is not held. What waited behind its re-entry is settled next.
  bool park(std::uint64_t seq);
  // False: parked or under way already, or not held.
  bool begin_reentry(std::uint64_t seq);

 private:
  void skip_parked();
};

class LaneBook {
 public:
  // Ordinals grow with time; the last one added is the current epoch.
  void add_epoch(std::uint64_t ordinal, EpochId epoch);
  void remove_epoch(std::uint64_t ordinal);

  LaneState* find(EpochId epoch, Lane lane);
  LaneState* find(LaneKey key);
  LaneState* find_row(RowId row) { return find(lane_key_of(row)); }
  LaneState& current(Lane lane);
  EpochId current_epoch() const { return current_epoch_; }
  std::uint64_t current_ordinal() const { return current_ordinal_; }
  RecordKey key_of(RowId row);

  std::map<LaneKey, LaneState>& lanes() { return lanes_; }
  const std::map<LaneKey, LaneState>& lanes() const { return lanes_; }
  std::vector<LaneRange> ranges() const;
  // Old epochs in which nothing is held any more.
  std::vector<std::uint64_t> empty_epochs() const;
  void count(Snapshot& snapshot) const;

 private:
  std::map<LaneKey, LaneState> lanes_;
  std::map<std::uint64_t, std::uint64_t> ordinals_;  // epoch → ordinal
  EpochId current_epoch_;
  std::uint64_t current_ordinal_ = 0;
};

}  // namespace alarmwire::spool
