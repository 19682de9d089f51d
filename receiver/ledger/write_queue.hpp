// What waits for the writer: bounded, and fair. Each party (a box, an outlet, the centre) has lines
// of its own; groups are formed by going round the parties, one write each, and within a party
// round its lines. So a box that floods fills its own share and delays nobody.
//
// Order is kept within a line (a box's lane), which is all the link asks for.
// Thread-safety: none; the ledger holds a lock around it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::ledger {

class Book;

// One thing to write: does it, and says later what became of it.
class Write {
 public:
  virtual ~Write() = default;
  // Inside the group's transaction. A failure here is the database's and undoes the whole group;
  // what is merely refused is kept as the answer. May be called again after such an undoing.
  virtual Status apply(Book& book) = 0;
  // After the group's commit, or after its failure. Runs the caller's callback.
  virtual void finish(const Failure* failure) = 0;

  std::string party;
  std::size_t line = 0;
  std::size_t bytes = 0;
  bool takes_room = false;  // its success shows that the ledger is not full
  bool can_wait = false;    // nobody waits for its answer
};

class WriteQueue {
 public:
  static constexpr std::size_t line_count = lane_count + 1;
  static constexpr std::size_t line_other = lane_count;  // what belongs to no lane
  static constexpr std::size_t patient_writes_max = 32;  // that wait for company

  // Leaves `write` untouched and answers false when there is no room.
  bool push(std::unique_ptr<Write>& write);
  // At most group_writes_max writes and, beyond the first, group_bytes_max bytes.
  std::vector<std::unique_ptr<Write>> take_group();
  std::vector<std::unique_ptr<Write>> take_all();
  bool empty() const { return writes_ == 0; }
  std::size_t size() const { return writes_; }
  // Holds something that somebody waits for, or so much that it is time.
  bool is_urgent() const { return writes_ > patient_ || patient_ >= patient_writes_max; }

 private:
  struct Party {
    std::array<std::deque<std::unique_ptr<Write>>, line_count> lines;
    std::size_t next_line = 0;
    std::size_t writes = 0;
    std::size_t bytes = 0;
  };
  std::unique_ptr<Write> take_one(Party& party);

  std::unordered_map<std::string, Party> parties_;  // only those that have something waiting
  std::deque<std::string> round_;                   // each party once, the next in front
  std::size_t writes_ = 0;
  std::size_t patient_ = 0;  // of these, such as can wait
  std::size_t bytes_ = 0;
};

}  // namespace alarmwire::ledger
