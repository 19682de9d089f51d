// The book of the centre (design 5.4): every alarm of every box, once, in commit order; and what
// became of it.
//
// One port for every adapter; conformance tests run over all of them. SQLite is the embedded
// default. Promises: a store() whose callback was given success is on disk and survives power cuts.
// A record of (box, epoch, lane) is accepted only at cursor + 1, so nothing is doubled and nothing
// skipped. A duplicate still writes (the lane's cursor). Positions are given in commit order: who
// reads up to position p has seen all that was committed before.
//
// Alarm ids come from boxes, so they are unique per box and hash only: no box can keep out
// another's alarm by naming its id. find() and stages() take the record stored first.
//
// Thread-safety: every function may be called from any thread. Writes run in groups on one writer
// thread, fair between boxes; it also runs their callbacks and the Observer (short, never
// blocking). Only Errc::busy and Errc::closed may be answered at once, on the caller's thread.
// Reads run on the caller's thread, read-only, and may block on the disk. After on_fatal no pending
// write is ever reported as done; the process must exit and recover.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/error.hpp"
#include "common/record.hpp"

namespace alarmwire::ledger {

using Position = std::int64_t;  // > 0, grows in commit order

inline constexpr std::size_t group_writes_max = 256;
inline constexpr std::size_t group_bytes_max =
    1024 * 1024;  // also bounds how long an alarm waits for the group before it
inline constexpr std::size_t pending_writes_max =
    8192;  // more waiting at once fail with Errc::busy
inline constexpr std::size_t pending_bytes_max = 64 * 1024 * 1024;
inline constexpr std::size_t pending_box_writes_max = 2048;  // of one box, or of one outlet
inline constexpr std::size_t pending_box_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t inline_body_bytes_max = 64 * 1024;  // larger bodies are chunk rows
inline constexpr std::size_t chunk_bytes_max = 64 * 1024;
inline constexpr std::uint64_t record_bytes_max = alarm_bytes_max;
inline constexpr std::size_t stage_marks_max = 64;         // per alarm; more are not kept
inline constexpr std::size_t state_text_bytes_max = 1000;  // of a mark or a hand-over; cut there
inline constexpr std::size_t refused_max = 4096;           // told to a box at one connect
inline constexpr std::size_t read_limit_max = 1000;        // rows a read answers at most

// "ledger-full" is over when a record was taken and for so long nothing was refused: whoever holds
// back a record that found no room has asked again within that time.
inline constexpr std::chrono::seconds full_calm_default{10};

struct Config {
  std::string directory;  // holds ledger.db
  std::vector<std::string>
      outlets;  // each gets a hand-over row per record, in the record's own transaction
  const char* vfs = nullptr;
  std::uint64_t size_max_bytes = 0;  // of the file, a backstop; 0: the disk's own limit
  // What follows is for tests. Empty: asks the file system of `directory`.
  std::function<double()> disk_used_ratio;
  std::chrono::milliseconds full_calm = full_calm_default;
  const char* synchronous = "FULL";  // the mutant "NORMAL" must be caught
};

struct Cursor {
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t seq = 0;  // settled up to here
};

struct StagedBody {  // an unfinished record's durable bytes
  RecordKey key;
  Hash hash{};
  std::uint64_t bytes = 0;
};

struct Incoming {
  BoxId box;
  RecordHeader header;
  std::string body;  // all of it, or empty when it was staged
  bool staged = false;
  // The box says: settled once before. Not handed over where the outlet is known to have taken it,
  // from this ledger or from what the box says.
  bool replayed = false;
  std::vector<std::string> receipted;  // outlets whose far side took it, by the box's receipts
  std::int64_t clock_offset_us =
      0;  // centre's clock minus box's clock, as measured on the link; for traces
};

struct StoreResult {
  enum class Verdict : std::uint8_t {
    stored,     // new
    duplicate,  // same identity, same hash: was there; cursor written again
    known,  // same alarm id and hash under another identity (salvage, refill): cursor advanced, not
            // inserted
    noted,  // a canary: the cursor is durable, the record itself is not kept
    conflict,       // same identity, other hash: nothing overwritten; a fault was booked
    gap,            // seq is not cursor + 1: nothing done; `cursor` says where to go on
    hash_mismatch,  // the bytes do not have the hash they came with: nothing done, staged bytes
                    // dropped
  };
  Verdict verdict = Verdict::stored;
  Position position = 0;     // for stored, duplicate, known
  WallTimeUs stored_us = 0;  // when it was (first) stored
  std::uint64_t cursor = 0;  // the lane's cursor now
};

enum class Stage : std::uint8_t { handed_over = 1, displayed = 2, confirmed = 3, refused = 4 };

struct Record {
  Position position = 0;
  BoxId box;
  RecordHeader header;
  WallTimeUs stored_us = 0;
  std::int64_t clock_offset_us = 0;  // centre minus box
  bool replayed = false;             // the box says it was settled before: "possible repeat"
  bool handed_over_before = false;   // replayed, and an outlet had taken it in an earlier life
};

struct StageMark {
  Stage stage = Stage::handed_over;
  WallTimeUs time_us = 0;
  std::string outlet;  // outlet, console or person
  std::string text;    // e.g. the far side's reply
};

enum class HandOverState : std::uint8_t {
  waiting = 0,
  taken = 1,
  refused = 2,
  parked = 3,
  skipped = 4
};
std::string_view to_string(HandOverState state);

struct HandOver {
  Position position = 0;
  BoxId box;
  Lane lane = Lane::alarm;
  HandOverState state = HandOverState::waiting;
  std::uint32_t tries = 0;
  WallTimeUs changed_us = 0;
  std::string text;  // the last reply or reason
};

struct Owed {  // what an outlet has still to hand over
  std::string outlet;
  bool configured = true;  // false: nobody hands it over, until the outlet is named again
  std::uint64_t waiting = 0;
  std::uint64_t parked = 0;
};

// A part of a lane, for refused().
struct SeqRange {
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
};

struct Tombstone {  // seqs whose records will never be here, and why
  enum class Kind : std::uint8_t {
    gone = 0,      // the box has lost them
    never = 1,     // the centre refused the record for good
    conflict = 2,  // another record stands under the identity
  };
  BoxId box;
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::optional<AlarmId> id;
  std::string reason;
  WallTimeUs time_us = 0;
  Kind kind = Kind::gone;
};

struct ListFilter {
  std::optional<BoxId> box;
  std::optional<RecordKind> kind;
  Position before = 0;  // 0: from the newest
  std::size_t limit = 50;
};

struct RetentionRule {
  std::int64_t keep_days = 365;  // 0: for ever
  std::uint64_t keep_bytes = 0;  // 0: no limit by size
};

struct Snapshot {
  std::string ledger_id;  // hex
  std::uint64_t records = 0;
  Position last_position = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t commits = 0;  // groups since start
  std::uint64_t pending_writes = 0;
  double disk_used_ratio = 0;  // of the file system
  bool full = false;           // the last write failed for lack of room
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_stored(const Record& record) = 0;  // after its commit, in order of positions
  virtual void on_stage(const BoxId& box, const AlarmId& id, const StageMark& mark) = 0;
  // "ledger-full", "ledger-disk-80" … and their ends; the daemon books them as faults of the
  // centre.
  virtual void on_fault(const std::string& code, const std::string& subject,
                        const std::string& reason, bool over) = 0;
  virtual void on_fatal(const Failure& failure) = 0;
};

class Ledger {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  virtual ~Ledger() = default;

