#include "receiver/ledger/sqlite_reads.hpp"

#include <algorithm>

#include "receiver/ledger/sqlite_schema.hpp"

namespace alarmwire::ledger {
namespace {

// The columns of record_of(), in its order.
#define RECORD_COLUMNS                                                                          \
  "r.position, b.name, r.epoch, r.lane, r.seq, r.alarm_id, r.hash, r.size, r.accepted_us, "     \
  "r.spooled_us, r.stored_us, r.clock_offset_us, r.repeats, r.replayed, r.handed_over_before, " \
  "r.envelope FROM records r JOIN boxes b ON b.number = r.box "

AlarmId id_of(std::string_view raw) {
  return AlarmId::from_bytes(raw).value_or(AlarmId{});
}

EpochId epoch_of(std::int64_t value) {
  return EpochId{static_cast<std::uint64_t>(value)};
}

Lane lane_of(std::int64_t value) {
  return lane_from_number(static_cast<std::uint64_t>(value)).value_or(Lane::alarm);
}

Record record_of(const sqlite::Statement& row) {
  Record record;
  record.position = row.column_int(0);
  record.box = row.column_text(1);
  RecordHeader& header = record.header;
  header.key = RecordKey{epoch_of(row.column_int(2)), lane_of(row.column_int(3)),
                         static_cast<std::uint64_t>(row.column_int(4))};
  header.id = id_of(row.column_blob(5));
  static_cast<void>(hash_from_bytes(row.column_blob(6), header.hash));
  header.size = static_cast<std::uint64_t>(row.column_int(7));
  header.accepted_us = row.column_int(8);
  header.spooled_us = row.column_int(9);
  record.stored_us = row.column_int(10);
  record.clock_offset_us = row.column_int(11);
  header.repeats = static_cast<std::uint32_t>(row.column_int(12));
  record.replayed = row.column_int(13) != 0;
  record.handed_over_before = row.column_int(14) != 0;
  header.envelope = row.column_blob(15);
  return record;
}

// The columns of tombstone_of(), in its order.
#define TOMBSTONE_COLUMNS \
  "epoch, lane, first_seq, last_seq, alarm_id, reason, time_us, kind FROM tombstones "

Tombstone tombstone_of(const BoxId& box, const sqlite::Statement& row) {
  Tombstone tombstone;
  tombstone.box = box;
  tombstone.epoch = epoch_of(row.column_int(0));
  tombstone.lane = lane_of(row.column_int(1));
  tombstone.first_seq = static_cast<std::uint64_t>(row.column_int(2));
  tombstone.last_seq = static_cast<std::uint64_t>(row.column_int(3));
  tombstone.id = AlarmId::from_bytes(row.column_blob(4));
  tombstone.reason = row.column_text(5);
  tombstone.time_us = row.column_int(6);
  tombstone.kind = static_cast<Tombstone::Kind>(row.column_int(7));
  return tombstone;
}

template <typename... A>
Result<std::vector<Record>> records(Connection& connection, std::string_view sql,
                                    const A&... arguments) {
  std::vector<Record> found;
  auto take = [&found](sqlite::Statement& row) {
    found.push_back(record_of(row));
    return true;
  };
  const Status read = connection.each(sql, take, arguments...);
  if (read.has_error()) return read.error();
  return found;
}

template <typename... A>
Result<Record> one_record(Connection& connection, std::string_view sql, const A&... arguments) {
  Record found;
  auto take = [&found](sqlite::Statement& row) { found = record_of(row); };
  const Result<bool> there = connection.first(sql, take, arguments...);
  if (there.has_error()) return there.error();
  if (!*there) return Failure(Errc::not_found, "no such alarm in the ledger");
  return found;
}

std::size_t bounded(std::size_t limit) {
  return std::min(limit, read_limit_max);
}

}  // namespace

Reads::Loan::~Loan() {
  if (connection_) home_->give_back(std::move(connection_));
}

Result<Reads::Loan> Reads::borrow() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return !idle_.empty() || opened_ < readers_max; });
  if (!idle_.empty()) {
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    return Loan(*this, std::move(connection));
  }
  ++opened_;
  lock.unlock();
  Result<std::unique_ptr<Connection>> opened = open_reader(config_);
  if (opened.has_value()) return Loan(*this, std::move(*opened));
  lock.lock();
  --opened_;
  returned_.notify_one();
  return opened.error();
}

