#include "edge/spool/jobs.hpp"

#include "edge/spool/messages.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::uint64_t verify_slice_bytes = 4 * chunk_bytes_max;
constexpr std::chrono::seconds no_room_wait{1};

}  // namespace

VerifyJob::VerifyJob(Engine& engine, RecordKey key, Spool::Callback<void> done)
    : engine_(engine), key_(key), done_(std::move(done)) {}

void VerifyJob::step() {
  const Result<Row> row = engine_.vault().read(key_);
  if (row.has_error()) return finish(row.error());
  if (!hasher_) {
    hasher_.emplace(row->envelope);
    hash_ = row->hash;
    size_ = row->size;
  }
  const Result<std::string> bytes =
      engine_.vault().rows().read_body(*row, offset_, verify_slice_bytes);
  if (bytes.has_error()) return finish(bytes.error());
  hasher_->update(*bytes);
  offset_ += bytes->size();
  if (offset_ < size_ && !bytes->empty()) return;
  if (hasher_->finish() == hash_) return finish({});
  finish(Failure(Errc::corrupt, key_.to_string() + " does not match its hash"));
}

void VerifyJob::finish(const Status& status) {
  is_done_ = true;
  const bool is_broken = status.has_error() && !status.error().is(Errc::not_found);
  if (is_broken) {
    log::write(SPOOL_ROW_UNREADABLE,
               {{"key", key_.to_string()}, {"reason", status.error().diagnostics}});
    done_(Failure(Errc::corrupt, status.error().diagnostics));
    engine_.check(status.error());
    return;
  }
  done_(status);
}

ReenterJob::ReenterJob(Engine& engine, RecordKey key, Spool::Callback<Spooled> done)
    : engine_(engine), key_(key), done_(std::move(done)) {}

bool ReenterJob::is_waiting() const {
  if (copier_ != nullptr && !copier_->is_done()) return copier_->is_waiting();
  return steady_now() < not_before_;
}

void ReenterJob::step() {
  if (copier_ != nullptr && !copier_->is_done()) return copier_->step();
  copier_.reset();
  Result<Row> row = engine_.vault().read(key_);
  if (row.has_value()) return begin(std::move(*row));
  if (row.error().is(Errc::corrupt)) return on_unreadable(row.error());
  finish(row.error());
  engine_.check(row.error());
}

void ReenterJob::begin(Row row) {
  auto commit = [this, old = row.row](NewRecord record, Spool::Callback<Spooled> done) {
    engine_.desk().commit(std::move(record), old, std::move(done));
  };
  auto entered = [this, done = done_](const Result<Spooled>& result) {
    if (result.has_error() && result.error().is(Errc::closed)) return done(result);
    const bool has_no_room =
        result.has_error() && (result.error().is(Errc::full) || result.error().is(Errc::busy));
    if (has_no_room)
      not_before_ = steady_now() + no_room_wait;
    else if (result.has_error() && result.error().is(Errc::corrupt))
      on_unreadable(result.error());
    else
      finish(result);
  };
  copier_ = std::make_unique<Copier>(engine_, engine_.vault().rows(), std::move(row), key_.lane,
                                     commit, std::move(entered));
}

// Its old place is settled, so the centre will not hear of it by a Void: the fault is all there is.
void ReenterJob::on_unreadable(const Failure& why) {
  log::write(SPOOL_ROW_UNREADABLE, {{"key", key_.to_string()}, {"reason", why.diagnostics}});
  engine_.fault({"row-unreadable", key_.to_string(), why.diagnostics}, false);
  engine_.park(key_, "conflict, and it cannot enter again: " + why.diagnostics);
  finish(why);
}

void ReenterJob::finish(const Result<Spooled>& result) {
  is_done_ = true;
  done_(result);
}

SalvageJob::SalvageJob(Engine& engine, std::string name)
    : engine_(engine), name_(std::move(name)) {}

bool SalvageJob::is_waiting() const {
  if (copier_ != nullptr && !copier_->is_done()) return copier_->is_waiting();
  return steady_now() < not_before_;
}

void SalvageJob::step() {
  if (copier_ != nullptr && !copier_->is_done()) return copier_->step();
  copier_.reset();
  if (*is_cut_off_) {
    is_done_ = true;  // not marked as salvaged: the next start goes on
    return;
  }
  if (!is_open_) {
    is_open_ = true;
    const std::string path = database_path(quarantine_path(engine_.config().directory, name_));
    Result<std::unique_ptr<Salvage>> salvage = Salvage::open(path, engine_.config().vfs);
    if (salvage.has_error()) return finish("nothing could be read: " + salvage.error().diagnostics);
    salvage_ = std::move(*salvage);
    return;
  }
  if (again_) salvage_->look_again_at(*again_);
  again_.reset();
  std::optional<Salvage::Found> found = salvage_->step();
  if (found) return enter(std::move(*found));
  if (salvage_->is_done()) finish(std::to_string(salvage_->unreadable()) + " could not be read");
}

// The same alarm may be here already: from this file before a restart, or from one salvaged into
// it.
void SalvageJob::enter(Salvage::Found found) {
  const RowId number = found.row.row;
  const Result<bool> is_held = engine_.vault().holds(found.row.id);
  if (is_held.has_error()) {
    again_ = number;
    not_before_ = steady_now() + no_room_wait;
    engine_.check(is_held.error());
    return;
  }
  if (*is_held) return;
  auto entered = [this, number, cut_off = is_cut_off_,
                  reason = found.park_reason](const Result<Spooled>& result) {
    if (result.has_error() && result.error().is(Errc::closed)) {
      *cut_off = true;  // the job itself may be gone
    } else if (result.has_value()) {
      ++salvaged_;
      if (reason) engine_.park(result->key, *reason);
    } else if (result.error().is(Errc::corrupt)) {
      salvage_->count_unreadable();
    } else {
      again_ = number;
      not_before_ = steady_now() + no_room_wait;
    }
  };
  auto commit = [this](NewRecord record, Spool::Callback<Spooled> done) {
    engine_.desk().commit(std::move(record), 0, std::move(done));
  };
  copier_ = std::make_unique<Copier>(engine_, salvage_->rows(), std::move(found.row), found.lane,
                                     commit, entered);
}

void SalvageJob::finish(const std::string& reason) {
  is_done_ = true;
  copier_.reset();
  salvage_.reset();
  const std::string what = std::to_string(salvaged_) + " records salvaged; " + reason;
  log::write(SPOOL_SALVAGED, {{"name", name_}, {"salvaged", salvaged_}, {"reason", reason}});
  const Status marked = mark_salvaged(engine_.config().directory, name_, what);
  engine_.fault({"spool-quarantined", "quarantine/" + name_,
                 marked.has_value() ? what : what + "; " + marked.error().diagnostics},
                true);
  for (const std::string& pruned : prune_quarantines(engine_.config().directory))
    log::write(SPOOL_QUARANTINE_PRUNED, {{"name", pruned}});
}

}  // namespace alarmwire::spool
