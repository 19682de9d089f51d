// Room: the quota, eviction of settled rows, deletion of large bodies in slices, the WAL. What a
// full disk adds to it stands in vault_disk.cpp.
#include <algorithm>

#include "edge/spool/files.hpp"
#include "edge/spool/messages.hpp"
#include "edge/spool/vault.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::uint64_t evict_slice_rows = 16;
constexpr std::uint64_t delete_slice_chunks = 8;
constexpr int make_room_slices_max = 256;
constexpr std::uint64_t wal_idle_frames = 64;   // an idle spool tidies its WAL from here on
constexpr std::uint64_t wal_long_frames = 256;  // between groups from here on
constexpr std::uint64_t wal_frames_max = 1024;  // under any load: half the ballast moves them
constexpr std::uint64_t exact_sum_rows_max = 1024;
constexpr std::uint64_t vacuum_worth_bytes = 16ull << 20;
constexpr std::int64_t marks_per_ring = 128;

}  // namespace

bool is_fatal(const Failure& failure) {
  return !sqlite::is_full(failure) && !failure.is(Errc::corrupt) && !failure.is(Errc::not_found);
}

Status Vault::measure() {
  const Result<Store::Space> space = store_->space();
  if (space.has_error()) return space.error();
  used_bytes_ = space->used_bytes;
  free_bytes_ = space->free_bytes;
  return {};
}

bool Vault::admits(Lane lane, std::uint64_t cost_bytes) const {
  if (!quota_.admits(lane, used_bytes_, cost_bytes)) return false;
  if (!full_.is_disk_full() || cost_bytes <= own_room_bytes()) return true;
  return lane == Lane::fault && faults_on_full_disk_ < faults_on_full_disk_max;
}

// What an alarm may take at most, when all is gone that may go.
std::uint64_t Vault::room_bytes(bool has_settled) const {
  if (has_settled || !doomed_.empty() || !dooms_.empty()) return quota_.bytes();
  const std::uint64_t wal_bytes = store_->wal_frames() * wal_frame_bytes;
  const std::uint64_t used_bytes = used_bytes_ - std::min(used_bytes_, wal_bytes);
  const std::uint64_t room = quota_.bytes() - std::min(quota_.bytes(), used_bytes);
  return full_.is_disk_full() ? std::min(room, own_room_bytes()) : room;
}

// When short: empty the WAL, then delete what nobody needs, then settled rows, oldest first.
Result<bool> Vault::make_room(Lane lane, std::uint64_t cost_bytes) {
  if (cost_bytes == 0) return true;
  for (int i = 0; i < make_room_slices_max && !admits(lane, cost_bytes); ++i) {
    if (store_->wal_frames() > 0) {
      const Status done = checkpoint();
      if (done.has_error()) return done.error();
      if (admits(lane, cost_bytes)) return true;
    }
    Result<bool> freed = delete_doomed();
    if (freed.has_value() && !*freed) freed = evict_oldest();
    if (freed.has_error()) return freed;
    if (!*freed) return false;
  }
  return admits(lane, cost_bytes);
}

bool Vault::is_wal_long(bool is_idle) const {
  const std::uint64_t frames = store_->wal_frames();
  if (frames < wal_retry_frames_) return false;
  const std::uint64_t share = std::max<std::uint64_t>(quota_.bytes() / page_bytes / 32, 16);
  return frames >= std::min(share, is_idle ? wal_idle_frames : wal_long_frames);
}

bool Vault::is_wal_too_long() const {
  return store_->wal_frames() >= std::max(wal_frames_max, wal_retry_frames_);
}

Status Vault::checkpoint() {
  const Status done = with_ballast([this] { return store_->checkpoint(); });
  if (done.has_value()) {
    wal_retry_frames_ = 0;
    return measure();
  }
  if (!sqlite::is_full(done.error())) return done;
  if (wal_retry_frames_ == 0)
    log::write(SPOOL_CHECKPOINT_POSTPONED, {{"wal_frames", store_->wal_frames()}});
  wal_retry_frames_ = store_->wal_frames() + wal_long_frames;
  return {};
}

// False: nothing settled is left.
Result<bool> Vault::evict_oldest() {
  LaneState* oldest = nullptr;
  WallTimeUs oldest_us = 0;
  for (auto& [key, lane] : book_.lanes()) {
    if (lane.settled() == 0) continue;
    const bool is_older_epoch = oldest != nullptr && oldest->epoch != lane.epoch;
    if (is_older_epoch) break;
    const auto row = store_->rows().next(row_id(key, lane.floor + 1));
    if (row.has_error()) return row.error();
    if (!*row) continue;
    const Result<Row> first = store_->rows().read(**row, RowReader::With::header);
    if (first.has_error()) return first.error();
    if (oldest != nullptr && first->spooled_us >= oldest_us) continue;
    oldest = &lane;
    oldest_us = first->spooled_us;
  }
  if (oldest == nullptr) return false;
  const Status done = evict(*oldest, oldest->cursor - 1);
  if (done.has_value()) return true;
  if (sqlite::is_full(done.error())) return false;
  return done.error();
}

