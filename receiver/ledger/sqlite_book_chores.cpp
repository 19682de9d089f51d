// Housekeeping of the writer, in slices that each fit between two groups.
#include "receiver/ledger/sqlite_book.hpp"
#include "receiver/ledger/sqlite_schema.hpp"

namespace alarmwire::ledger {
namespace {

constexpr std::int64_t day_us = 24ll * 3600 * 1'000'000;

struct Candidate {
  Position position = 0;
  WallTimeUs stored_us = 0;
  bool owed = false;  // an outlet waits for it, or holds it parked
};

}  // namespace

Result<std::uint64_t> Book::used_bytes() {
  const Result<std::int64_t> pages = writer_->number("PRAGMA page_count");
  if (pages.has_error()) return pages.error();
  const Result<std::int64_t> free = writer_->number("PRAGMA freelist_count");
  if (free.has_error()) return free.error();
  return static_cast<std::uint64_t>((*pages - *free) * page_bytes);
}

// One slice: looks at the oldest records not looked at yet. The job is over when a whole slice had
// nothing the rule lets go, or nothing is left. By size no record goes that need not: the size is
// looked at after each, and a slice ends with a body in chunks, which gives room only when those
// are deleted.
Status Book::retention_slice(RetentionJob& job) {
  const bool by_size = job.rule.keep_bytes > 0;
  const bool by_age = job.rule.keep_days > 0;
  if (by_size && dropped_bodies_ > 0) return dropped_slice();  // else their size counts twice
  Result<std::uint64_t> used = used_bytes();
  if (used.has_error()) return used.error();
  const WallTimeUs oldest_kept = job.now_us - job.rule.keep_days * day_us;

  std::vector<Candidate> candidates;
  auto take = [&candidates](sqlite::Statement& row) {
    candidates.push_back({row.column_int(0), row.column_int(1), row.column_int(2) != 0});
    return true;
  };
  const Status looked = writer_->each(
      "SELECT position, stored_us, EXISTS (SELECT 1 FROM hand_overs h "
      "WHERE h.position = r.position AND h.state IN (0, 3) ) "
      "FROM records r WHERE position > ? ORDER BY position LIMIT ?",
      take, job.after, retention_slice_max);
  if (looked.has_error()) return looked.error();

  bool any_goes = false;
  for (const Candidate& candidate : candidates) {
    const bool goes =
        (by_size && *used > job.rule.keep_bytes) || (by_age && candidate.stored_us < oldest_kept);
    any_goes = any_goes || goes;
    job.after = candidate.position;
    if (!goes || candidate.owed) continue;
    const Status gone = let_go(candidate.position);
    if (gone.has_error()) return gone.error();
    ++job.deleted;
    if (!by_size) continue;
    if (dropped_bodies_ > 0) return {};
    used = used_bytes();
    if (used.has_error()) return used.error();
  }
  job.over = !any_goes || candidates.size() < retention_slice_max;
  return {};
}

// What remains of a deleted record is that it was there: its cursor, and its id and hash, so that a
// box that salvaged it under a new identity does not bring it in again as a new alarm.
Status Book::let_go(Position position) {
  const Status remembered = writer_->run(
      "INSERT INTO forgotten (box, alarm_id, hash, gone_us) "
      "SELECT box, alarm_id, hash, ? FROM records WHERE position = ?",
      now_us_, position);
  if (remembered.has_error()) return remembered.error();
  const Result<std::int64_t> body =
      writer_->number("SELECT body_number FROM records WHERE position = ?", position);
  if (body.has_error()) return body.error();
  if (*body != 0) {
    const Status dropped = drop_body(*body);
    if (dropped.has_error()) return dropped.error();
  }
  for (const std::string_view sql : {std::string_view("DELETE FROM hand_overs WHERE position = ?"),
                                     std::string_view("DELETE FROM stages WHERE position = ?"),
                                     std::string_view("DELETE FROM records WHERE position = ?")}) {
    const Status deleted = writer_->run(sql, position);
    if (deleted.has_error()) return deleted.error();
  }
  --records_;
  return {};
}

Status Book::dropped_slice() {
  const Result<std::int64_t> number = writer_->number("SELECT min(body_number) FROM dropped");
  if (number.has_error()) return number.error();
  if (*number == 0) {
    dropped_bodies_ = 0;
    return {};
  }
  const Status deleted = writer_->run(
      "DELETE FROM chunks WHERE key IN "
      "(SELECT key FROM chunks WHERE key >= ? AND key < ? ORDER BY key LIMIT ?)",
      chunk_key(*number, 0), chunk_key(*number + 1, 0), chore_chunks_max);
  if (deleted.has_error()) return deleted.error();
  if (writer_->database().changes() == static_cast<std::int64_t>(chore_chunks_max)) return {};
  --dropped_bodies_;
  return writer_->run("DELETE FROM dropped WHERE body_number = ?", *number);
}

Status Book::sweep_staged() {
  std::vector<std::pair<LaneOfBox, RecordKey>> dead;
  auto take = [&dead](sqlite::Statement& row) {
    const Lane lane = static_cast<Lane>(row.column_int(1));
    dead.push_back({{row.column_int(0), lane},
                    RecordKey{EpochId{static_cast<std::uint64_t>(row.column_int(2))}, lane,
                              static_cast<std::uint64_t>(row.column_int(3))}});
    return true;
  };
  const Status looked =
      writer_->each("SELECT box, lane, epoch, seq FROM staged WHERE changed_us < ? LIMIT ?", take,
                    now_us_ - staged_keep_us, chore_chunks_max);
  if (looked.has_error()) return looked.error();
  for (const auto& [lane, key] : dead) {
    const Status dropped = drop_staged(lane, key);
    if (dropped.has_error()) return dropped.error();
  }
  return {};
}

Status Book::sweep_forgotten() {
  return writer_->run(
      "DELETE FROM forgotten WHERE number IN (SELECT number FROM "
      "(SELECT number, gone_us FROM forgotten ORDER BY number LIMIT ?) WHERE gone_us < ?)",
      forgotten_slice_max, now_us_ - forgotten_keep_us);
}

Result<bool> Book::vacuum_slice() {
  const Result<std::int64_t> free = writer_->number("PRAGMA freelist_count");
  if (free.has_error()) return free.error();
  if (*free <= free_pages_kept) return false;
  const Status vacuumed = writer_->database().exec("PRAGMA incremental_vacuum(" +
                                                   std::to_string(vacuum_slice_pages) + ")");
  if (vacuumed.has_error()) return vacuumed.error();
  return true;
}

}  // namespace alarmwire::ledger
