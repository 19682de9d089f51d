#include "receiver/ledger/sqlite_writer.hpp"

#include <pthread.h>
#include <sys/statvfs.h>

#include <utility>

#include "receiver/ledger/messages.hpp"

namespace alarmwire::ledger {
namespace {

enum class Trouble : std::uint8_t {
  full,     // no room: this write fails, later ones may not
  passing,  // someone else holds the file's lock: try again later
  lone,     // this write is at fault
  fatal,    // the file or the descriptor cannot be trusted
};

Trouble trouble_of(const Failure& failure) {
  constexpr int locked = 6, too_big = 18, constraint = 19,
                mismatch = 20;  // sqlite.org/rescode.html
  if (sqlite::is_full(failure)) return Trouble::full;
  if (sqlite::is_busy(failure)) return Trouble::passing;
  if (failure.code.category() != sqlite::sqlite_category()) return Trouble::fatal;
  switch (failure.code.value() & 0xff) {
    case locked:
      return Trouble::passing;
    case too_big:
    case constraint:
    case mismatch:
      return Trouble::lone;
    default:
      return Trouble::fatal;
  }
}

Failure for_caller(const Failure& failure) {
  switch (trouble_of(failure)) {
    case Trouble::full:
      return {Errc::full, "the ledger has no room: " + failure.diagnostics};
    case Trouble::passing:
      return {Errc::busy, "the ledger's file is locked: " + failure.diagnostics};
    case Trouble::lone:
    case Trouble::fatal:
      break;
  }
  return {Errc::io, failure.diagnostics};
}

double file_system_used_ratio(const std::string& directory) {
  struct statvfs stat {};
  if (::statvfs(directory.c_str(), &stat) != 0 || stat.f_blocks == 0) return 0;
  return 1.0 - static_cast<double>(stat.f_bavail) / static_cast<double>(stat.f_blocks);
}

}  // namespace

Writer::Writer(const Config& config, std::unique_ptr<Book> book, Observer& observer)
    : config_(config), observer_(observer), id_(book->id()), book_(std::move(book)) {
  snapshot_.ledger_id = id_;
  book_->connection().database().count_wal_frames(&wal_frames_);
  publish();
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "ledger-writer");
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Writer::submit(std::unique_ptr<Write> write) {
  std::optional<Failure> refused;
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (dead_ || stopping_)
      refused.emplace(Errc::closed, "the ledger has stopped");
    else if (!queue_.push(write))
      refused.emplace(Errc::busy, "too many writes are waiting");
    else
      wakes = queue_.is_urgent() || queue_.size() == 1;
  }
  if (refused)
    write->finish(&*refused);
  else if (wakes)
    wake_.notify_one();
}

void Writer::apply_retention(RetentionRule rule, WallTimeUs now_us,
                             Ledger::Callback<std::uint64_t> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!dead_ && !stopping_ && retention_.size() < retention_jobs_max) {
      retention_.push_back({Book::RetentionJob{rule, now_us}, std::move(done)});
      done = nullptr;
    }
  }
  if (done)
    done(Failure(Errc::busy, "retention is already running, or the ledger has stopped"));
  else
    wake_.notify_one();
}

Snapshot Writer::snapshot() const {
  const std::lock_guard lock(mutex_);
  Snapshot snapshot = snapshot_;
  snapshot.pending_writes = queue_.size();
  return snapshot;
}

void Writer::run() {
  while (true) {
    std::optional<Group> group = wait_for_group();
    if (!group) break;
    if (!group->empty()) commit_group(std::move(*group));
    chores();
  }
  std::deque<Retention> unfinished;
  Group rest;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    unfinished = std::exchange(retention_, {});
    rest = queue_.take_all();
  }
  fail_all(std::move(rest));
  for (Retention& retention : unfinished)
    if (retention.done) retention.done(Failure(Errc::closed, "the ledger has stopped"));
}

std::optional<Writer::Group> Writer::wait_for_group() {
  std::unique_lock lock(mutex_);
  if (dead_) return std::nullopt;
  const auto has_work = [this] {
    return stopping_ || !queue_.empty() || (!retention_.empty() && steady_now() >= chores_after_);
  };
  if (!chores_left_) wake_.wait_for(lock, tick_interval, has_work);
  // Notes alone wait a little for a record, and save it a commit of theirs ahead of it.
  if (!queue_.empty() && !queue_.is_urgent())
    wake_.wait_for(lock, notes_gather, [this] { return stopping_ || queue_.is_urgent(); });
  if (!queue_.empty()) return queue_.take_group();
  if (stopping_) return std::nullopt;
  return Group{};
}

