// Receipts for boxes that cannot be told just now: kept until their next stream, in memory. They
// are information; what a restart of the receiver loses of them is lost to nobody's alarms. A
// sans-io core. Thread-safety: one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "common/ids.hpp"
#include "grpc/link/centre_session.hpp"

namespace alarmwire::ingest {

class OwedReceipts {
 public:
  static constexpr std::size_t per_box_max = link::receipts_waiting_max;  // the newest stay
  static constexpr std::size_t in_all_max = 65'536;                       // beyond: not kept

  void add(const BoxId& box, link::Receipt receipt) {
    if (count_ >= in_all_max) return;
    std::deque<link::Receipt>& owed = of_box_[box];
    owed.push_back(std::move(receipt));
    ++count_;
    if (owed.size() <= per_box_max) return;
    owed.pop_front();
    --count_;
  }
  // In the order they came.
  std::deque<link::Receipt> take(const BoxId& box) {
    const auto found = of_box_.find(box);
    if (found == of_box_.end()) return {};
    std::deque<link::Receipt> owed = std::move(found->second);
    of_box_.erase(found);
    count_ -= owed.size();
    return owed;
  }
  std::size_t count() const { return count_; }

 private:
  std::map<BoxId, std::deque<link::Receipt>> of_box_;
  std::size_t count_ = 0;
};

}  // namespace alarmwire::ingest
