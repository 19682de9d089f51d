#include "edge/spool/recent.hpp"

namespace alarmwire::spool {

void FreshRecords::add(RecordHeader header, std::string body) {
  const std::lock_guard lock(mutex_);
  const RecordKey key = header.key;
  const auto [entry, is_new] = entries_.emplace(key, Entry{std::move(header), std::move(body)});
  if (!is_new) return;
  bytes_ += entry->second.weight();
  order_.push_back(key);
  while (bytes_ > bytes_max_) {
    const RecordKey oldest = order_.front();
    order_.pop_front();
    remove(oldest);
  }
  // Mostly they are taken in the order they came.
  while (!order_.empty() && !entries_.contains(order_.front())) order_.pop_front();
}

std::optional<FreshRecords::Entry> FreshRecords::remove(const RecordKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Entry entry = std::move(found->second);
  bytes_ -= entry.weight();
  entries_.erase(found);
  return entry;
}

std::optional<StoredRecord> FreshRecords::take(const RecordKey& key) {
  const std::lock_guard lock(mutex_);
  std::optional<Entry> entry = remove(key);
  if (!entry) return std::nullopt;
  return StoredRecord{std::move(entry->header), std::move(entry->body), RowState::waiting, {}};
}

void FreshRecords::forget(const RecordKey& key) {
  const std::lock_guard lock(mutex_);
  remove(key);
}

void FreshRecords::forget_up_to(const RecordKey& key) {
  const std::lock_guard lock(mutex_);
  auto next = entries_.lower_bound({key.epoch, key.lane, 0});
  while (next != entries_.end() && next->first <= key) {
    bytes_ -= next->second.weight();
    next = entries_.erase(next);
  }
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
