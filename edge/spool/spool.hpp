// The strong-room: the box's durable queue (design 5.2).
//
// Promises: a commit whose callback was given success is on disk (fdatasync returned) and survives
// power cuts; its seq is dense within (epoch, lane) and its identity is never used again. Nothing
// unsettled is ever dropped or expired: when there is no room, commit() fails with Errc::full. The
// spool always opens: a damaged file goes to quarantine and what can be read of it is salvaged into
// the new one, under the new epoch and the old alarm id.
//
// Group commit without a timer: an idle spool commits at once; what arrives during a commit forms
// the next group (at most group_rows_max rows or group_bytes_max bytes, final commits before upload
// chunks, fair between devices).
//
// Thread-safety: every function may be called from any thread. One thread of the spool's own does
// all SQLite work and runs all callbacks and the Observer: these must be short and must not block;
// they usually post to another executor. After on_fatal no callback of a pending commit is ever
// called with success; the process must exit and recover.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/record.hpp"

namespace alarmwire::spool {

inline constexpr std::size_t group_rows_max = 64;
inline constexpr std::size_t group_bytes_max = 256 * 1024;
inline constexpr std::size_t chunk_bytes_max = 64 * 1024;  // one body row
inline constexpr std::size_t inline_body_bytes_max =
    64 * 1024;  // a body up to this stands in the record's own row
inline constexpr std::size_t whole_body_bytes_max =
    256 * 1024;  // a body up to this may come with its commit; a larger one is uploaded
inline constexpr std::size_t pending_commits_max =
    4096;  // more waiting at once fail with Errc::busy
inline constexpr std::size_t pending_bytes_max = 32 * 1024 * 1024;  // of these; likewise
inline constexpr std::size_t pending_chunk_bytes_max =
    4 * 1024 * 1024;  // above it append() waits for a chunk to be written
inline constexpr std::size_t uploads_max = 2048;  // begin_upload() returns 0 beyond
inline constexpr std::size_t tasks_max = 4096;    // reads waiting; more fail with Errc::busy
inline constexpr std::size_t settles_max = 4096;  // lanes with an unapplied settle()
inline constexpr std::size_t receipts_waiting_max = 4096;  // not in the file yet; more are dropped
inline constexpr std::size_t receipts_group_max = 64;      // written with one group
inline constexpr std::uint64_t record_bytes_max = 1ull << 30;

struct Config {
  std::string directory;  // holds spool.db and quarantine/; must exist
  std::uint64_t quota_bytes = 1ull
                              << 30;  // used pages plus WAL; the last tenth takes lanes 0, 1 and 2
                                      // only for alarms and the box's own faults (not routine)
  std::chrono::seconds settled_ring{
      7 * 24 * 3600};  // how long settled rows stay (0: deleted soon); evicted when short
  bool secure_delete = false;
  const char* vfs = nullptr;  // SQLite VFS; tests pass the forgetful one
};

using UploadId = std::uint64_t;  // a body that is arriving in chunks; 0: none

// A record to be made durable. The body is either `body` (up to inline_body_bytes_max) or what
// `upload` collected.
struct NewRecord {
  AlarmId id;
  Lane lane = Lane::alarm;
  std::string device;    // for fairness between devices
  std::string envelope;  // canonical bytes
  Hash hash{};
  WallTimeUs accepted_us = 0;
  std::string body;
  UploadId upload = 0;
  std::uint64_t size = 0;  // raw bytes in all
  bool may_join =
      true;  // an unsettled record with the same hash takes it in: counted, not stored again
};

struct Spooled {
  RecordKey key;
  AlarmId id;  // of the record joined, if `joined`
  WallTimeUs spooled_us = 0;
  bool joined = false;
};

enum class RowState : std::uint8_t { waiting = 0, settled = 1, parked = 2 };

struct StoredRecord {
  RecordHeader header;
  std::string head;  // the first bytes of the body, as asked for; of a fresh record all of it
  RowState state = RowState::waiting;
  std::vector<std::string> receipted;  // outlets whose far side took it; of a waiting one: none
};

// What is held of one lane of one epoch. Seqs first_held…last are in the file (0, 0: none); below
// first_unsettled all are settled or parked. first_unsettled == last + 1 when nothing waits.
struct LaneRange {
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t first_held = 0;
  std::uint64_t first_unsettled = 1;
  std::uint64_t last = 0;  // highest seq ever given in this lane and epoch
};

// A row for people (`alarmwire alarm list` on the box).
struct ListedRecord {
  RecordHeader header;
  RowState state = RowState::waiting;
  std::string park_reason;
};

struct Snapshot {
  EpochId epoch;  // the one new rows get
  std::uint64_t waiting_records = 0;
  std::uint64_t waiting_bytes = 0;
  std::uint64_t waiting_by_lane[lane_count] = {};
  std::uint64_t settled_records = 0;
  std::uint64_t parked_records = 0;
  WallTimeUs oldest_waiting_us = 0;  // accepted_us of the oldest waiting record; 0: none
  std::uint64_t used_bytes = 0;      // pages in use plus WAL
  std::uint64_t quota_bytes = 0;
  std::uint64_t room_bytes = 0;  // what an alarm may take, settled rows gone
  bool is_full = false;          // "spool-full" stands
  std::uint64_t commits = 0;     // groups since start
  std::uint64_t committed_records = 0;
  std::uint64_t quarantined_files = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  // A record became durable: from commit(), from salvage, from reenter().
  virtual void on_record(const RecordKey& key) = 0;
  // Something people must know: "spool-quarantined", "spool-full" (with its end "over"),
  // "upload-swept", "row-unreadable" (only when a re-entry met it: damage met on the way to the
  // centre is booked there, with the tombstone).
  virtual void on_fault(const std::string& code, const std::string& subject,
                        const std::string& reason, bool over) = 0;
  // fsync failed or the file cannot be trusted any more: stop replying, exit, start anew.
  virtual void on_fatal(const Failure& failure) = 0;
};

class Spool {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  // Opens or creates, sweeps unfinished uploads, starts the new epoch durably. Fails only when no
  // file at all can be made in the directory. `observer` must outlive the spool.
  static Result<std::unique_ptr<Spool>> open(const Config& config, Observer& observer);
  virtual ~Spool() = default;  // finishes what is queued, closes the file