void Writer::commit_group(Group group) {
  ++groups_since_chore_;
  const Status committed = attempt(group);
  if (!committed.has_error()) {
    deliver(group);
    return;
  }
  if (trouble_of(committed.error()) == Trouble::fatal) {
    die(committed.error());
    fail_all(std::move(group));
    return;
  }
  commit_alone(std::move(group), 0);
}

// The group was undone: each write in a transaction of its own, in order.
void Writer::commit_alone(Group group, std::size_t next) {
  for (; next < group.size(); ++next) {
    const auto one = std::span(group).subspan(next, 1);
    const Status committed = attempt(one);
    if (!committed.has_error()) {
      deliver(one);
      continue;
    }
    const Trouble trouble = trouble_of(committed.error());
    if (trouble == Trouble::fatal) {
      die(committed.error());
      group.erase(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(next));
      fail_all(std::move(group));
      return;
    }
    if (trouble == Trouble::full)
      note_full(committed.error().diagnostics);
    else
      log::write(LEDGER_WRITE_FAILED,
                 {{"reason", committed.error().diagnostics}, {"party", group[next]->party}});
    fail(one, for_caller(committed.error()));
  }
  publish();
}

Status Writer::attempt(std::span<std::unique_ptr<Write>> writes) {
  const auto work = [&]() -> Status {
    for (const std::unique_ptr<Write>& write : writes) {
      Status applied = write->apply(*book_);
      if (applied.has_error()) return applied;
    }
    return {};
  };
  return transact(work);
}

// All of `work` is durable when this answers success, and none of it is there otherwise.
Status Writer::transact(const std::function<Status()>& work) {
  book_->begin_group(wall_now_us());
  const auto in_transaction = [&]() -> Status {
    Result<sqlite::Transaction> transaction =
        sqlite::Transaction::begin(book_->connection().database());
    if (transaction.has_error()) return transaction.error();
    Status done = work();
    if (!done.has_error()) done = book_->before_commit();
    if (!done.has_error()) done = transaction->commit();
    return done;
  };
  const Status done = in_transaction();
  if (!done.has_error()) return {};
  const Status forgotten = book_->forget();
  // What fails even to read is broken, whatever the first failure was.
  return forgotten.has_error() ? forgotten : done;
}

void Writer::deliver(std::span<std::unique_ptr<Write>> writes) {
  ++commits_;
  Book::News news = book_->take_news();
  bool took_room = false;
  for (const std::unique_ptr<Write>& write : writes) took_room = took_room || write->takes_room;
  publish();
  for (Book::Stored& stored : news.stored) fresh_.add(stored.record, std::move(stored.body));
  for (const std::unique_ptr<Write>& write : writes) write->finish(nullptr);
  for (const Book::Stored& stored : news.stored) observer_.on_stored(stored.record);
  for (const Book::Marked& marked : news.marked)
    observer_.on_stage(marked.box, marked.id, marked.mark);
  if (took_room) room_since_full_ = true;
  judge_room();
}

void Writer::fail(std::span<std::unique_ptr<Write>> writes, const Failure& failure) {
  for (const std::unique_ptr<Write>& write : writes) write->finish(&failure);
}

void Writer::fail_all(Group group) {
  fail(group, Failure(Errc::closed, "the ledger has stopped; the outcome is unknown"));
}

void Writer::note_full(const std::string& why) {
  last_full_ = steady_now();
  room_since_full_ = false;
  if (std::exchange(full_, true)) return;
  publish();
  log::write(LEDGER_FULL, {{"reason", why}});
  observer_.on_fault("ledger-full", "ledger", "the ledger has no room for new records: " + why,
                     false);
}

// Asked at every tick too: the record that proved the room may be the last one for hours.
void Writer::judge_room() {
  if (!full_ || !room_since_full_ || steady_now() - last_full_ < config_.full_calm) return;
  full_ = false;
  publish();
  log::write(LEDGER_FULL_OVER);
  observer_.on_fault("ledger-full", "ledger", "the ledger takes records again", true);
}

void Writer::publish() {
  const std::lock_guard lock(mutex_);
  snapshot_.records = book_->records();
  snapshot_.last_position = book_->last_position();
  snapshot_.used_bytes = used_bytes_;
  snapshot_.commits = commits_;
  snapshot_.disk_used_ratio = disk_used_ratio_;
  snapshot_.full = full_;
}

void Writer::die(const Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    dead_ = true;
  }
  book_->connection().database().keep_wal_on_close();
  log::write(LEDGER_FATAL, {{"reason", failure.diagnostics}});
  observer_.on_fatal(failure);
}

