// Two small memories of what was written last: the records themselves, so that the uplink need not
// read the file, and the hashes of waiting ones, so that a resend finds its first copy.
//
// Sans-io. Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>

#include "edge/spool/row_reader.hpp"

namespace alarmwire::spool {

// Whole records with inline bodies, at most `bytes_max` in all, the oldest forgotten first.
class RecentRecords {
 public:
  explicit RecentRecords(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  void add(Row row);
  const Row* find(RowId row) const;
  void forget(RowId row);

 private:
  static std::size_t weight(const Row& row) { return row.body.size() + row.envelope.size() + 256; }
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::map<RowId, Row> rows_;
  std::deque<RowId> order_;
};

// Row of the newest record with this hash head, among the last `entries_max`.
class JoinWindow {
 public:
  explicit JoinWindow(std::size_t entries_max) : entries_max_(entries_max) {}
  void add(std::int64_t hash_head, RowId row);
  RowId find(std::int64_t hash_head) const;  // 0: none

 private:
  std::size_t entries_max_;
  std::unordered_map<std::int64_t, RowId> rows_;
  std::deque<std::pair<std::int64_t, RowId>> order_;
};

}  // namespace alarmwire::spool
