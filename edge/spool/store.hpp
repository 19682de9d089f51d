// The spool's file: schema, settings and writes. Format: docs/format-spool.md.
//
// Knows nothing of groups, quotas or epochs' meaning; every write happens inside the caller's
// transaction. Failures are SQLite's, or Errc::corrupt. Thread-safety: one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/sqlite.hpp"
#include "edge/spool/lanes.hpp"
#include "edge/spool/row_reader.hpp"
#include "edge/spool/statements.hpp"

namespace alarmwire::spool {

std::string_view synchronous_mode();  // "FULL"

inline constexpr std::uint64_t page_bytes = 4096;
inline constexpr std::uint64_t wal_frame_bytes = page_bytes + 24;
inline constexpr std::int64_t schema_version = 2;

struct StoreOptions {
  std::string path;
  std::uint64_t quota_bytes = 0;
  bool secure_delete = false;
  const char* vfs = nullptr;
};

// Rows of a lane up to `up_to` were settled before `at_us` (the end of their time slot).
struct SettleMark {
  WallTimeUs at_us = 0;
  LaneKey lane = 0;
  std::uint64_t up_to = 0;
};

struct WaitingHash {
  std::int64_t head = 0;  // the hash's first 8 bytes
  RowId row = 0;
};
std::int64_t hash_head(const Hash& hash);

// What open needs to know of the file.
struct Contents {
  std::vector<SettleMark> marks;            // oldest first
  std::vector<std::uint64_t> swept_bodies;  // uploads that were never finished
  std::vector<std::uint64_t> doomed_bodies;
  std::vector<WaitingHash> waiting;  // the newest waiting rows, oldest first
  std::uint64_t ordinal_last = 0;
  std::uint64_t body_last = 0;
};

class Store {
 public:
  // Opens or creates. Errc::busy: another process has it.
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // SQLite's quick_check, given up (as good) after `limit`. Errc::corrupt: damage.
  Status check(std::chrono::milliseconds limit);
  Result<Contents> load(LaneBook& book, std::size_t waiting_max);

  Result<sqlite::Transaction> begin() { return sqlite::Transaction::begin(database_); }
  Status add_epoch(std::uint64_t ordinal, EpochId epoch, WallTimeUs now);
  Status remove_epoch(std::uint64_t ordinal);
  Status insert(RowId row, const NewRecord& record, std::uint64_t body_number,
                WallTimeUs spooled_us);
  Status count_repeat(RowId row);
  Status insert_chunk(std::uint64_t body, std::uint64_t number, std::string_view bytes);
  Status write_lane(const LaneState& lane);
  Status write_mark(const SettleMark& mark);
  Status remove_marks(LaneKey lane, WallTimeUs up_to_us);
  Status park(RowId row, std::string_view reason, WallTimeUs now);
  Status add_receipt(const AlarmId& id, const std::string& outlet);  // to every row with this id
  // A body that no record owns: still arriving, or doomed.
  Status set_loose(std::uint64_t body, bool is_doomed);
  Status clear_loose(std::uint64_t body);
  // Deletes rows from…to but for parked ones; their large bodies become doomed and are appended.
  Status delete_rows(RowId from, RowId to, std::vector<std::uint64_t>& doomed);
  // Deletes at most `chunks_max` chunks, the last first. True: the body is gone.
  Result<bool> delete_chunks(std::uint64_t body, std::uint64_t chunks_max);
  Status touch();  // a write that changes nothing, to see whether the disk takes it

  RowReader& rows() { return rows_; }
  Result<std::string> park_reason(RowId row);
  Result<std::vector<std::string>> receipts(RowId row);
  // Raw bytes of the rows from…to but for parked ones.
  Result<std::uint64_t> sum_sizes(RowId from, RowId to);
  // Newest first by alarm id, without canaries.
  Result<std::vector<RowId>> newest(std::size_t limit);

  struct Space {
    std::uint64_t used_bytes = 0;  // pages in use plus WAL
    std::uint64_t free_bytes = 0;  // pages of the file that are not in use
  };
  Result<Space> space();
  std::uint64_t wal_frames() const { return static_cast<std::uint64_t>(wal_frames_); }
  Status checkpoint();
  Status vacuum_slice();
  Status set_quota(std::uint64_t quota_bytes);
  // The file is not to be trusted: leave it as it is on closing.
  void abandon() { database_.keep_wal_on_close(); }

 private:
  explicit Store(sqlite::Database database)
      : database_(std::move(database)), statements_(database_), rows_(database_) {}
  Status configure(const StoreOptions& options);
  Status enter_wal_mode(const std::string& path);
  Status empty_wal();
  Status run_checkpoint(const char* sql);
  Result<std::uint64_t> pages(const char* pragma);  // a literal, as for Statements
  Status make_schema();
  Status migrate();
  Status load_epochs(LaneBook& book, Contents& contents);
  Status load_lanes(LaneBook& book);
  Status load_last_seqs(LaneBook& book);
  Status load_marks(LaneBook& book, Contents& contents);
  Status load_loose(Contents& contents);
  Status load_waiting(LaneBook& book, std::size_t waiting_max, Contents& contents);

  std::int64_t wal_frames_ = 0;  // outlives database_
  bool keeps_receipts_ = true;   // false: an older file that had no room for their table
  sqlite::Database database_;
  Statements statements_;
  RowReader rows_;
};

}  // namespace alarmwire::spool