void Reads::give_back(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
  returned_.notify_one();
}

Result<std::vector<Cursor>> Reads::cursors(const BoxId& box) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<Cursor> found;
  auto take = [&found](sqlite::Statement& row) {
    found.push_back({epoch_of(row.column_int(0)), lane_of(row.column_int(1)),
                     static_cast<std::uint64_t>(row.column_int(2))});
    return true;
  };
  const Status read = (*loan)->each(
      "SELECT epoch, lane, seq FROM cursors WHERE box = "
      "(SELECT number FROM boxes WHERE name = ?) ORDER BY epoch, lane",
      take, Text{box});
  if (read.has_error()) return read.error();
  return found;
}

Result<std::vector<StagedBody>> Reads::staged(const BoxId& box) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<StagedBody> found;
  auto take = [&found](sqlite::Statement& row) {
    StagedBody body;
    body.key = RecordKey{epoch_of(row.column_int(0)), lane_of(row.column_int(1)),
                         static_cast<std::uint64_t>(row.column_int(2))};
    static_cast<void>(hash_from_bytes(row.column_blob(3), body.hash));
    body.bytes = static_cast<std::uint64_t>(row.column_int(4));
    found.push_back(body);
    return true;
  };
  const Status read = (*loan)->each(
      "SELECT epoch, lane, seq, hash, bytes FROM staged WHERE box = "
      "(SELECT number FROM boxes WHERE name = ?) ORDER BY lane",
      take, Text{box});
  if (read.has_error()) return read.error();
  return found;
}

Result<std::vector<Record>> Reads::read_after(Position position, std::size_t limit) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  return records(**loan,
                 "SELECT " RECORD_COLUMNS "WHERE r.position > ? ORDER BY r.position LIMIT ?",
                 position, bounded(limit));
}

Result<std::vector<Record>> Reads::list(const ListFilter& filter) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  const Position before = filter.before > 0 ? filter.before : INT64_MAX;
  const std::size_t limit = bounded(filter.limit);
  const bool faults = filter.kind && *filter.kind != RecordKind::mail;
  const int kind = filter.kind ? static_cast<int>(*filter.kind) : 0;
  if (filter.box && filter.kind)
    return records(**loan,
                   "SELECT " RECORD_COLUMNS
                   "WHERE r.box = (SELECT number FROM boxes WHERE name = ?) AND r.kind = ? "
                   "AND r.position < ? ORDER BY r.position DESC LIMIT ?",
                   Text{*filter.box}, kind, before, limit);
  if (filter.box)
    return records(**loan,
                   "SELECT " RECORD_COLUMNS
                   "WHERE r.box = (SELECT number FROM boxes WHERE name = ?) "
                   "AND r.position < ? ORDER BY r.position DESC LIMIT ?",
                   Text{*filter.box}, before, limit);
  if (faults)  // worded for the partial index on them: they are few among many mails
    return records(**loan,
                   "SELECT " RECORD_COLUMNS
                   "WHERE r.kind <> 1 AND r.kind = ? AND r.position < ? "
                   "ORDER BY r.position DESC LIMIT ?",
                   kind, before, limit);
  return records(**loan,
                 "SELECT " RECORD_COLUMNS
                 "WHERE (?1 = 0 OR r.kind = ?1) AND r.position < ?2 "
                 "ORDER BY r.position DESC LIMIT ?3",
                 kind, before, limit);
}