void Writer::chores() {
  const SteadyTime now = steady_now();
  bool idle = false;
  {
    const std::lock_guard lock(mutex_);
    if (dead_ || stopping_) return;
    idle = queue_.empty();
  }
  if (now >= next_tick_) tick();
  chores_left_ = false;
  if (now < chores_after_) return;
  if (wal_frames_ < checkpointed_frames_) checkpointed_frames_ = 0;  // the log began anew
  const std::int64_t grown = wal_frames_ - checkpointed_frames_;
  if (grown >= wal_forced_frames || (idle && grown >= wal_idle_frames)) checkpoint();
  if (idle || groups_since_chore_ >= groups_between_chores) slice();
}

void Writer::tick() {
  const SteadyTime now = steady_now();
  next_tick_ = now + tick_interval;
  const Result<std::uint64_t> used = book_->used_bytes();
  if (used.has_value()) used_bytes_ = *used;
  watch_disk();
  judge_room();
  if (now < next_sweep_) return;
  next_sweep_ = now + sweep_interval;
  const auto sweep = [this]() -> Status {
    const Status swept = book_->sweep_staged();
    return swept.has_error() ? swept : book_->sweep_forgotten();
  };
  survive(transact(sweep), "sweeping");
}

void Writer::slice() {
  groups_since_chore_ = 0;
  bool retention = false;
  {
    const std::lock_guard lock(mutex_);
    retention = !retention_.empty();
  }
  if (retention) {
    retention_slice();
  } else if (book_->has_dropped_bodies()) {
    const auto work = [this] { return book_->dropped_slice(); };
    vacuum_wanted_ = true;
    chores_left_ = survive(transact(work), "deleting dropped bodies");
  } else if (vacuum_wanted_) {
    const auto work = [this]() -> Status {
      const Result<bool> more = book_->vacuum_slice();
      if (more.has_error()) return more.error();
      vacuum_wanted_ = *more;
      return {};
    };
    chores_left_ = survive(transact(work), "giving free pages back") && vacuum_wanted_;
  }
}

void Writer::retention_slice() {
  Retention* current = nullptr;
  {
    const std::lock_guard lock(mutex_);
    current = &retention_.front();  // only this thread takes from the front
  }
  Book::RetentionJob job = current->job;
  const auto work = [&] { return book_->retention_slice(job); };
  const std::uint64_t deleted_before = job.deleted;
  const Status done = transact(work);
  if (!survive(done, "retention")) return;
  if (job.deleted != deleted_before) fresh_.clear();
  current->job = job;
  chores_left_ = true;
  if (!job.over) return;
  vacuum_wanted_ = true;
  const Ledger::Callback<std::uint64_t> answer = std::move(current->done);
  {
    const std::lock_guard lock(mutex_);
    retention_.pop_front();
  }
  if (job.deleted > 0) log::write(LEDGER_RETENTION_DONE, {{"records", job.deleted}});
  publish();
  if (answer) answer(job.deleted);
}

// PASSIVE: never waits for a reader. What a reader still needs is copied the next time.
void Writer::checkpoint() {
  const Status done = book_->connection().run("PRAGMA wal_checkpoint(PASSIVE)");
  if (survive(done, "checkpoint")) checkpointed_frames_ = wal_frames_;
}

bool Writer::survive(const Status& status, const char* doing) {
  if (!status.has_error()) return true;
  if (trouble_of(status.error()) == Trouble::fatal) {
    die(status.error());
    return false;
  }
  if (trouble_of(status.error()) == Trouble::full) note_full(status.error().diagnostics);
  log::write(LEDGER_WRITE_FAILED, {{"reason", status.error().diagnostics}, {"party", doing}});
  chores_after_ = steady_now() + chore_pause;
  return false;
}

void Writer::watch_disk() {
  disk_used_ratio_ = config_.disk_used_ratio ? config_.disk_used_ratio()
                                             : file_system_used_ratio(config_.directory);
  publish();
  const DiskWatch::Change change = disk_watch_.update(disk_used_ratio_);
  if (change == DiskWatch::Change::none) return;
  const bool filled = change == DiskWatch::Change::filled;
  log::write(filled ? LEDGER_DISK_FILLING : LEDGER_DISK_RELIEVED,
             {{"used_ratio", disk_used_ratio_}, {"directory", config_.directory}});
  const int percent = static_cast<int>(disk_used_ratio_ * 100);
  observer_.on_fault("ledger-disk-80", "ledger",
                     "the file system of the ledger is " + std::to_string(percent) + " % full",
                     !filled);
}

}  // namespace alarmwire::ledger
