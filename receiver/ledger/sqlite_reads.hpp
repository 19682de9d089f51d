// The readers' half of the SQLite ledger: a small pool of read-only connections, and the questions.
// A reader sees what was committed before its question; it never holds the writer up.
//
// Thread-safety: all functions may be called from any thread; one waits while all connections are
// in use.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "receiver/ledger/ledger.hpp"
#include "receiver/ledger/sqlite_connection.hpp"

namespace alarmwire::ledger {

inline constexpr std::size_t readers_max = 4;

class Reads {
 public:
  explicit Reads(Config config) : config_(std::move(config)) {}

  Result<std::vector<Cursor>> cursors(const BoxId& box);
  Result<std::vector<StagedBody>> staged(const BoxId& box);
  Result<std::vector<Record>> read_after(Position position, std::size_t limit);
  Result<std::vector<Record>> list(const ListFilter& filter);
  Result<Record> find(const AlarmId& id);
  Result<Record> at(Position position);
  Result<std::string> body(Position position, std::uint64_t offset, std::size_t bytes_max);
  Result<std::vector<StageMark>> stages(const AlarmId& id);
  Result<std::vector<Tombstone>> tombstones(const BoxId& box, std::size_t limit);
  Result<std::vector<Tombstone>> refused(const BoxId& box, const std::vector<SeqRange>& ranges);
  Result<std::vector<HandOver>> hand_overs(const std::string& outlet, HandOverState state,
                                           Position after, std::size_t limit);
  Result<std::uint64_t> count_hand_overs(const std::string& outlet, HandOverState state);
  Result<std::vector<Owed>> owed();
  Result<std::vector<std::pair<std::string, HandOver>>> hand_overs_of(Position position);

 private:
  // A connection on loan; goes back to the pool at the end.
  class Loan {
   public:
    Loan(Reads& home, std::unique_ptr<Connection> connection)
        : home_(&home), connection_(std::move(connection)) {}
    Loan(Loan&&) = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan();
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    Reads* home_;
    std::unique_ptr<Connection> connection_;
  };
  Result<Loan> borrow();
  void give_back(std::unique_ptr<Connection> connection);

  const Config config_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;  // guarded by mutex_
  std::size_t opened_ = 0;                         // guarded by mutex_
};

}  // namespace alarmwire::ledger