  // 0 when uploads_max are under way: append() then says Errc::busy.
  virtual UploadId begin_upload() = 0;
  // At most chunk_bytes_max bytes a call, in order; wait for `done` before the next (that is the
  // backpressure). A chunk need not be durable when `done` comes; commit() makes all of it so.
  virtual void append(UploadId upload, std::string bytes, Callback<void> done) = 0;
  virtual void abort(UploadId upload) = 0;
  // Errc::full: no room (also for this lane); Errc::busy: too many waiting. Whatever the answer,
  // record.upload is used up.
  virtual void commit(NewRecord record, Callback<Spooled> done) = 0;

  // Every epoch with held rows or unsettled ones, oldest first, and the current one.
  virtual void ranges(Callback<std::vector<LaneRange>> done) = 0;
  // Errc::not_found: not held (never was, or evicted); Errc::corrupt: the row is there and
  // unreadable (its inline body does not match its hash, or its bytes cannot be read). A record
  // that was just committed is answered at once, inside this call, once with its whole body (up to
  // whole_body_bytes_max).
  virtual void fetch(const RecordKey& key, std::size_t head_bytes_max,
                     Callback<StoredRecord> done) = 0;
  virtual void fetch_body(const RecordKey& key, std::uint64_t offset, std::size_t bytes_max,
                          Callback<std::string> done) = 0;
  // Reads the whole row and compares with its hash: ok, Errc::corrupt or Errc::not_found.
  virtual void verify(const RecordKey& key, Callback<void> done) = 0;
  virtual void find(const AlarmId& id, Callback<ListedRecord> done) = 0;
  // Newest first, at most `limit`; without canaries.
  virtual void list(std::size_t limit, bool waiting_only,
                    Callback<std::vector<ListedRecord>> done) = 0;

  // All records of the lane and epoch up to and including `up_to` have been settled by the centre.
  // Lazily durable: rides in the next group, or alone after a second; the centre's cursor is the
  // truth after a restart.
  virtual void settle(EpochId epoch, Lane lane, std::uint64_t up_to) = 0;
  // The far side of an outlet took the alarm. Lazily durable like settle(); of an alarm that is not
  // held (any more) it is dropped.
  virtual void receipt(const AlarmId& id, const std::string& outlet) = 0;

  // The two verdicts. Each is there before any settle() that is called after it: a row never counts
  // as settled whose verdict a crash could undo. Of a row that is parked already they do nothing.
  //
  // The centre will never take it (`never`), or it is unreadable (Void): kept, visible, out of the
  // way.
  virtual void park(const RecordKey& key, const std::string& reason) = 0;
  // Conflict: the record enters once more under the current epoch, with its alarm id; in the same
  // transaction the old row is parked. Until then the lane is not settled past it. When there is no
  // room it is tried again; when it is unreadable it is parked, and a fault says so. `done` may be
  // empty; Errc::not_found: not held, or parked already.
  virtual void reenter(const RecordKey& key, Callback<Spooled> done) = 0;

  // A first look for a mail of `size` raw bytes (0: not known), from the account as it stood a
  // moment ago; never blocks. False is a refusal like commit()'s: commit() would say Errc::full,
  // and "spool-full" is raised. True promises nothing.
  virtual bool has_room(std::uint64_t size) = 0;
  virtual Snapshot snapshot() const = 0;  // never blocks on the disk
  // SIGHUP: quota and ring may change.
  virtual void reconfigure(std::uint64_t quota_bytes, std::chrono::seconds settled_ring) = 0;
};

}  // namespace alarmwire::spool