// One slice: rows after floor, at most up to `up_to`.
Status Vault::evict(LaneState& lane, std::uint64_t up_to) {
  const std::uint64_t to = std::min(lane.floor + evict_slice_rows, up_to);
  std::vector<std::uint64_t> doomed;
  const Status done = with_ballast([&]() -> Status {
    doomed.clear();
    Result<sqlite::Transaction> transaction = store_->begin();
    if (transaction.has_error()) return transaction.error();
    LaneState after = lane;
    after.floor = to;
    Status written =
        store_->delete_rows(row_id(lane.key, lane.floor + 1), row_id(lane.key, to), doomed);
    if (written.has_value()) written = store_->write_lane(after);
    return written.has_value() ? transaction->commit() : written;
  });
  if (done.has_error()) return done;
  lane.floor = to;
  lane.is_dirty = false;
  doomed_.insert(doomed_.end(), doomed.begin(), doomed.end());
  return wrote();
}

// Settled rows whose time is up. True: there may be more.
Result<bool> Vault::expire(WallTimeUs now) {
  LaneState* lane = nullptr;
  std::uint64_t up_to = 0;
  if (config_.settled_ring.count() == 0) {
    for (auto& [key, candidate] : book_.lanes())
      if (candidate.floor + 1 < candidate.cursor) lane = &candidate;
    if (lane == nullptr) return false;
    up_to = lane->cursor - 1;
  } else {
    const WallTimeUs ring_us = std::chrono::microseconds(config_.settled_ring).count();
    if (marks_.empty() || marks_.begin()->first.first + ring_us > now) return false;
    const MarkKey key = marks_.begin()->first;
    up_to = marks_.begin()->second;
    lane = book_.find(key.second);
    if (lane == nullptr || lane->floor >= up_to) {
      marks_.erase(key);
      dirty_marks_.erase(key);
      const Status done = store_->remove_marks(key.second, key.first);
      if (done.has_error()) return done.error();
      return true;
    }
  }
  const Status done = evict(*lane, up_to);
  if (done.has_error() && !sqlite::is_full(done.error())) return done.error();
  return done.has_value();
}

// False: nothing was there to delete, or there is no room to do it.
Result<bool> Vault::delete_doomed() {
  if (doomed_.empty()) return false;
  bool is_gone = false;
  Status done = with_ballast([&]() -> Status {
    Result<sqlite::Transaction> transaction = store_->begin();
    if (transaction.has_error()) return transaction.error();
    const Result<bool> gone = store_->delete_chunks(doomed_.front(), delete_slice_chunks);
    if (gone.has_error()) return gone.error();
    is_gone = *gone;
    return transaction->commit();
  });
  if (done.has_value()) {
    if (is_gone) doomed_.pop_front();
    done = wrote();
    if (done.has_value()) return true;
  }
  if (sqlite::is_full(done.error())) return false;
  return done.error();
}

Status Vault::remove_empty_epochs() {
  const std::vector<std::uint64_t> empty = book_.empty_epochs();
  if (empty.empty()) return {};
  Result<sqlite::Transaction> transaction = store_->begin();
  if (transaction.has_error()) return transaction.error();
  Status done;
  for (const std::uint64_t ordinal : empty)
    if (done.has_value()) done = store_->remove_epoch(ordinal);
  if (done.has_value()) done = transaction->commit();
  if (done.has_error()) return sqlite::is_full(done.error()) ? Status{} : done;
  for (const std::uint64_t ordinal : empty) book_.remove_epoch(ordinal);
  std::erase_if(marks_, [&](const auto& mark) { return !book_.find(mark.first.second); });
  std::erase_if(dirty_marks_, [&](const MarkKey& key) { return !book_.find(key.second); });
  return wrote();
}

Result<bool> Vault::tidy(WallTimeUs now, bool is_idle) {
  if (is_wal_long(is_idle)) {
    const Status done = checkpoint();
    if (done.has_error()) return done.error();
    return true;
  }
  Result<bool> more = delete_doomed();
  if (more.has_error() || *more) return more;
  more = expire(now);
  if (more.has_error() || *more) return more;
  if (quota_.is_tight(used_bytes_) || lacks_disk_room()) {
    more = evict_oldest();
    if (more.has_error() || *more) return more;
  }
  const Status done = remove_empty_epochs();
  if (done.has_error()) return done.error();
  if (full_.is_disk_full()) return shrink_for_ballast();
  if (is_idle) ballast_.take(ballast_bytes);  // if there was too little room at the start
  return false;
}

