#include "receiver/ledger/write_queue.hpp"

#include <boost/assert.hpp>
#include <utility>

namespace alarmwire::ledger {

bool WriteQueue::push(std::unique_ptr<Write>& write) {
  BOOST_ASSERT(write->line < line_count);
  if (writes_ >= pending_writes_max || bytes_ + write->bytes > pending_bytes_max) return false;
  Party& party = parties_[write->party];
  // A lone write over the share is let in: what is larger than a share must get through too.
  const bool over_share = party.writes > 0 && (party.writes >= pending_box_writes_max ||
                                               party.bytes + write->bytes > pending_box_bytes_max);
  if (over_share) return false;
  if (party.writes == 0) round_.push_back(write->party);
  ++party.writes;
  party.bytes += write->bytes;
  ++writes_;
  patient_ += write->can_wait ? 1 : 0;
  bytes_ += write->bytes;
  auto& line = party.lines[write->line];
  line.push_back(std::move(write));
  return true;
}

std::unique_ptr<Write> WriteQueue::take_one(Party& party) {
  while (party.lines[party.next_line].empty()) party.next_line = (party.next_line + 1) % line_count;
  auto& line = party.lines[party.next_line];
  std::unique_ptr<Write> write = std::move(line.front());
  line.pop_front();
  party.next_line = (party.next_line + 1) % line_count;
  --party.writes;
  party.bytes -= write->bytes;
  --writes_;
  patient_ -= write->can_wait ? 1 : 0;
  bytes_ -= write->bytes;
  return write;
}

std::vector<std::unique_ptr<Write>> WriteQueue::take_group() {
  std::vector<std::unique_ptr<Write>> group;
  std::size_t bytes = 0;
  while (writes_ > 0 && group.size() < group_writes_max && bytes < group_bytes_max) {
    std::string name = std::move(round_.front());
    round_.pop_front();
    const auto found = parties_.find(name);
    BOOST_ASSERT(found != parties_.end());
    group.push_back(take_one(found->second));
    bytes += group.back()->bytes;
    if (found->second.writes > 0)
      round_.push_back(std::move(name));
    else
      parties_.erase(found);
  }
  return group;
}

std::vector<std::unique_ptr<Write>> WriteQueue::take_all() {
  std::vector<std::unique_ptr<Write>> all;
  while (!empty())
    for (std::unique_ptr<Write>& write : take_group()) all.push_back(std::move(write));
  return all;
}

}  // namespace alarmwire::ledger