  virtual std::string id() const = 0;  // 16 random bytes, made with the ledger

  // --- writes ---
  virtual void store(Incoming incoming, Callback<StoreResult> done) = 0;
  // Appends to the staged body of `key`; `offset` must be what is staged so far (0 starts anew;
  // another hash starts anew). Answers the bytes staged now. Errc::invalid_argument on a wrong
  // offset.
  virtual void stage(BoxId box, RecordKey key, Hash hash, std::uint64_t offset, std::string bytes,
                     Callback<std::uint64_t> done) = 0;
  // Optional, before stage(): the header of the record whose body will be staged, so that its hash
  // can be computed while the bytes arrive instead of all at once in store().
  virtual void announce(const BoxId& /*box*/, const RecordHeader& /*header*/) {}
  // The seqs will never come: cursor moves to last_seq, a tombstone stays, and a fault is booked,
  // all in one transaction. first_seq must be cursor + 1 (else nothing is done). Answers the lane's
  // cursor.
  virtual void tombstone(Tombstone tombstone, Callback<std::uint64_t> done) = 0;
  // A record of the centre's own: a fault of the centre, or of a box as the centre sees it (tunnel
  // silent …). Identity: the given box, the ledger's own epoch, lane fault. The same id and
  // envelope again are answered with the record that is there.
  virtual void book_own(BoxId box, AlarmId id, Envelope envelope, Callback<Record> done) = 0;
  // From now on these outlets, and no others, get a hand-over row per record. What an outlet named
  // before was owed stays, and is there when it is named again.
  virtual void set_outlets(std::vector<std::string> names, Callback<void> done) = 0;
  // Also of an outlet that is no longer configured: its last notes still count.
  virtual void set_hand_over(const std::string& outlet, HandOver hand_over,
                             Callback<void> done) = 0;
  virtual void mark_stage(BoxId box, AlarmId id, StageMark mark, Callback<void> done) = 0;
  // Deletes what the rule lets go, in slices, oldest first; never what an outlet still waits for.
  // Answers records deleted.
  virtual void apply_retention(RetentionRule rule, WallTimeUs now_us,
                               Callback<std::uint64_t> done) = 0;

