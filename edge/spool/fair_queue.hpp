// Who comes next: a queue that is fair between flows (devices, uploads) and keeps order within one.
// The core of group commit (design 5.2): take() hands out at most so many rows and bytes, one item
// of each flow in turn.
//
// Sans-io. Thread-safety: one thread at a time (the spool holds its lock).
#pragma once

#include <boost/assert.hpp>
#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace alarmwire::spool {

// What is left of a group that is being formed.
struct GroupRoom {
  std::size_t rows = 0;
  std::size_t bytes = 0;
  bool is_untouched = true;  // an item larger than a whole group must still get through: alone
};

template <typename Item>
class FairQueue {
 public:
  void push(const std::string& flow, std::size_t bytes, Item item) {
    std::deque<Entry>& entries = flows_[flow];
    if (entries.empty()) turns_.push_back(flow);
    entries.push_back({bytes, std::move(item)});
    ++size_;
    bytes_ += bytes;
  }

  // Moves the next items into `group` while `room` lasts. Stops at the first item that does not
  // fit: passing it by for smaller ones would let it starve.
  void take(GroupRoom& room, std::vector<Item>& group) {
    while (!turns_.empty()) {
      const auto flow = flows_.find(turns_.front());
      BOOST_ASSERT(flow != flows_.end() && !flow->second.empty());
      Entry& entry = flow->second.front();
      const bool fits = room.rows > 0 && entry.bytes <= room.bytes;
      if (!fits && !room.is_untouched) return;
      room.is_untouched = false;
      room.rows -= room.rows > 0 ? 1 : 0;
      room.bytes -= entry.bytes < room.bytes ? entry.bytes : room.bytes;
      bytes_ -= entry.bytes;
      --size_;
      group.push_back(std::move(entry.item));
      flow->second.pop_front();
      end_turn(flow);
    }
  }

  // Everything, in no promised order: for failing what waits.
  std::vector<Item> take_all() {
    std::vector<Item> all;
    for (auto& [flow, entries] : flows_)
      for (Entry& entry : entries) all.push_back(std::move(entry.item));
    flows_.clear();
    turns_.clear();
    size_ = bytes_ = 0;
    return all;
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Entry {
    std::size_t bytes;
    Item item;
  };
  using Flows = std::unordered_map<std::string, std::deque<Entry>>;

  void end_turn(typename Flows::iterator flow) {
    if (flow->second.empty())
      flows_.erase(flow);
    else
      turns_.push_back(turns_.front());
    turns_.pop_front();
  }

  Flows flows_;
  std::deque<std::string> turns_;  // flows with something waiting, each once
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace alarmwire::spool