Result<Record> Reads::find(const AlarmId& id) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  return one_record(**loan,
                    "SELECT " RECORD_COLUMNS "WHERE r.alarm_id = ? ORDER BY r.position LIMIT 1",
                    id.view());
}

Result<Record> Reads::at(Position position) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  return one_record(**loan, "SELECT " RECORD_COLUMNS "WHERE r.position = ?", position);
}

Result<std::string> Reads::body(Position position, std::uint64_t offset, std::size_t bytes_max) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::int64_t number = 0;
  std::string bytes;
  auto take_inline = [&](sqlite::Statement& row) {
    number = row.column_int(0);
    const std::string_view body = row.column_blob(1);
    if (number == 0 && offset < body.size()) bytes = body.substr(offset, bytes_max);
  };
  const Result<bool> found = (*loan)->first(
      "SELECT body_number, body FROM records WHERE position = ?", take_inline, position);
  if (found.has_error()) return found.error();
  if (!*found) return Failure(Errc::not_found, "no such alarm in the ledger");
  if (number == 0 || bytes_max == 0 || offset >= record_bytes_max) return bytes;

  const std::int64_t first = chunk_key(number, 0);
  auto take_chunk = [&](sqlite::Statement& row) {
    const auto start = static_cast<std::uint64_t>(row.column_int(0) - first);
    const std::string_view chunk = row.column_blob(1);
    const std::uint64_t at = offset + bytes.size();
    if (at < start) return false;  // a hole: never written by us
    if (at - start < chunk.size()) bytes += chunk.substr(at - start, bytes_max - bytes.size());
    return bytes.size() < bytes_max;
  };
  const Status read = (*loan)->each(
      "SELECT key, data FROM chunks WHERE key >= (SELECT max(key) FROM chunks "
      "WHERE key >= ?1 AND key <= ?2) AND key < ?3 ORDER BY key",
      take_chunk, first, chunk_key(number, offset), chunk_key(number + 1, 0));
  if (read.has_error()) return read.error();
  return bytes;
}

Result<std::vector<StageMark>> Reads::stages(const AlarmId& id) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<StageMark> found;
  auto take = [&found](sqlite::Statement& row) {
    found.push_back({static_cast<Stage>(row.column_int(0)), row.column_int(1),
                     std::string(row.column_text(2)), std::string(row.column_text(3))});
    return true;
  };
  const Status read = (*loan)->each(
      "SELECT stage, time_us, outlet, text FROM stages WHERE position = "
      "(SELECT min(position) FROM records WHERE alarm_id = ?) ORDER BY time_us, stage",
      take, id.view());
  if (read.has_error()) return read.error();
  return found;
}

Result<std::vector<Tombstone>> Reads::tombstones(const BoxId& box, std::size_t limit) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<Tombstone> found;
  auto take = [&](sqlite::Statement& row) {
    found.push_back(tombstone_of(box, row));
    return true;
  };
  const Status read = (*loan)->each("SELECT " TOMBSTONE_COLUMNS
                                    "WHERE box = (SELECT number FROM boxes WHERE name = ?) "
                                    "ORDER BY number DESC LIMIT ?",
                                    take, Text{box}, bounded(limit));
  if (read.has_error()) return read.error();
  return found;
}

Result<std::vector<Tombstone>> Reads::refused(const BoxId& box,
                                              const std::vector<SeqRange>& ranges) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  const Result<std::int64_t> number =
      (*loan)->number("SELECT number FROM boxes WHERE name = ?", Text{box});
  if (number.has_error()) return number.error();
  std::vector<Tombstone> found;
  auto take = [&](sqlite::Statement& row) {
    found.push_back(tombstone_of(box, row));
    return found.size() < refused_max;
  };
  for (const SeqRange& range : ranges) {
    if (found.size() >= refused_max) break;
    const Status read =
        (*loan)->each("SELECT " TOMBSTONE_COLUMNS
                      "WHERE box = ? AND epoch = ? AND lane = ? AND kind <> 0 "
                      "AND first_seq BETWEEN ? AND ? ORDER BY first_seq",
                      take, *number, range.epoch.value, static_cast<int>(range.lane),
                      range.first_seq, range.last_seq);
    if (read.has_error()) return read.error();
  }
  return found;
}