  // --- reads ---
  virtual Result<std::vector<Cursor>> cursors(const BoxId& box) const = 0;
  virtual Result<std::vector<StagedBody>> staged(const BoxId& box) const = 0;
  virtual Result<std::vector<Record>> read_after(Position position, std::size_t limit) const = 0;
  virtual Result<std::vector<Record>> list(const ListFilter& filter) const = 0;  // newest first
  virtual Result<Record> find(const AlarmId& id) const = 0;
  virtual Result<Record> at(Position position) const = 0;
  virtual Result<std::string> body(Position position, std::uint64_t offset,
                                   std::size_t bytes_max) const = 0;
  virtual Result<std::vector<StageMark>> stages(const AlarmId& id) const = 0;
  virtual Result<std::vector<Tombstone>> tombstones(const BoxId& box, std::size_t limit) const = 0;
  // What was refused (never, conflict) within the ranges, each range in order of seqs; at most
  // refused_max: the link says it again until the box has kept it.
  virtual Result<std::vector<Tombstone>> refused(const BoxId& box,
                                                 const std::vector<SeqRange>& ranges) const = 0;
  // Hand-overs of an outlet in a state, by position, after `after`.
  virtual Result<std::vector<HandOver>> hand_overs(const std::string& outlet, HandOverState state,
                                                   Position after, std::size_t limit) const = 0;
  virtual Result<std::uint64_t> count_hand_overs(const std::string& outlet,
                                                 HandOverState state) const = 0;
  // Outlets at which anything waits or is parked, configured or not, by name.
  virtual Result<std::vector<Owed>> owed() const = 0;
  // How far every outlet is with one record, by outlet name; empty: no outlet has to do with it.
  virtual Result<std::vector<std::pair<std::string, HandOver>>> hand_overs_of(
      Position position) const = 0;
  virtual Snapshot snapshot() const = 0;
};

// Opens or creates. `observer` must outlive the ledger. Outlets not seen before get no rows for
// records already stored.
Result<std::unique_ptr<Ledger>> open_sqlite_ledger(const Config& config, Observer& observer);

}  // namespace alarmwire::ledger
