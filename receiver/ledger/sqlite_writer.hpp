// The writer thread of the SQLite ledger: forms groups, commits them, answers, and does the
// housekeeping in between. The only thread that ever writes or checkpoints.
//
// Group commit without a timer: an idle ledger commits at once; what arrives meanwhile is the next
// group. Only an outlet's notes, which nobody waits for, may wait for a record that comes along.
// When the database refuses a group, it is undone and each write tried alone, so that one bad write
// fails by itself. Checkpoints run between groups, after the answers have gone out.
//
// Thread-safety: all public functions may be called from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "receiver/ledger/fresh.hpp"
#include "receiver/ledger/rules.hpp"
#include "receiver/ledger/sqlite_book.hpp"
#include "receiver/ledger/write_queue.hpp"

namespace alarmwire::ledger {

inline constexpr std::size_t retention_jobs_max = 4;
inline constexpr std::int64_t wal_idle_frames = 256;     // 1 MiB: then checkpoint when idle
inline constexpr std::int64_t wal_forced_frames = 4096;  // 16 MiB: then checkpoint anyway
inline constexpr std::size_t groups_between_chores = 8;  // under load
inline constexpr std::chrono::milliseconds tick_interval{1000};
inline constexpr std::chrono::milliseconds notes_gather{20};
inline constexpr std::chrono::seconds sweep_interval{600};
inline constexpr std::chrono::seconds chore_pause{5};  // after a chore found no room

class Writer {
 public:
  Writer(const Config& config, std::unique_ptr<Book> book, Observer& observer);
  ~Writer();  // finishes what is queued
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void submit(std::unique_ptr<Write> write);
  void apply_retention(RetentionRule rule, WallTimeUs now_us, Ledger::Callback<std::uint64_t> done);
  const std::string& ledger_id() const { return id_; }
  const FreshRecords& fresh() const { return fresh_; }
  Snapshot snapshot() const;

 private:
  using Group = std::vector<std::unique_ptr<Write>>;
  struct Retention {
    Book::RetentionJob job;
    Ledger::Callback<std::uint64_t> done;
  };

  void run();
  std::optional<Group> wait_for_group();  // empty: time for chores; nothing: the end
  void commit_group(Group group);
  void commit_alone(Group group, std::size_t next);
  Status attempt(std::span<std::unique_ptr<Write>> writes);
  Status transact(const std::function<Status()>& work);
  void deliver(std::span<std::unique_ptr<Write>> writes);

  void chores();
  void slice();
  void retention_slice();
  void checkpoint();
  void tick();
  bool survive(const Status& status, const char* doing);  // false: the chore must be put off
  void watch_disk();
  void note_full(const std::string& why);
  void judge_room();
  void publish();
  void die(const Failure& failure);
  void fail(std::span<std::unique_ptr<Write>> writes, const Failure& failure);
  void fail_all(Group group);

  const Config config_;
  Observer& observer_;
  const std::string id_;
  FreshRecords fresh_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  WriteQueue queue_;                 // guarded by mutex_
  std::deque<Retention> retention_;  // guarded by mutex_
  Snapshot snapshot_;                // guarded by mutex_
  bool stopping_ = false;            // guarded by mutex_
  bool dead_ = false;                // guarded by mutex_

  // The writer thread's own:
  DiskWatch disk_watch_;
  std::int64_t wal_frames_ = 0;  // outlives book_: it is counted into
  std::int64_t checkpointed_frames_ = 0;
  std::unique_ptr<Book> book_;
  std::size_t groups_since_chore_ = 0;
  std::uint64_t commits_ = 0;
  bool chores_left_ = false;
  bool vacuum_wanted_ = true;
  bool full_ = false;
  bool room_since_full_ = false;  // a record was taken after the last one refused
  SteadyTime last_full_{};
  SteadyTime next_tick_{};
  SteadyTime next_sweep_{};
  SteadyTime chores_after_{};
  double disk_used_ratio_ = 0;
  std::uint64_t used_bytes_ = 0;

  std::thread thread_;  // last: starts when all the rest is there
};

}  // namespace alarmwire::ledger
