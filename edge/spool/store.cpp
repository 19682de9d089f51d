#include "edge/spool/store.hpp"

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <cstring>

namespace alarmwire::spool {
namespace {

constexpr int vacuum_slice_pages = 64;

}  // namespace

std::int64_t hash_head(const Hash& hash) {
  return boost::endian::load_big_s64(hash.data());
}

Status Store::add_epoch(std::uint64_t ordinal, EpochId epoch, WallTimeUs now) {
  return statements_.run("INSERT INTO epoch(ordinal, epoch, opened_us) VALUES(?, ?, ?)", ordinal,
                         epoch.value, now);
}

Status Store::remove_epoch(std::uint64_t ordinal) {
  const LaneKey first = lane_key(ordinal, Lane::live_alarm);
  const LaneKey last = lane_key(ordinal, Lane::routine);
  Status done = statements_.run("DELETE FROM lane WHERE key BETWEEN ? AND ?", first, last);
  if (done.has_value())
    done = statements_.run("DELETE FROM mark WHERE lane BETWEEN ? AND ?", first, last);
  if (done.has_value()) done = statements_.run("DELETE FROM epoch WHERE ordinal = ?", ordinal);
  return done;
}

Status Store::insert(RowId row, const NewRecord& record, std::uint64_t body_number,
                     WallTimeUs spooled_us) {
  const auto made = statements_.get(
      "INSERT INTO record(row, id, hash, hash_head, size, accepted_us, spooled_us, repeats,"
      "  body_number, envelope, body) VALUES(?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)");
  if (made.has_error()) return made.error();
  sqlite::Statement& statement = **made;
  statement.bind(1, row).bind_blob(2, record.id.view()).bind_blob(3, view(record.hash));
  statement.bind(4, hash_head(record.hash)).bind(5, static_cast<std::int64_t>(record.size));
  statement.bind(6, record.accepted_us).bind(7, spooled_us);
  statement.bind(8, static_cast<std::int64_t>(body_number)).bind_blob(9, record.envelope);
  if (body_number == 0)
    statement.bind_blob(10, record.body);
  else
    statement.bind_null(10);
  return statement.run();
}

Status Store::count_repeat(RowId row) {
  return statements_.run("UPDATE record SET repeats = repeats + 1 WHERE row = ?", row);
}

Status Store::insert_chunk(std::uint64_t body, std::uint64_t number, std::string_view bytes) {
  const auto made = statements_.get("INSERT INTO chunk(place, bytes) VALUES(?, ?)");
  if (made.has_error()) return made.error();
  (*made)->bind(1, chunk_place(body, number)).bind_blob(2, bytes);
  return (*made)->run();
}

Status Store::write_lane(const LaneState& lane) {
  return statements_.run("INSERT OR REPLACE INTO lane(key, floor, cursor) VALUES(?, ?, ?)",
                         lane.key, lane.floor, lane.cursor);
}

Status Store::write_mark(const SettleMark& mark) {
  return statements_.run("INSERT OR REPLACE INTO mark(lane, at_us, up_to) VALUES(?, ?, ?)",
                         mark.lane, mark.at_us, mark.up_to);
}

Status Store::remove_marks(LaneKey lane, WallTimeUs up_to_us) {
  return statements_.run("DELETE FROM mark WHERE lane = ? AND at_us <= ?", lane, up_to_us);
}

Status Store::park(RowId row, std::string_view reason, WallTimeUs now) {
  const auto made =
      statements_.get("INSERT OR IGNORE INTO parked(row, reason, parked_us) VALUES(?, ?, ?)");
  if (made.has_error()) return made.error();
  (*made)->bind(1, row).bind_text(2, reason).bind(3, now);
  return (*made)->run();
}

Status Store::add_receipt(const AlarmId& id, const std::string& outlet) {
  if (!keeps_receipts_) return {};
  const auto made = statements_.get(
      "INSERT OR IGNORE INTO receipt(row, outlet)"
      " SELECT row, ? FROM record INDEXED BY record_id WHERE id = ?");
  if (made.has_error()) return made.error();
  (*made)->bind_text(1, outlet).bind_blob(2, id.view());
  return (*made)->run();
}

Status Store::set_loose(std::uint64_t body, bool is_doomed) {
  return statements_.run("INSERT OR REPLACE INTO loose(body, is_doomed) VALUES(?, ?)", body,
                         is_doomed ? 1 : 0);
}

Status Store::clear_loose(std::uint64_t body) {
  return statements_.run("DELETE FROM loose WHERE body = ?", body);
}

Status Store::delete_rows(RowId from, RowId to, std::vector<std::uint64_t>& doomed) {
  std::vector<std::uint64_t> bodies;
  {
    const auto made = statements_.get(
        "SELECT body_number FROM record WHERE row BETWEEN ? AND ? AND body_number <> 0"
        " AND row NOT IN (SELECT row FROM parked WHERE row BETWEEN ? AND ?)");
    if (made.has_error()) return made.error();
    Running statement(**made);
    statement->bind(1, from).bind(2, to).bind(3, from).bind(4, to);
    while (true) {
      const Result<bool> row = statement->step();
      if (row.has_error()) return row.error();
      if (!*row) break;
      bodies.push_back(static_cast<std::uint64_t>(statement->column_int(0)));
    }
  }
  for (const std::uint64_t body : bodies) {
    const Status done = set_loose(body, true);
    if (done.has_error()) return done;
  }
  doomed.insert(doomed.end(), bodies.begin(), bodies.end());
  if (keeps_receipts_) {
    const Status done = statements_.run(
        "DELETE FROM receipt WHERE row BETWEEN ? AND ?"
        " AND row NOT IN (SELECT row FROM parked WHERE row BETWEEN ? AND ?)",
        from, to, from, to);
    if (done.has_error()) return done;
  }
  return statements_.run(
      "DELETE FROM record WHERE row BETWEEN ? AND ?"
      " AND row NOT IN (SELECT row FROM parked WHERE row BETWEEN ? AND ?)",
      from, to, from, to);
}

Result<bool> Store::delete_chunks(std::uint64_t body, std::uint64_t chunks_max) {
  const std::int64_t first = chunk_place(body, 0);
  std::int64_t last = first - 1;
  {
    const auto made = statements_.get(
        "SELECT place FROM chunk WHERE place BETWEEN ? AND ? ORDER BY place DESC LIMIT 1");
    if (made.has_error()) return made.error();
    Running statement(**made);
    statement->bind(1, first).bind(2, chunk_place(body + 1, 0) - 1);
    const Result<bool> row = statement->step();
    if (row.has_error()) return row.error();
    if (*row) last = statement->column_int(0);
  }
  const std::int64_t from = std::max(first, last - static_cast<std::int64_t>(chunks_max) + 1);
  Status done = statements_.run("DELETE FROM chunk WHERE place BETWEEN ? AND ?", from, last);
  if (done.has_error()) return done.error();
  if (from > first) return false;
  done = clear_loose(body);
  if (done.has_error()) return done.error();
  return true;
}

// Whatever rows there are: this always writes the first page.
Status Store::touch() {
  return statements_.run("PRAGMA application_id=0");
}

Result<std::string> Store::park_reason(RowId row) {
  const auto made = statements_.get("SELECT reason FROM parked WHERE row = ?");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, row);
  const Result<bool> found = statement->step();
  if (found.has_error()) return found.error();
  return *found ? std::string(statement->column_text(0)) : std::string{};
}

