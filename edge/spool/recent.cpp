#include "edge/spool/recent.hpp"

namespace alarmwire::spool {

void RecentRecords::add(Row row) {
  const RowId number = row.row;
  const std::size_t bytes = weight(row);
  if (!rows_.emplace(number, std::move(row)).second) return;
  bytes_ += bytes;
  order_.push_back(number);
  while (bytes_ > bytes_max_) {
    const auto oldest = rows_.find(order_.front());
    order_.pop_front();
    bytes_ -= weight(oldest->second);
    rows_.erase(oldest);
  }
}

const Row* RecentRecords::find(RowId row) const {
  const auto found = rows_.find(row);
  return found == rows_.end() ? nullptr : &found->second;
}

void RecentRecords::forget(RowId row) {
  const auto found = rows_.find(row);
  if (found == rows_.end()) return;
  bytes_ -= weight(found->second);
  rows_.erase(found);
  std::erase(order_, row);
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