Result<std::vector<HandOver>> Reads::hand_overs(const std::string& outlet, HandOverState state,
                                                Position after, std::size_t limit) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<HandOver> found;
  auto take = [&](sqlite::Statement& row) {
    found.push_back({row.column_int(0), std::string(row.column_text(1)), lane_of(row.column_int(2)),
                     state, static_cast<std::uint32_t>(row.column_int(3)), row.column_int(4),
                     std::string(row.column_text(5))});
    return true;
  };
  const Status read = (*loan)->each(
      "SELECT h.position, b.name, r.lane, h.tries, h.changed_us, h.text FROM hand_overs h "
      "JOIN records r ON r.position = h.position JOIN boxes b ON b.number = r.box "
      "WHERE h.outlet = (SELECT number FROM outlets WHERE name = ?) AND h.state = ? "
      "AND h.position > ? ORDER BY h.position LIMIT ?",
      take, Text{outlet}, static_cast<int>(state), after, bounded(limit));
  if (read.has_error()) return read.error();
  return found;
}

Result<std::uint64_t> Reads::count_hand_overs(const std::string& outlet, HandOverState state) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  const Result<std::int64_t> count = (*loan)->number(
      "SELECT count(*) FROM hand_overs WHERE outlet = "
      "(SELECT number FROM outlets WHERE name = ?) AND state = ?",
      Text{outlet}, static_cast<int>(state));
  if (count.has_error()) return count.error();
  return static_cast<std::uint64_t>(*count);
}

Result<std::vector<Owed>> Reads::owed() {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<Owed> found;
  auto take = [&found](sqlite::Statement& row) {
    const Owed owed{std::string(row.column_text(0)), row.column_int(1) != 0,
                    static_cast<std::uint64_t>(row.column_int(2)),
                    static_cast<std::uint64_t>(row.column_int(3))};
    if (owed.waiting + owed.parked > 0) found.push_back(owed);
    return true;
  };
  // Worded so that each count is one walk along the index by outlet and state.
  const Status read = (*loan)->each(
      "SELECT name, active, "
      "(SELECT count(*) FROM hand_overs WHERE outlet = o.number AND state = ?), "
      "(SELECT count(*) FROM hand_overs WHERE outlet = o.number AND state = ?) "
      "FROM outlets o ORDER BY name",
      take, static_cast<int>(HandOverState::waiting), static_cast<int>(HandOverState::parked));
  if (read.has_error()) return read.error();
  return found;
}

Result<std::vector<std::pair<std::string, HandOver>>> Reads::hand_overs_of(Position position) {
  Result<Loan> loan = borrow();
  if (loan.has_error()) return loan.error();
  std::vector<std::pair<std::string, HandOver>> found;
  auto take = [&](sqlite::Statement& row) {
    HandOver hand_over{position,
                       std::string(row.column_text(1)),
                       lane_of(row.column_int(2)),
                       static_cast<HandOverState>(row.column_int(3)),
                       static_cast<std::uint32_t>(row.column_int(4)),
                       row.column_int(5),
                       std::string(row.column_text(6))};
    found.emplace_back(std::string(row.column_text(0)), std::move(hand_over));
    return true;
  };
  const Status read = (*loan)->each(
      "SELECT o.name, b.name, r.lane, h.state, h.tries, h.changed_us, h.text FROM hand_overs h "
      "JOIN outlets o ON o.number = h.outlet JOIN records r ON r.position = h.position "
      "JOIN boxes b ON b.number = r.box WHERE h.position = ? ORDER BY o.name",
      take, position);
  if (read.has_error()) return read.error();
  return found;
}

}  // namespace alarmwire::ledger