Result<std::vector<std::string>> Store::receipts(RowId row) {
  std::vector<std::string> outlets;
  if (!keeps_receipts_) return outlets;
  const auto made = statements_.get("SELECT outlet FROM receipt WHERE row = ?");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, row);
  while (true) {
    const Result<bool> found = statement->step();
    if (found.has_error()) return found.error();
    if (!*found) return outlets;
    outlets.emplace_back(statement->column_text(0));
  }
}

Result<std::uint64_t> Store::sum_sizes(RowId from, RowId to) {
  const auto made = statements_.get(
      "SELECT coalesce(sum(size), 0) FROM record WHERE row BETWEEN ? AND ?"
      " AND row NOT IN (SELECT row FROM parked WHERE row BETWEEN ? AND ?)");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, from).bind(2, to).bind(3, from).bind(4, to);
  const Result<bool> row = statement->step();
  if (row.has_error()) return row.error();
  return static_cast<std::uint64_t>(statement->column_int(0));
}

Result<std::vector<RowId>> Store::newest(std::size_t limit) {
  const auto made = statements_.get(
      "SELECT row FROM record INDEXED BY record_id "
      "WHERE size > 0 OR hash_head <> ? ORDER BY id DESC LIMIT ?");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, hash_head(canary_hash())).bind(2, static_cast<std::int64_t>(limit));
  std::vector<RowId> rows;
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error()) return row.error();
    if (!*row) return rows;
    rows.push_back(statement->column_int(0));
  }
}

Result<std::uint64_t> Store::pages(const char* pragma) {
  const auto made = statements_.get(pragma);
  if (made.has_error()) return made.error();
  Running statement(**made);
  const Result<bool> row = statement->step();
  if (row.has_error()) return row.error();
  return static_cast<std::uint64_t>(statement->column_int(0));
}

Result<Store::Space> Store::space() {
  const Result<std::uint64_t> free = pages("PRAGMA freelist_count");
  if (free.has_error()) return free.error();
  const Result<std::uint64_t> all = pages("PRAGMA page_count");
  if (all.has_error()) return all.error();
  return Space{(*all - *free) * page_bytes + wal_frames() * wal_frame_bytes, *free * page_bytes};
}

// With one connection a passive checkpoint always comes to its end; the next commit starts the WAL
// from its beginning.
Status Store::checkpoint() {
  return run_checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
}

// The answer is a row: was it busy, frames in the WAL, frames copied; -1 when there is no WAL.
Status Store::run_checkpoint(const char* sql) {
  const auto made = statements_.get(sql);
  if (made.has_error()) return made.error();
  Running statement(**made);
  const Result<bool> row = statement->step();
  if (row.has_error()) return row.error();
  const bool is_whole = *row && statement->column_int(0) == 0 && statement->column_int(1) >= 0 &&
                        statement->column_int(1) == statement->column_int(2);
  if (!is_whole) return Failure(Errc::io, "the WAL was not copied into the database");
  wal_frames_ = 0;
  return (*made)->run();
}

Status Store::vacuum_slice() {
  static_assert(vacuum_slice_pages == 64);
  return statements_.run("PRAGMA incremental_vacuum(64)");
}

}  // namespace alarmwire::spool
