#include "edge/spool/engine.hpp"

#include "edge/spool/jobs.hpp"
#include "edge/spool/messages.hpp"

namespace alarmwire::spool {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds lazy_wait_max{1000};     // settled marks alone are written after it
constexpr milliseconds background_every{50};    // a slice of housekeeping under load
constexpr milliseconds quiet_min{100};          // so long without a mail: idle
constexpr milliseconds idle_tick{10'000};       // settled rows expire
constexpr milliseconds full_probe_every{1000};  // while full: is there room again?
constexpr std::size_t last_flushes_max = receipts_waiting_max / receipts_group_max + 1;

const Failure closed_failure{Errc::closed, "the spool is closed"};

bool is_damage(const Failure& failure) {
  return sqlite::is_corrupt(failure) || failure.is(Errc::corrupt) || failure.is(Errc::not_found);
}

}  // namespace

Engine::Engine(std::unique_ptr<DirectoryLock> lock, std::unique_ptr<Vault> vault,
               const Config& config, Observer& observer, std::vector<Fault> faults)
    : config_(config),
      observer_(observer),
      lock_(std::move(lock)),
      vault_(std::move(vault)),
      desk_(vault_->body_last() + 1),
      start_faults_(std::move(faults)) {
  start_salvage();
  refresh_snapshot();
  thread_ = std::thread([this] { run(); });
}

Engine::~Engine() {
  desk_.stop();
  thread_.join();
}

void Engine::append(UploadId upload, std::string bytes, Callback<void> done) {
  desk_.append(upload, std::move(bytes), std::move(done));
}

void Engine::commit(NewRecord record, Callback<Spooled> done) {
  desk_.commit(std::move(record), 0, std::move(done));
}

void Engine::settle(EpochId epoch, Lane lane, std::uint64_t up_to) {
  fresh_.forget_up_to({epoch, lane, up_to});
  desk_.settle(epoch, lane, up_to);
}

void Engine::receipt(const AlarmId& id, const std::string& outlet) {
  desk_.receipt(id, outlet);
}

// Answers one read. A row that is not whole is Errc::corrupt for the caller; a file that is not
// whole is fatal on top.
template <typename T, typename Answer>
void Engine::read(Callback<T> done, const RecordKey* key, Answer answer) {
  const std::string subject = key != nullptr ? key->to_string() : std::string{};
  desk_.post([this, done = std::move(done), subject, answer](const Failure* failure) {
    if (failure != nullptr) return done(*failure);
    Result<T> result = answer(*vault_);
    if (result.has_value() || result.error().is(Errc::not_found)) return done(std::move(result));
    const Failure why = result.error();
    if (why.is(Errc::corrupt))
      log::write(SPOOL_ROW_UNREADABLE, {{"key", subject}, {"reason", why.diagnostics}});
    done(Failure(Errc::corrupt, why.diagnostics));
    check(why);
  });
}

void Engine::ranges(Callback<std::vector<LaneRange>> done) {
  read<std::vector<LaneRange>>(std::move(done), nullptr, [](Vault& vault) {
    return Result<std::vector<LaneRange>>(vault.ranges());
  });
}

void Engine::fetch(const RecordKey& key, std::size_t head_bytes_max, Callback<StoredRecord> done) {
  if (std::optional<StoredRecord> fresh = fresh_.take(key)) return done(std::move(*fresh));
  read<StoredRecord>(std::move(done), &key, [key, head_bytes_max](Vault& vault) {
    return vault.fetch(key, head_bytes_max);
  });
}

void Engine::fetch_body(const RecordKey& key, std::uint64_t offset, std::size_t bytes_max,
                        Callback<std::string> done) {
  read<std::string>(std::move(done), &key, [key, offset, bytes_max](Vault& vault) {
    return vault.fetch_body(key, offset, bytes_max);
  });
}

void Engine::find(const AlarmId& id, Callback<ListedRecord> done) {
  read<ListedRecord>(std::move(done), nullptr, [id](Vault& vault) { return vault.find(id); });
}

void Engine::list(std::size_t limit, bool waiting_only, Callback<std::vector<ListedRecord>> done) {
  read<std::vector<ListedRecord>>(std::move(done), nullptr, [limit, waiting_only](Vault& vault) {
    return vault.list(limit, waiting_only);
  });
}

void Engine::verify(const RecordKey& key, Callback<void> done) {
  desk_.post([this, key, done = std::move(done)](const Failure* failure) {
    if (failure != nullptr) return done(*failure);
    jobs_.push_front(std::make_unique<VerifyJob>(*this, key, done));
  });
}

void Engine::reenter(const RecordKey& key, Callback<Spooled> done) {
  if (!done) done = [](const Result<Spooled>&) {};
  desk_.post_verdict([this, key, done = std::move(done)](const Failure* failure) {
    if (failure != nullptr) return done(*failure);
    if (!vault_->begin_reentry(key))
      return done(Failure(Errc::not_found, key.to_string() + " is not held, or out of the way"));
    jobs_.push_front(std::make_unique<ReenterJob>(*this, key, done));
  });
}

void Engine::park(const RecordKey& key, const std::string& reason) {
  fresh_.forget(key);
  desk_.post_verdict([this, key, reason](const Failure* failure) {
    if (failure != nullptr) return;
    const Status done = vault_->park(key, reason, wall_now_us());
    if (done.has_error()) check(done.error());
  });
}

void Engine::reconfigure(std::uint64_t quota_bytes, std::chrono::seconds settled_ring) {
  desk_.post([this, quota_bytes, settled_ring](const Failure* failure) {
    if (failure != nullptr) return;
    const Status done = vault_->reconfigure(quota_bytes, settled_ring);
    if (done.has_error()) check(done.error());
    has_more_ = true;
  });
}

bool Engine::has_room(std::uint64_t size) {
  if (Quota::cost(size) <= snapshot().room_bytes) return true;
  desk_.post([this](const Failure* failure) {
    if (failure == nullptr) vault_->refused_early();
  });
  return false;
}

Snapshot Engine::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

void Engine::fault(const Fault& what, bool over) {
  observer_.on_fault(what.code, what.subject, what.reason, over);
}

void Engine::run() {
  for (const Fault& what : start_faults_) fault(what, false);
  while (turn()) {
  }
  for (std::size_t i = 0; i < last_flushes_max && !is_fatal_ && vault_->has_lazy_writes(); ++i) {
    const Status done = vault_->flush();
    if (done.has_error()) check(done.error());
  }
  jobs_.clear();
  desk_.close(closed_failure);
  for (const Task& task : desk_.take(milliseconds(0)).tasks) task(&closed_failure);
  vault_.reset();
}

bool Engine::turn() {
  Work work = desk_.take(patience());
  for (const Task& task : work.tasks) task(is_fatal_ ? &closed_failure : nullptr);
  if (is_fatal_) {
    for (const FinalItem& item : work.finals) item.done(closed_failure);
    return !(work.is_stopping && work.empty());
  }
  settle_all(work);
  write_group(work);
  flush_when_due();
  if (!work.finals.empty() || !work.chunks.empty()) busy_last_ = steady_now();
  background(work.empty());
  refresh_snapshot();  // whoever is told of a change may ask at once
  tell_full_change();
  return !(work.is_stopping && work.empty());
}

milliseconds Engine::quiet_in() const {
  const auto since = std::chrono::duration_cast<milliseconds>(steady_now() - busy_last_);
  return since < quiet_min ? quiet_min - since : milliseconds(0);
}

milliseconds Engine::patience() const {
  if (is_fatal_) return idle_tick;
  for (const std::unique_ptr<Job>& job : jobs_)
    if (!job->is_waiting()) return milliseconds(0);
  if (has_more_) return quiet_in();
  if (vault_->has_lazy_writes() || vault_->is_full() || !jobs_.empty()) return lazy_wait_max;
  return idle_tick;
}

void Engine::settle_all(const Work& work) {
  const WallTimeUs now = wall_now_us();
  for (const auto& [key, up_to] : work.settles) {
    const Status done = vault_->settle(key.first, key.second, up_to, now);
    if (done.has_error() && check(done.error())) return;
  }
  for (const auto& [id, outlet] : work.receipts) vault_->note_receipt(id, outlet);
}

void Engine::write_group(Work& work) {
  for (const std::uint64_t body : desk_.take_doomed()) vault_->doom(body);
  if (is_fatal_ || (work.finals.empty() && work.chunks.empty())) {
    for (const FinalItem& item : work.finals) item.done(closed_failure);
    return;
  }
  Result<Written> written = vault_->write(work.finals, work.chunks, wall_now_us());
  if (written.has_error()) {
    for (const FinalItem& item : work.finals) item.done(written.error());
    for (const ChunkItem& chunk : work.chunks) desk_.chunk_done(chunk.body, written.error());
    fatal(written.error());
    return;
  }
  ++commits_;
  for (const Result<Spooled>& result : written->finals)
    committed_records_ += result.has_value() && !result->joined ? 1 : 0;
  refresh_snapshot();  // whoever is answered may ask for it at once
  answer_group(work, *written);
}

void Engine::answer_group(Work& work, Written& written) {
  for (std::size_t i = 0; i < work.chunks.size(); ++i)
    desk_.chunk_done(work.chunks[i].body, written.chunks[i]);
  for (std::size_t i = 0; i < work.finals.size(); ++i) {
    FinalItem& item = work.finals[i];
    const Result<Spooled>& result = written.finals[i];
    // The chunks of a record that was refused, or joined another, are nobody's now.
    const bool is_stored = result.has_value() && !result->joined;
    if (!is_stored && item.tail_number != 0) vault_->doom(item.body_number);
    if (result.has_value() && result->joined) fresh_.forget(result->key);
    if (is_stored && item.tail_number == 0) keep_fresh(item, *result);
    item.done(result);
    if (is_stored) observer_.on_record(result->key);
  }
}

// All of it is here: it came with its commit.
void Engine::keep_fresh(FinalItem& item, const Spooled& spooled) {
  NewRecord& record = item.record;
  fresh_.add({spooled.key, record.id, record.hash, std::move(record.envelope), record.size,
              record.accepted_us, spooled.spooled_us, 0},
             std::move(item.body_number == 0 ? record.body : item.tail));
}

void Engine::flush_when_due() {
  if (is_fatal_) return;
  if (!vault_->has_lazy_writes()) {
    lazy_since_ = {};
    return;
  }
  const SteadyTime now = steady_now();
  if (lazy_since_ == SteadyTime{}) lazy_since_ = now;
  if (!vault_->has_urgent_writes() && now - lazy_since_ < lazy_wait_max) return;
  lazy_since_ = now;
  const Status done = vault_->flush();
  if (done.has_error()) check(done.error());
}

// One slice: always when idle, now and then under load.
void Engine::background(bool is_idle) {
  const SteadyTime now = steady_now();
  if (is_fatal_) return;
  has_more_ = true;
  const bool is_due = is_idle || now - background_last_ >= background_every;
  if (!is_due && !vault_->is_wal_too_long()) return;
  background_last_ = now;
  if (vault_->is_full() && now - probe_last_ >= full_probe_every) {
    probe_last_ = now;
    const Status done = vault_->probe_disk();
    if (done.has_error() && check(done.error())) return;
  }
  std::erase_if(jobs_, [](const std::unique_ptr<Job>& job) { return job->is_done(); });
  for (const std::unique_ptr<Job>& job : jobs_) {
    if (job->is_waiting()) continue;
    job->step();
    if (is_fatal_) return;
    break;
  }
  const bool is_quiet = is_idle && quiet_in() == milliseconds(0);
  const Result<bool> more = vault_->tidy(wall_now_us(), is_quiet);
  if (more.has_error()) {
    check(more.error());
    return;
  }
  if (*more || !is_quiet) return;
  const Result<bool> vacuum = vault_->vacuum_if_worth();
  if (vacuum.has_error())
    check(vacuum.error());
  else
    has_more_ = *vacuum;
}

void Engine::tell_full_change() {
  if (is_fatal_) return;
  const std::optional<bool> over = vault_->take_full_change();
  if (!over) return;
  fault({"spool-full", "", *over ? "the spool has room again" : "the spool is full"}, *over);
}

void Engine::start_salvage() {
  for (const std::string& name : quarantines(config_.directory)) {
    ++quarantined_files_;
    if (!is_salvaged(config_.directory, name))
      jobs_.push_back(std::make_unique<SalvageJob>(*this, name));
  }
}

bool Engine::check(const Failure& failure) {
  if (!is_fatal(failure) || is_fatal_) return is_fatal_;
  fatal(failure);
  return true;
}

// Nothing is tried again on this descriptor: what a failed sync left behind is not known.
void Engine::fatal(const Failure& why) {
  is_fatal_ = true;
  if (is_damage(why)) mark_suspect(config_.directory);
  vault_->abandon();
  log::write(SPOOL_FATAL, {{"reason", why.diagnostics}});
  desk_.close(why);
  observer_.on_fatal(why);
}

void Engine::refresh_snapshot() {
  Snapshot fresh;
  vault_->count(fresh);
  fresh.commits = commits_;
  fresh.committed_records = committed_records_;
  fresh.quarantined_files = quarantined_files_;
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_ = fresh;
}

}  // namespace alarmwire::spool
