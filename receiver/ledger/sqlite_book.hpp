// The writer's half of the SQLite ledger: what each write does to the tables. It lives on the
// writer thread, inside the group's transaction; it gathers facts, asks the rules, and does what
// they say.
//
// A failed Result whose is_refusal() holds changed nothing and is an answer; any other failure is
// the database's, and the group must be undone: then call forget(). Cursors and open staged bodies
// are kept in memory beside their rows, so that a record costs no question that the answer does not
// need.
//
// Thread-safety: one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "receiver/ledger/ledger.hpp"
#include "receiver/ledger/sqlite_connection.hpp"

namespace alarmwire::ledger {

inline constexpr std::size_t cursor_cache_max = 64 * 1024;
inline constexpr std::size_t reported_conflicts_max = 4096;
inline constexpr std::int64_t staged_keep_us = 24ll * 3600 * 1'000'000;
inline constexpr std::int64_t forgotten_keep_us = 180ll * 24 * 3600 * 1'000'000;
inline constexpr std::size_t chore_chunks_max = 16;     // chunk rows deleted in a slice (1 MiB)
inline constexpr std::size_t retention_slice_max = 64;  // records looked at in a slice
inline constexpr std::size_t forgotten_slice_max = 1000;
inline constexpr std::int64_t free_pages_kept = 4096;  // 16 MiB stay in the file for new records
inline constexpr std::int64_t vacuum_slice_pages = 256;

// An answer of the ledger's rules, as opposed to a failure of the database.
bool is_refusal(const Failure& failure);

class Book {
 public:
  static Result<std::unique_ptr<Book>> open(const Config& config);

  // --- inside a transaction ---
  Result<StoreResult> store(const Incoming& incoming, bool body_matches);
  Result<std::uint64_t> stage(const BoxId& box, const RecordKey& key, const Hash& hash,
                              std::uint64_t offset, std::string_view bytes);
  void announce(const BoxId& box, const RecordHeader& header);
  Result<std::uint64_t> tombstone(const Tombstone& tombstone);
  Result<Record> book_own(const BoxId& box, const AlarmId& id, const Envelope& envelope);
  Status set_outlets(const std::vector<std::string>& names);
  Status set_hand_over(const std::string& outlet, const HandOver& hand_over);
  Status mark_stage(const BoxId& box, const AlarmId& id, const StageMark& mark);
  Status before_commit();  // the counters that belong to the group

  // --- around it ---
  Connection& connection() { return *writer_; }
  void begin_group(WallTimeUs now_us);
  Status forget();  // the transaction was undone: memory must not know more than the tables
  struct Marked {
    BoxId box;
    AlarmId id;
    StageMark mark;
  };
  struct Stored {
    Record record;
    std::optional<std::string> body;  // nothing: it was staged
  };
  struct News {  // what this group brought
    std::vector<Stored> stored;
    std::vector<Marked> marked;
  };
  News take_news();

  // --- slices of housekeeping, each in a transaction of its own ---
  struct RetentionJob {
    RetentionRule rule;
    WallTimeUs now_us = 0;
    Position after = 0;
    std::uint64_t deleted = 0;
    bool over = false;
  };
  Status retention_slice(RetentionJob& job);
  bool has_dropped_bodies() const { return dropped_bodies_ > 0; }
  std::uint64_t dropped_bodies() const { return dropped_bodies_; }
  Status dropped_slice();
  Status sweep_staged();        // unfinished bodies of dead uploads
  Status sweep_forgotten();     // ids no box can still hold
  Result<bool> vacuum_slice();  // false: nothing to give back

  // --- figures ---
  const std::string& id() const { return id_; }
  std::uint64_t records() const { return records_; }
  Position last_position() const { return last_position_; }
  Result<std::uint64_t> used_bytes();

 private:
  explicit Book(std::unique_ptr<Connection> writer) : writer_(std::move(writer)) {}
  Status load(const Config& config);
  Status load_staged();
  Status load_outlets();

  struct CursorKey {
    std::int64_t box;
    std::uint64_t epoch;
    Lane lane;
    auto operator<=>(const CursorKey&) const = default;
  };
  struct Standing {  // a record that is in the book
    Position position = 0;
    WallTimeUs stored_us = 0;
    Hash hash{};
  };
  struct OpenBody {  // a staged body that is not a record's yet
    std::int64_t number = 0;
    RecordKey key;
    Hash hash{};
    std::uint64_t bytes = 0;
  };
  struct Hashing {  // of a staged body, from announce() on
    RecordKey key;
    Hash hash{};
    Hash envelope_digest{};
    RecordHasher hasher;
    std::uint64_t hashed = 0;  // bytes
  };
  using LaneOfBox = std::pair<std::int64_t, Lane>;

  Result<std::int64_t> box_number(const BoxId& box);
  Result<std::uint64_t> cursor(const CursorKey& key);
  Status set_cursor(const CursorKey& key, std::uint64_t seq);
  Result<std::optional<Standing>> by_identity(std::int64_t box, const RecordKey& key);
  Result<std::optional<Standing>> by_alarm_id(std::int64_t box, const RecordHeader& header);
  Result<bool> had_taken(std::int64_t outlet, std::int64_t box, const AlarmId& id);

  Result<bool> staged_matches(const LaneOfBox& lane, const RecordHeader& header);
  Status hash_rows(const OpenBody& open, Hashing& hashing, std::uint64_t up_to);
  Status drop_staged(const LaneOfBox& lane, const RecordKey& key);
  Status drop_body(std::int64_t number);
  Result<OpenBody*> open_body(const LaneOfBox& lane, const RecordKey& key, const Hash& hash);
  Status append_chunk(const LaneOfBox& lane, OpenBody& open, std::string_view bytes);

  Result<StoreResult> insert_incoming(std::int64_t box, const Incoming& incoming);
  Result<std::int64_t> body_of(std::int64_t box, const Incoming& incoming);  // 0: inline
  Result<Position> insert(std::int64_t box, Record& record, std::string_view inline_body,
                          std::int64_t body, const std::vector<std::string>& receipted);
  Result<std::map<std::int64_t, std::string_view>> taken_before(
      std::int64_t box, const Record& record, const std::vector<std::string>& receipted);
  Status report_conflict(std::int64_t box, const Incoming& incoming);
  Status lay(std::int64_t box, const Tombstone& tombstone);
  Status let_go(Position position);

  std::unique_ptr<Connection> writer_;
  std::string id_;
  EpochId own_epoch_;                  // of this start: a restored ledger never re-uses an identity
  std::vector<std::int64_t> outlets_;  // the active ones
  std::unordered_map<std::string, std::int64_t> outlet_numbers_;  // of all there ever were
  WallTimeUs now_us_ = 0;

  std::unordered_map<BoxId, std::int64_t> box_numbers_;
  std::map<CursorKey, std::uint64_t> cursors_;
  std::map<LaneOfBox, OpenBody> open_;
  std::map<LaneOfBox, Hashing> hashing_;
  News news_;
  std::uint64_t records_ = 0;
  std::uint64_t records_at_start_ = 0;  // of the group
  std::uint64_t dropped_bodies_ = 0;
  std::uint64_t dropped_at_start_ = 0;
  Position last_position_ = 0;
};

}  // namespace alarmwire::ledger
