#include "edge/spool/salvage.hpp"

namespace alarmwire::spool {

Result<std::unique_ptr<Salvage>> Salvage::open(const std::string& path, const char* vfs) {
  Result<sqlite::Database> database =
      sqlite::Database::open(path, sqlite::Database::Mode::read_write, vfs);
  if (database.has_error()) return database.error();
  // The file is evidence: nothing is checkpointed into it, its WAL stays beside it.
  database->keep_wal_on_close();
  const Status set = database->exec(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0;"
      "PRAGMA cache_size=-1024");
  if (set.has_error()) return set.error();
  const Result<std::int64_t> tables =
      database->query_int("SELECT count(*) FROM sqlite_schema WHERE name = 'record'");
  if (tables.has_error()) return tables.error();
  if (*tables == 0) return Failure(Errc::corrupt, "no table of records");
  std::unique_ptr<Salvage> salvage(new Salvage(std::move(*database)));
  salvage->read_lanes();
  salvage->read_parked();
  salvage->read_last();
  return salvage;
}

// What cannot be read counts as unsettled: the centre settles by alarm id and hash what it has.
void Salvage::read_lanes() {
  const auto made = statements_.get("SELECT key, floor, cursor FROM lane");
  if (made.has_error()) return;
  Running statement(**made);
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error() || !*row) return;
    lanes_[statement->column_int(0)] = {static_cast<std::uint64_t>(statement->column_int(1)),
                                        static_cast<std::uint64_t>(statement->column_int(2))};
  }
}

void Salvage::read_parked() {
  const auto made = statements_.get("SELECT row, reason FROM parked");
  if (made.has_error()) return;
  Running statement(**made);
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error() || !*row) return;
    parked_[statement->column_int(0)] = statement->column_text(1);
  }
}

void Salvage::read_last() {
  const Result<std::optional<RowId>> last = rows_.last();
  if (last.has_value()) {
    is_done_ = !last->has_value();
    lane_last_ = is_done_ ? 0 : lane_key_of(**last);
    return;
  }
  const Result<std::int64_t> ordinal = database_.query_int("SELECT max(ordinal) FROM epoch");
  lane_last_ = ordinal.has_value() ? lane_key(static_cast<std::uint64_t>(*ordinal), Lane::routine)
                                   : salvage_lanes_max;
}

std::optional<Salvage::Found> Salvage::step() {
  for (std::size_t i = 0; i < salvage_probes_max && !is_done_; ++i) {
    std::optional<Found> found = is_by_point_ ? probe_point() : probe_range();
    if (found) return found;
  }
  return std::nullopt;
}

// Along the tree, as long as it holds.
std::optional<Salvage::Found> Salvage::probe_range() {
  skip_settled();
  const Result<std::optional<RowId>> next = rows_.next(position_);
  if (next.has_error()) {
    is_by_point_ = true;
    misses_ = 0;
    torn_ = 0;
    return std::nullopt;
  }
  if (!*next) {
    is_done_ = true;
    return std::nullopt;
  }
  position_ = **next;
  Result<Row> row = rows_.read(position_, RowReader::With::body);
  const RowId number = position_++;
  if (row.has_value()) return take(number, std::move(*row));
  ++unreadable_;
  return std::nullopt;
}

std::optional<Salvage::Found> Salvage::probe_point() {
  if (seq_of(position_) == 0) ++position_;
  Result<Row> row = rows_.read(position_, RowReader::With::body);
  const RowId number = position_++;
  if (row.has_value()) {
    is_by_point_ = false;
    unreadable_ += torn_;
    return take(number, std::move(*row));
  }
  if (!row.error().is(Errc::not_found)) ++torn_;
  if (++misses_ >= salvage_misses_max) next_lane();
  return std::nullopt;
}

void Salvage::next_lane() {
  const LaneKey lane = lane_key_of(position_) + 1;
  position_ = row_id(lane, 1);
  is_by_point_ = false;
  // How many stood here is not known: probes past the lane's end fail like those on it.
  if (torn_ > 0) ++unreadable_;
  is_done_ = lane > lane_last_;
}

// A lane's settled rows need no look at all, but for its parked ones.
void Salvage::skip_settled() {
  const auto lane = lanes_.find(lane_key_of(position_));
  if (lane == lanes_.end() || seq_of(position_) >= lane->second.cursor) return;
  const auto parked = parked_.lower_bound(position_);
  RowId to = row_id(lane->first, lane->second.cursor);
  if (parked != parked_.end() && parked->first < to) to = parked->first;
  position_ = std::max(position_, to);
}

std::optional<Salvage::Found> Salvage::take(RowId number, Row row) {
  Found found{std::move(row), lane_of(lane_key_of(number)), std::nullopt};
  const auto parked = parked_.find(number);
  if (parked != parked_.end()) {
    found.park_reason = parked->second;
    return found;
  }
  const auto lane = lanes_.find(lane_key_of(number));
  const bool is_settled = lane != lanes_.end() && seq_of(number) < lane->second.cursor;
  if (is_settled) return std::nullopt;
  return found;
}

}  // namespace alarmwire::spool
