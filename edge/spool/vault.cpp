// Start, and all reading.
#include "edge/spool/vault.hpp"

#include <algorithm>

namespace alarmwire::spool {
namespace {

constexpr std::size_t list_limit_max = 1000;

// The inline body must be what was hashed; a chunked one is checked by verify().
bool is_inline_body_whole(const Row& row) {
  RecordHasher hasher(row.envelope);
  hasher.update(row.body);
  return row.body.size() == row.size && hasher.finish() == row.hash;
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::start(std::unique_ptr<Store> store, const VaultConfig& config,
                                            EpochId epoch, WallTimeUs now) {
  std::unique_ptr<Vault> vault(new Vault(std::move(store), config));
  Result<Contents> contents = vault->store_->load(vault->book_, join_window_records_max);
  if (contents.has_error()) return contents.error();
  for (const SettleMark& mark : contents->marks)
    vault->marks_[{mark.at_us, mark.lane}] = mark.up_to;
  for (const WaitingHash& waiting : contents->waiting)
    vault->window_.add(waiting.head, waiting.row);
  vault->doomed_.assign(contents->doomed_bodies.begin(), contents->doomed_bodies.end());
  vault->swept_ = contents->swept_bodies;
  vault->dooms_ = contents->swept_bodies;
  vault->body_last_ = contents->body_last;
  for (const std::uint64_t body : contents->swept_bodies)
    vault->body_last_ = std::max(vault->body_last_, body);
  for (const std::uint64_t body : contents->doomed_bodies)
    vault->body_last_ = std::max(vault->body_last_, body);
  Status done = vault->load_oldest();
  if (done.has_error()) return done.error();
  vault->book_.add_epoch(contents->ordinal_last + 1, epoch);
  vault->epoch_opened_us_ = now;
  done = vault->measure();
  vault->begin_with_ballast();
  if (done.has_value()) done = vault->flush();
  if (done.has_error()) return done.error();
  return vault;
}

Status Vault::load_oldest() {
  for (auto& [key, lane] : book_.lanes()) {
    const Status done = refresh_oldest(lane);
    if (done.has_error()) return done;
  }
  return {};
}

RowId Vault::row_of(const RecordKey& key) {
  const LaneState* const lane = book_.find(key.epoch, key.lane);
  if (lane == nullptr || key.seq > seq_max || !lane->is_held(key.seq)) return 0;
  return row_id(lane->key, key.seq);
}

Result<Row> Vault::read(const RecordKey& key) {
  const RowId row = row_of(key);
  if (row == 0) return Failure(Errc::not_found, key.to_string() + " is not held");
  Result<Row> found = store_->rows().read(row, RowReader::With::body);
  if (found.has_error() && found.error().is(Errc::not_found))
    return Failure(Errc::corrupt, key.to_string() + ": the row is missing");
  return found;
}

Result<StoredRecord> Vault::fetch(const RecordKey& key, std::size_t head_bytes_max) {
  const Result<Row> row = read(key);
  if (row.has_error()) return row.error();
  if (row->body_number == 0 && !is_inline_body_whole(*row))
    return Failure(Errc::corrupt, key.to_string() + " does not match its hash");
  StoredRecord stored;
  stored.header = row->header(key);
  stored.state = book_.find_row(row->row)->state(key.seq);
  Result<std::string> head = store_->rows().read_body(*row, 0, head_bytes_max);
  if (head.has_error()) return head.error();
  stored.head = std::move(*head);
  if (stored.state == RowState::waiting) return stored;
  Result<std::vector<std::string>> receipted = receipts_of(*row);
  if (receipted.has_error()) return receipted.error();
  stored.receipted = std::move(*receipted);
  return stored;
}

Result<std::vector<std::string>> Vault::receipts_of(const Row& row) {
  Result<std::vector<std::string>> outlets = store_->receipts(row.row);
  if (outlets.has_error()) return outlets;
  for (const auto& [id, outlet] : receipts_) {
    const bool is_news =
        id == row.id && std::find(outlets->begin(), outlets->end(), outlet) == outlets->end();
    if (is_news) outlets->push_back(outlet);
  }
  return outlets;
}

Result<std::string> Vault::fetch_body(const RecordKey& key, std::uint64_t offset,
                                      std::size_t bytes_max) {
  const Result<Row> row = read(key);
  if (row.has_error()) return row.error();
  return store_->rows().read_body(*row, offset, bytes_max);
}

Result<bool> Vault::holds(const AlarmId& id) {
  const auto row = store_->rows().find(id);
  if (row.has_error()) return row.error();
  return row->has_value();
}

Result<ListedRecord> Vault::find(const AlarmId& id) {
  const auto number = store_->rows().find(id);
  if (number.has_error()) return number.error();
  LaneState* const lane = *number ? book_.find_row(**number) : nullptr;
  if (lane == nullptr) return Failure(Errc::not_found, id.to_string() + " is not in the spool");
  return listed(**number);
}

Result<ListedRecord> Vault::listed(RowId number) {
  const Result<Row> row = store_->rows().read(number, RowReader::With::header);
  if (row.has_error()) return row.error();
  ListedRecord record;
  record.header = row->header(book_.key_of(number));
  record.state = book_.find_row(number)->state(seq_of(number));
  if (record.state != RowState::parked) return record;
  for (const Parking& parking : parkings_)
    if (parking.row == number) record.park_reason = parking.reason;
  if (!record.park_reason.empty()) return record;
  Result<std::string> reason = store_->park_reason(number);
  if (reason.has_error()) return reason.error();
  record.park_reason = std::move(*reason);
  return record;
}

// The newest waiting rows of each lane; together they hold the newest of all.
Result<std::vector<RowId>> Vault::newest_waiting(std::size_t limit) {
  std::vector<RowId> rows;
  for (const auto& [key, lane] : book_.lanes()) {
    std::size_t taken = 0;
    for (std::uint64_t seq = lane.last; seq >= lane.cursor && taken < limit; --seq) {
      if (lane.state(seq) != RowState::waiting) continue;
      rows.push_back(row_id(key, seq));
      ++taken;
    }
  }
  return rows;
}

Result<std::vector<ListedRecord>> Vault::list(std::size_t limit, bool waiting_only) {
  limit = std::min(limit, list_limit_max);
  const Result<std::vector<RowId>> rows =
      waiting_only ? newest_waiting(limit) : store_->newest(limit);
  if (rows.has_error()) return rows.error();
  std::vector<ListedRecord> records;
  for (const RowId row : *rows) {
    Result<ListedRecord> record = listed(row);
    if (record.has_error() && record.error().is(Errc::corrupt)) continue;
    if (record.has_error()) return record.error();
    if (!is_canary(record->header)) records.push_back(std::move(*record));
  }
  std::sort(records.begin(), records.end(),
            [](const ListedRecord& a, const ListedRecord& b) { return a.header.id > b.header.id; });
  if (records.size() > limit) records.resize(limit);
  return records;
}

}  // namespace alarmwire::spool
