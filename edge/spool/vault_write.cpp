// One group, one transaction: joins, seqs, rows; what is remembered only after COMMIT returned.
#include <algorithm>
#include <boost/assert.hpp>
#include <map>

#include "edge/spool/vault.hpp"

namespace alarmwire::spool {
namespace {

Failure full_failure() {
  return {Errc::full, "the spool has no room for this"};
}

}  // namespace

struct Vault::Plan {
  struct Entry {
    std::size_t index;  // in the group
    RowId row;
    Spooled spooled;
  };
  WallTimeUs now = 0;
  std::array<std::uint64_t, lane_count> given{};  // seqs given in this transaction
  std::vector<Entry> entries;
  std::map<Hash, std::size_t> firsts;  // new rows by their hash → entry
};

Result<Written> Vault::write(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks,
                             WallTimeUs now) {
  Written written;
  written.finals.assign(finals.size(), full_failure());
  written.chunks.assign(chunks.size(), full_failure());
  const Result<Attempt> admitted = admit(finals, chunks);
  if (admitted.has_error()) return admitted.error();
  if (admitted->finals.empty() && admitted->chunks.empty()) return written;
  const Status done = try_write(finals, chunks, *admitted, written, now);
  if (done.has_value()) return written;
  if (!sqlite::is_full(done.error())) return done.error();
  refused(FullState::Cause::disk);
  // From now on who enters must find room inside the file: its WAL is emptied, settled rows go.
  const Status emptied = store_->wal_frames() > 0 ? checkpoint() : Status{};
  if (emptied.has_error()) return emptied.error();
  const Result<Attempt> again = admit(finals, chunks);
  if (again.has_error()) return again.error();
  const Status alone = write_alone(finals, chunks, *again, written, now);
  if (alone.has_error()) return alone.error();
  return written;
}

// Our own account says who may enter, before anything is written. A resend that will join needs no
// room.
Result<Vault::Attempt> Vault::admit(std::vector<FinalItem>& finals,
                                    std::vector<ChunkItem>& chunks) {
  Attempt attempt;
  std::uint64_t cost_bytes = 0;
  for (std::size_t i = 0; i < finals.size(); ++i) {
    const Result<std::optional<Row>> twin = find_twin(finals[i].record);
    if (twin.has_error()) return twin.error();
    const std::uint64_t cost = *twin ? 0 : Quota::cost(finals[i].bytes());
    const Result<bool> room = make_room(finals[i].record.lane, cost_bytes + cost);
    if (room.has_error()) return room.error();
    if (!*room) continue;
    cost_bytes += cost;
    attempt.finals.push_back(i);
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const std::uint64_t cost = Quota::cost(chunks[i].bytes.size());
    const Result<bool> room = make_room(Lane::alarm, cost_bytes + cost);
    if (room.has_error()) return room.error();
    if (!*room) continue;
    cost_bytes += cost;
    attempt.chunks.push_back(i);
  }
  const bool is_refused =
      attempt.finals.size() < finals.size() || attempt.chunks.size() < chunks.size();
  if (is_refused) refused_early();
  return attempt;
}

Status Vault::try_write(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks,
                        const Attempt& attempt, Written& written, WallTimeUs now) {
  Plan plan;
  plan.now = now;
  Result<sqlite::Transaction> transaction = store_->begin();
  if (transaction.has_error()) return transaction.error();
  Status done = write_lazy();
  for (const std::size_t i : attempt.chunks)
    if (done.has_value()) done = put_chunk(chunks[i]);
  for (const std::size_t i : attempt.finals)
    if (done.has_value()) done = put_final(finals[i], i, plan);
  if (done.has_value()) done = transaction->commit();
  if (done.has_error()) return done;
  lazy_written();
  for (const std::size_t i : attempt.chunks) written.chunks[i] = Status{};
  done = apply(finals, plan, written);
  return done.has_error() ? done : wrote();
}

// After a full disk refused the whole group: some of it may still fit.
Status Vault::write_alone(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks,
                          const Attempt& attempt, Written& written, WallTimeUs now) {
  std::vector<Attempt> singles;
  for (const std::size_t i : attempt.finals) singles.push_back({{i}, {}});
  for (const std::size_t i : attempt.chunks) singles.push_back({{}, {i}});
  for (const Attempt& single : singles) {
    const Status done = try_write(finals, chunks, single, written, now);
    if (done.has_error() && !sqlite::is_full(done.error())) return done;
    if (done.has_error()) refused(FullState::Cause::disk);
  }
  return {};
}

Status Vault::put_chunk(const ChunkItem& chunk) {
  if (chunk.number == 0) {
    const Status done = store_->set_loose(chunk.body, false);
    if (done.has_error()) return done;
  }
  return store_->insert_chunk(chunk.body, chunk.number, chunk.bytes);
}

Status Vault::put_tail(const FinalItem& item) {
  const std::string_view tail = item.tail;
  for (std::size_t at = 0; at < tail.size(); at += chunk_bytes_max) {
    const std::uint64_t number = item.tail_number + at / chunk_bytes_max;
    const Status done =
        store_->insert_chunk(item.body_number, number, tail.substr(at, chunk_bytes_max));
    if (done.has_error()) return done;
  }
  return {};
}

Status Vault::put_final(FinalItem& item, std::size_t index, Plan& plan) {
  const Result<bool> joined = join(item, index, plan);
  if (joined.has_error()) return joined.error();
  if (*joined) return {};
  const NewRecord& record = item.record;
  const LaneState& lane = book_.current(record.lane);
  std::uint64_t& given = plan.given.at(static_cast<std::size_t>(record.lane));
  const std::uint64_t seq = lane.last + ++given;
  BOOST_ASSERT(seq <= seq_max);
  const RowId row = row_id(lane.key, seq);
  Status done = store_->insert(row, record, item.body_number, plan.now);
  if (done.has_value()) done = put_tail(item);
  if (done.has_value() && item.body_number != 0) done = store_->clear_loose(item.body_number);
  if (done.has_value() && item.park_row != 0)
    done = store_->park(item.park_row, "conflict: entered again under another identity", plan.now);
  if (done.has_error()) return done;
  plan.firsts[record.hash] = plan.entries.size();
  plan.entries.push_back(
      {index, row, {{lane.epoch, record.lane, seq}, record.id, plan.now, false}});
  return {};
}

// A byte-identical resend is counted on its waiting first copy. False: there is none.
Result<bool> Vault::join(const FinalItem& item, std::size_t index, Plan& plan) {
  if (!item.record.may_join) return false;
  const auto same_group = plan.firsts.find(item.record.hash);
  if (same_group != plan.firsts.end()) {
    const Plan::Entry first = plan.entries[same_group->second];
    const Status done = store_->count_repeat(first.row);
    if (done.has_error()) return done.error();
    Spooled spooled = first.spooled;
    spooled.joined = true;
    plan.entries.push_back({index, first.row, spooled});
    return true;
  }
  const Result<std::optional<Row>> twin = find_twin(item.record);
  if (twin.has_error()) return twin.error();
  if (!*twin) return false;
  const Row& row = **twin;
  const Status done = store_->count_repeat(row.row);
  if (done.has_error()) return done.error();
  plan.entries.push_back({index, row.row, {book_.key_of(row.row), row.id, row.spooled_us, true}});
  return true;
}

// The waiting record with the same hash, if it is among those remembered. One that is not whole
// keeps nobody out: whoever sends it again enters as a record of his own.
Result<std::optional<Row>> Vault::find_twin(const NewRecord& record) {
  if (!record.may_join) return std::optional<Row>{};
  const RowId row = window_.find(hash_head(record.hash));
  const LaneState* const lane = row != 0 ? book_.find_row(row) : nullptr;
  if (lane == nullptr || !lane->is_held(seq_of(row)) ||
      lane->state(seq_of(row)) != RowState::waiting)
    return std::optional<Row>{};
  Result<Row> twin = store_->rows().read(row, RowReader::With::header);
  const bool is_unreadable =
      twin.has_error() && (twin.error().is(Errc::corrupt) || twin.error().is(Errc::not_found));
  if (is_unreadable) return std::optional<Row>{};
  if (twin.has_error()) return twin.error();
  if (twin->hash != record.hash) return std::optional<Row>{};
  return std::optional<Row>{std::move(*twin)};
}

Status Vault::apply(std::vector<FinalItem>& finals, Plan& plan, Written& written) {
  for (Plan::Entry& entry : plan.entries) {
    const FinalItem& item = finals[entry.index];
    const NewRecord& record = item.record;
    written.finals[entry.index] = entry.spooled;
    if (entry.spooled.joined) continue;
    LaneState& lane = book_.current(record.lane);
    BOOST_ASSERT(seq_of(entry.row) == lane.last + 1);
    if (full_.is_disk_full() && record.lane == Lane::fault) ++faults_on_full_disk_;
    if (lane.waiting() == 0) lane.oldest_us = record.accepted_us;
    ++lane.last;
    lane.waiting_bytes += record.size;
    window_.add(hash_head(record.hash), entry.row);
    if (LaneState* const old = item.park_row != 0 ? book_.find_row(item.park_row) : nullptr) {
      const bool was_waiting = old->state(seq_of(item.park_row)) == RowState::waiting;
      old->park(seq_of(item.park_row));
      const Status done = was_parked(*old, was_waiting ? record.size : 0, plan.now);
      if (done.has_error()) return done;
    }
  }
  return {};
}

// What waits for the next transaction: the epoch if the disk was full at start, settled marks,
// parked rows, doomed bodies, and some of the receipts: no alarm waits for more of them.
Status Vault::write_lazy() {
  Status done;
  if (!is_epoch_durable_)
    done = store_->add_epoch(book_.current_ordinal(), book_.current_epoch(), epoch_opened_us_);
  for (const auto& [key, lane] : book_.lanes())
    if (done.has_value() && lane.is_dirty) done = store_->write_lane(lane);
  for (const MarkKey& key : dirty_marks_)
    if (done.has_value()) done = store_->write_mark({key.first, key.second, marks_.at(key)});
  for (const Parking& parking : parkings_)
    if (done.has_value()) done = store_->park(parking.row, parking.reason, parking.at_us);
  for (const std::uint64_t body : dooms_)
    if (done.has_value()) done = store_->set_loose(body, true);
  for (std::size_t i = 0; i < std::min(receipts_.size(), receipts_group_max); ++i)
    if (done.has_value()) done = store_->add_receipt(receipts_[i].first, receipts_[i].second);
  return done;
}

void Vault::lazy_written() {
  is_epoch_durable_ = true;
  for (auto& [key, lane] : book_.lanes()) lane.is_dirty = false;
  dirty_marks_.clear();
  parkings_.clear();
  doomed_.insert(doomed_.end(), dooms_.begin(), dooms_.end());
  dooms_.clear();
  const auto written = static_cast<std::ptrdiff_t>(std::min(receipts_.size(), receipts_group_max));
  receipts_.erase(receipts_.begin(), receipts_.begin() + written);
}

bool Vault::has_lazy_writes() const {
  if (!is_epoch_durable_ || !dirty_marks_.empty() || !receipts_.empty() || has_urgent_writes())
    return true;
  for (const auto& [key, lane] : book_.lanes())
    if (lane.is_dirty) return true;
  return false;
}

Status Vault::flush() {
  const Status done = with_ballast([this]() -> Status {
    Result<sqlite::Transaction> transaction = store_->begin();
    if (transaction.has_error()) return transaction.error();
    const Status written = write_lazy();
    return written.has_value() ? transaction->commit() : written;
  });
  if (done.has_value()) {
    lazy_written();
    return wrote();
  }
  // Without room these wait on; nothing is lost but the knowledge after a restart.
  if (sqlite::is_full(done.error())) return {};
  return done;
}

}  // namespace alarmwire::spool
