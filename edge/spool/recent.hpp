// Two small memories of what was written last: the records themselves, so that the uplink need not
// wait for the spool's thread nor read the file, and the hashes of waiting ones, so that a resend
// finds its first copy.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "edge/spool/row_reader.hpp"

namespace alarmwire::spool {

// Records that were just committed with all their bodies, each to be taken once; at most
// `bytes_max` in all, the oldest forgotten first. Whoever needs one again reads the file.
// Thread-safety: any thread.
class FreshRecords {
 public:
  explicit FreshRecords(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  void add(RecordHeader header, std::string body);
  // A waiting one, with all of its body.
  std::optional<StoredRecord> take(const RecordKey& key);
  // What is here is no longer what is in the file, or no longer waits.
  void forget(const RecordKey& key);
  void forget_up_to(const RecordKey& key);  // of its epoch and lane

 private:
  struct Entry {
    RecordHeader header;
    std::string body;
    std::uint64_t number = 0;  // in order_
    std::size_t weight() const { return body.size() + header.envelope.size() + 256; }
  };
  using Entries = std::map<RecordKey, Entry>;
  Entry remove(Entries::iterator entry);

  const std::size_t bytes_max_;
  std::mutex mutex_;
  std::size_t bytes_ = 0;
  Entries entries_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, RecordKey> order_;
};

// Row of the newest record with this hash head, among the last `entries_max`. Thread-safety: one
// thread.
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
