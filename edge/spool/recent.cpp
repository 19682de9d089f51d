#include "edge/spool/recent.hpp"

namespace alarmwire::spool {

void FreshRecords::add(RecordHeader header, std::string body) {
  const std::lock_guard lock(mutex_);
  const RecordKey key = header.key;
  Entry fresh{std::move(header), std::move(body), ++last_number_};
  const auto [entry, is_new] = entries_.emplace(key, std::move(fresh));
  if (!is_new) return;
  bytes_ += entry->second.weight();
  order_.emplace(entry->second.number, key);
  while (bytes_ > bytes_max_) remove(entries_.find(order_.begin()->second));
}

FreshRecords::Entry FreshRecords::remove(Entries::iterator entry) {
  Entry gone = std::move(entry->second);
  bytes_ -= gone.weight();
  order_.erase(gone.number);
  entries_.erase(entry);
  return gone;
}

std::optional<StoredRecord> FreshRecords::take(const RecordKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Entry entry = remove(found);
  return StoredRecord{std::move(entry.header), std::move(entry.body), RowState::waiting, {}};
}

void FreshRecords::forget(const RecordKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) remove(found);
}

void FreshRecords::forget_up_to(const RecordKey& key) {
  const std::lock_guard lock(mutex_);
  auto next = entries_.lower_bound({key.epoch, key.lane, 0});
  while (next != entries_.end() && next->first <= key) remove(next++);
}

void JoinWindow::add(std::int64_t hash_head, RowId row) {
  rows_[hash_head] = row;
  order_.emplace_back(hash_head, row);
  if (order_.size() <= entries_max_) return;
  const auto [old_head, old_row] = order_.front();
  order_.pop_front();
  const auto found = rows_.find(old_head);
  if (found != rows_.end() && found->second == old_row) rows_.erase(found);
}

RowId JoinWindow::find(std::int64_t hash_head) const {
  const auto found = rows_.find(hash_head);
  return found == rows_.end() ? 0 : found->second;
}

}  // namespace alarmwire::spool