Result<bool> Vault::vacuum_if_worth() {
  if (full_.is_disk_full() || free_bytes_ < vacuum_worth_bytes) return false;
  Status done = store_->vacuum_slice();
  if (done.has_value()) done = measure();
  if (done.has_value()) return true;
  if (sqlite::is_full(done.error())) return false;
  return done.error();
}

Status Vault::settle(EpochId epoch, Lane lane_number, std::uint64_t up_to, WallTimeUs now) {
  LaneState* const lane = book_.find(epoch, lane_number);
  if (lane == nullptr) return {};
  const std::uint64_t before = lane->cursor;
  const std::uint64_t waiting_before = lane->waiting();
  if (!lane->settle(up_to)) return {};
  const std::uint64_t gone = waiting_before - lane->waiting();
  if (lane->waiting() == 0) {
    lane->waiting_bytes = 0;
  } else if (gone <= exact_sum_rows_max) {
    const Result<std::uint64_t> sum =
        store_->sum_sizes(row_id(lane->key, before), row_id(lane->key, lane->cursor - 1));
    if (sum.has_error()) return sum.error();
    lane->waiting_bytes -= std::min(lane->waiting_bytes, *sum);
  } else {
    lane->waiting_bytes -= lane->waiting_bytes / waiting_before * gone;
  }
  mark_settled(*lane, now);
  return refresh_oldest(*lane);
}

// Time slots, so that there are few marks; a row stays at least the ring's duration, at most a slot
// longer.
void Vault::mark_settled(const LaneState& lane, WallTimeUs now) {
  const WallTimeUs ring_us = std::chrono::microseconds(config_.settled_ring).count();
  if (ring_us == 0) return;
  const WallTimeUs slot_us = std::max<WallTimeUs>(ring_us / marks_per_ring, 1);
  const MarkKey key{(now / slot_us + 1) * slot_us, lane.key};
  marks_[key] = lane.cursor - 1;
  dirty_marks_.insert(key);
}

Status Vault::refresh_oldest(LaneState& lane) {
  lane.oldest_us = 0;
  if (lane.waiting() == 0) return {};
  const Result<Row> row =
      store_->rows().read(row_id(lane.key, lane.cursor), RowReader::With::header);
  if (row.has_error()) return row.error().is(Errc::not_found) ? Status{} : Status(row.error());
  lane.oldest_us = row->accepted_us;
  return {};
}

Status Vault::park(const RecordKey& key, const std::string& reason, WallTimeUs now) {
  LaneState* const lane = book_.find(key.epoch, key.lane);
  if (lane == nullptr) return {};
  const bool was_waiting = lane->is_held(key.seq) && lane->state(key.seq) == RowState::waiting;
  if (!lane->park(key.seq)) return {};
  parkings_.push_back({row_id(lane->key, key.seq), reason, now});
  if (!was_waiting) return {};
  const Result<Row> row = store_->rows().read(row_id(lane->key, key.seq), RowReader::With::header);
  if (row.has_error() && !row.error().is(Errc::corrupt)) return row.error();
  return was_parked(*lane, row.has_value() ? row->size : 0, now);
}

// A row of the lane went out of the way: what was settled behind it meanwhile is settled now.
Status Vault::was_parked(LaneState& lane, std::uint64_t waiting_bytes, WallTimeUs now) {
  lane.waiting_bytes -= std::min(lane.waiting_bytes, waiting_bytes);
  const Status done = settle(lane.epoch, lane_of(lane.key), lane.settled_beyond, now);
  return done.has_error() ? done : refresh_oldest(lane);
}

bool Vault::begin_reentry(const RecordKey& key) {
  LaneState* const lane = book_.find(key.epoch, key.lane);
  return lane != nullptr && lane->begin_reentry(key.seq);
}

void Vault::note_receipt(const AlarmId& id, const std::string& outlet) {
  if (receipts_.size() < receipts_waiting_max) receipts_.emplace_back(id, outlet);
}

void Vault::doom(std::uint64_t body) {
  dooms_.push_back(body);
}

Status Vault::reconfigure(std::uint64_t quota_bytes, std::chrono::seconds settled_ring) {
  quota_.set(quota_bytes);
  config_.settled_ring = settled_ring;
  return store_->set_quota(quota_bytes);
}

void Vault::count(Snapshot& snapshot) const {
  book_.count(snapshot);
  snapshot.used_bytes = used_bytes_;
  snapshot.quota_bytes = quota_.bytes();
  snapshot.room_bytes = room_bytes(snapshot.settled_records > 0);
  snapshot.is_full = full_.is_full();
}

}  // namespace alarmwire::spool
