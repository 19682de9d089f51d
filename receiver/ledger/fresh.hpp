// The records stored last, in memory: outlets and displays ask for each of them at once, and need
// not read the file for it.
//
// Records never change, so what is here is what the file says, until retention deletes it: then
// clear(). Thread-safety: any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::ledger {

inline constexpr std::size_t fresh_bytes_max = 4 * 1024 * 1024;

class FreshRecords {
 public:
  explicit FreshRecords(std::size_t bytes_max = fresh_bytes_max) : bytes_max_(bytes_max) {}

  // `body`: nothing where it is staged, and in the file alone.
  void add(Record record, std::optional<std::string> body);
  void clear();
  std::optional<Record> at(Position position) const;
  std::optional<std::string> body(Position position, std::uint64_t offset,
                                  std::size_t bytes_max) const;

 private:
  struct Entry {
    Record record;
    std::optional<std::string> body;
    std::size_t weight() const {
      return (body ? body->size() : 0) + record.header.envelope.size() + sizeof(Entry);
    }
  };

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0;
  std::map<Position, Entry> entries_;  // the oldest goes first
};

}  // namespace alarmwire::ledger
