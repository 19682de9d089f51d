#include "receiver/ledger/fresh.hpp"

#include <utility>

namespace alarmwire::ledger {

void FreshRecords::add(Record record, std::optional<std::string> body) {
  const std::lock_guard lock(mutex_);
  const Position position = record.position;
  const auto [entry, is_new] =
      entries_.emplace(position, Entry{std::move(record), std::move(body)});
  if (!is_new) return;
  bytes_ += entry->second.weight();
  while (bytes_ > bytes_max_) {
    bytes_ -= entries_.begin()->second.weight();
    entries_.erase(entries_.begin());
  }
}

void FreshRecords::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  bytes_ = 0;
}

std::optional<Record> FreshRecords::at(Position position) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(position);
  if (found == entries_.end()) return std::nullopt;
  return found->second.record;
}

std::optional<std::string> FreshRecords::body(Position position, std::uint64_t offset,
                                              std::size_t bytes_max) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(position);
  if (found == entries_.end() || !found->second.body) return std::nullopt;
  const std::string& body = *found->second.body;
  return offset < body.size() ? body.substr(offset, bytes_max) : std::string();
}

}  // namespace alarmwire::ledger
