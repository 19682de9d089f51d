// Opening the file: settings, schema, check, and what is in it.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "edge/spool/files.hpp"
#include "edge/spool/store.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::uint64_t journal_size_limit_bytes = 8ull << 20;
constexpr int cache_kib = 4096;
constexpr std::int64_t auto_vacuum_incremental = 2;  // as the pragma answers

// row: see lanes.hpp. place: body number and chunk number. lane.key: ordinal and lane.
constexpr const char* schema_sql =
    "CREATE TABLE epoch(ordinal INTEGER PRIMARY KEY, epoch INTEGER NOT NULL UNIQUE,"
    "  opened_us INTEGER NOT NULL);"
    "CREATE TABLE lane(key INTEGER PRIMARY KEY, floor INTEGER NOT NULL, cursor INTEGER NOT NULL);"
    "CREATE TABLE record(row INTEGER PRIMARY KEY, id BLOB NOT NULL, hash BLOB NOT NULL,"
    "  hash_head INTEGER NOT NULL, size INTEGER NOT NULL, accepted_us INTEGER NOT NULL,"
    "  spooled_us INTEGER NOT NULL, repeats INTEGER NOT NULL, body_number INTEGER NOT NULL,"
    "  envelope BLOB NOT NULL, body BLOB);"
    "CREATE INDEX record_id ON record(id, size, hash_head);"
    "CREATE TABLE parked(row INTEGER PRIMARY KEY, reason TEXT NOT NULL,"
    "  parked_us INTEGER NOT NULL);"
    "CREATE TABLE chunk(place INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE loose(body INTEGER PRIMARY KEY, is_doomed INTEGER NOT NULL);"
    "CREATE TABLE mark(lane INTEGER NOT NULL, at_us INTEGER NOT NULL, up_to INTEGER NOT NULL,"
    "  PRIMARY KEY(lane, at_us)) WITHOUT ROWID;";
constexpr const char* receipt_sql =  // since version 2
    "CREATE TABLE receipt(row INTEGER NOT NULL, outlet TEXT NOT NULL,"
    "  PRIMARY KEY(row, outlet)) WITHOUT ROWID;";

Failure corrupt(std::string why) {
  return {Errc::corrupt, std::move(why)};
}

// Interrupts a statement after a while, from a thread of its own.
class TimeLimit {
 public:
  TimeLimit(const sqlite::Database& database, std::chrono::milliseconds limit)
      : thread_([this, &database, limit] {
          std::unique_lock lock(mutex_);
          if (!done_.wait_for(lock, limit, [this] { return is_done_; })) {
            has_struck_ = true;
            database.interrupt();
          }
        }) {}
  // True: it had to interrupt.
  bool finish() {
    {
      const std::lock_guard lock(mutex_);
      is_done_ = true;
    }
    done_.notify_one();
    thread_.join();
    return has_struck_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  bool has_struck_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  Result<sqlite::Database> database = sqlite::Database::open(
      options.path, sqlite::Database::Mode::create, sqlite::gather_wal_writes(options.vfs));
  if (database.has_error()) return database.error();
  std::unique_ptr<Store> store(new Store(std::move(*database)));
  Status done = make_private(options.path);  // before the WAL is made: it inherits the mode
  if (done.has_value()) done = store->configure(options);
  if (done.has_value()) done = store->empty_wal();
  if (done.has_value()) done = store->make_schema();
  if (done.has_error()) {
    store->abandon();
    if (sqlite::is_busy(done.error()))
      return Failure(Errc::busy, options.path + ": another process has the spool open");
    return done.error();
  }
  return store;
}

Status Store::configure(const StoreOptions& options) {
  // The order matters: exclusive before WAL (no shared memory, no second connection), page size and
  // auto_vacuum before the first table.
  Status set = database_.exec(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096;"
      "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
      "PRAGMA cache_size=-" +
      std::to_string(cache_kib) +
      "; PRAGMA secure_delete=" + (options.secure_delete ? "ON" : "OFF"));
  if (set.has_error()) return set;
  // Said again to an existing file it would be a write, which a full disk refuses.
  const Result<std::int64_t> auto_vacuum = database_.query_int("PRAGMA auto_vacuum");
  if (auto_vacuum.has_error()) return auto_vacuum.error();
  if (*auto_vacuum != auto_vacuum_incremental)
    set = database_.exec("PRAGMA auto_vacuum=INCREMENTAL");
  if (set.has_error()) return set;
  const Status wal = enter_wal_mode(options.path);
  if (wal.has_error()) return wal;
  const Status sync =
      database_.exec("PRAGMA synchronous=" + std::string(synchronous_mode()) +
                     "; PRAGMA journal_size_limit=" + std::to_string(journal_size_limit_bytes));
  if (sync.has_error()) return sync;
  database_.count_wal_frames(&wal_frames_);
  return set_quota(options.quota_bytes);
}

// The change of mode is committed by the statement's end, after its row: an error there must be
// seen, or the file would go on with a rollback journal, whose commits a power cut may undo.
Status Store::enter_wal_mode(const std::string& path) {
  Result<sqlite::Statement> statement = database_.prepare("PRAGMA journal_mode=WAL");
  if (statement.has_error()) return statement.error();
  const Result<bool> row = statement->step();
  if (row.has_error()) return row.error();
  if (!*row || statement->column_text(0) != "wal")
    return Failure(Errc::unsupported, path + ": the file system takes no WAL");
  return statement->run();
}

// After a failed sync the system may show pages of the WAL that never reached the disk, and a later
// sync would not write them. Copying all into the database and starting the WAL anew writes every
// page again.
Status Store::empty_wal() {
  const Status done = run_checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
  return done.has_error() && sqlite::is_full(done.error()) ? Status{} : done;
}

Status Store::set_quota(std::uint64_t quota_bytes) {
  // A backstop well above our own account: reaching it is a bug in the account, not a full spool.
  const std::uint64_t pages = quota_bytes / page_bytes * 5 / 4 + 1024;
  return database_.exec("PRAGMA max_page_count=" + std::to_string(pages));
}

Status Store::make_schema() {
  const Result<std::int64_t> version = database_.query_int("PRAGMA user_version");
  if (version.has_error()) return version.error();
  if (*version == schema_version) return {};
  if (*version == 1) return migrate();
  const Result<std::int64_t> tables = database_.query_int("SELECT count(*) FROM sqlite_schema");
  if (tables.has_error()) return tables.error();
  if (*version != 0 || *tables != 0) return corrupt("the file is not a spool of this version");
  Result<sqlite::Transaction> transaction = begin();
  if (transaction.has_error()) return transaction.error();
  const Status made = database_.exec(schema_sql + std::string(receipt_sql) +
                                     "PRAGMA user_version=" + std::to_string(schema_version));
  if (made.has_error()) return made;
  const Status committed = transaction->commit();
  if (committed.has_error()) return committed;
  // A database file that is still empty on the disk would have SQLite throw its WAL away.
  return empty_wal();
}

// From version 1. A full disk does not keep a box from starting: then there are no receipts in this
// life.
Status Store::migrate() {
  Result<sqlite::Transaction> transaction = begin();
  Status done = transaction.has_error() ? Status(transaction.error()) : Status{};
  if (done.has_value())
    done = database_.exec(std::string(receipt_sql) +
                          "PRAGMA user_version=" + std::to_string(schema_version));
  if (done.has_value()) done = transaction->commit();
  if (done.has_value() || !sqlite::is_full(done.error())) return done;
  keeps_receipts_ = false;
  return {};
}

Status Store::check(std::chrono::milliseconds limit) {
  Result<sqlite::Statement> statement = database_.prepare("PRAGMA quick_check(1)");
  if (statement.has_error()) return statement.error();
  TimeLimit time_limit(database_, limit);
  const Result<bool> row = statement->step();
  const bool was_long = time_limit.finish();
  if (was_long) return {};
  if (row.has_error()) return row.error();
  const std::string verdict(*row ? statement->column_text(0) : "no answer");
  if (verdict != "ok") return corrupt("quick_check: " + verdict);
  return {};
}

Result<Contents> Store::load(LaneBook& book, std::size_t waiting_max) {
  Contents contents;
  Status done = load_epochs(book, contents);
  if (done.has_value()) done = load_lanes(book);
  if (done.has_value()) done = load_last_seqs(book);
  if (done.has_value()) done = load_marks(book, contents);
  if (done.has_value()) done = load_loose(contents);
  if (done.has_value()) done = load_waiting(book, waiting_max, contents);
  if (done.has_error()) return done.error();
  return contents;
}

Status Store::load_epochs(LaneBook& book, Contents& contents) {
  const auto made = statements_.get("SELECT ordinal, epoch FROM epoch ORDER BY ordinal");
  if (made.has_error()) return made.error();
  Running statement(**made);
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error()) return row.error();
    if (!*row) return {};
    const auto ordinal = static_cast<std::uint64_t>(statement->column_int(0));
    const EpochId epoch{static_cast<std::uint64_t>(statement->column_int(1))};
    if (ordinal <= contents.ordinal_last || ordinal > ordinal_max || epoch.value == 0)
      return corrupt("epochs out of order");
    book.add_epoch(ordinal, epoch);
    contents.ordinal_last = ordinal;
  }
}

Status Store::load_lanes(LaneBook& book) {
  {
    const auto made = statements_.get("SELECT key, floor, cursor FROM lane");
    if (made.has_error()) return made.error();
    Running statement(**made);
    while (true) {
      const Result<bool> row = statement->step();
      if (row.has_error()) return row.error();
      if (!*row) break;
      LaneState* const lane = book.find(LaneKey{statement->column_int(0)});
      if (lane == nullptr) return corrupt("a lane without its epoch");
      lane->floor = static_cast<std::uint64_t>(statement->column_int(1));
      lane->cursor = static_cast<std::uint64_t>(statement->column_int(2));
      lane->last = lane->cursor - 1;
      if (lane->floor >= lane->cursor || lane->last > seq_max)
        return corrupt("a lane's numbers contradict each other");
    }
  }
  const auto made = statements_.get("SELECT row FROM parked");
  if (made.has_error()) return made.error();
  Running statement(**made);
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error()) return row.error();
    if (!*row) return {};
    LaneState* const lane = book.find_row(statement->column_int(0));
    if (lane == nullptr) return corrupt("a parked row without its epoch");
    lane->parked.insert(seq_of(statement->column_int(0)));
  }
}

Status Store::load_last_seqs(LaneBook& book) {
  for (auto& [key, lane] : book.lanes()) {
    const auto last = rows_.last_between(row_id(key, 0), row_id(key, seq_max));
    if (last.has_error()) return last.error();
    if (*last) lane.last = std::max(lane.last, seq_of(**last));
    if (!lane.parked.empty() && *lane.parked.rbegin() > lane.last)
      return corrupt("a parked row is missing");
  }
  return {};
}

Status Store::load_marks(LaneBook& book, Contents& contents) {
  const auto made = statements_.get("SELECT at_us, lane, up_to FROM mark ORDER BY at_us");
  if (made.has_error()) return made.error();
  Running statement(**made);
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error()) return row.error();
    if (!*row) return {};
    const SettleMark mark{statement->column_int(0), statement->column_int(1),
                          static_cast<std::uint64_t>(statement->column_int(2))};
    if (book.find(mark.lane) != nullptr) contents.marks.push_back(mark);
  }
}

Status Store::load_loose(Contents& contents) {
  const auto made = statements_.get("SELECT body, is_doomed FROM loose ORDER BY body");
  if (made.has_error()) return made.error();
  {
    Running statement(**made);
    while (true) {
      const Result<bool> row = statement->step();
      if (row.has_error()) return row.error();
      if (!*row) break;
      auto& bodies = statement->column_int(1) != 0 ? contents.doomed_bodies : contents.swept_bodies;
      bodies.push_back(static_cast<std::uint64_t>(statement->column_int(0)));
    }
  }
  const Result<std::int64_t> last =
      database_.query_int("SELECT coalesce(max(place), 0) FROM chunk");
  if (last.has_error()) return last.error();
  contents.body_last = static_cast<std::uint64_t>(*last) >> chunk_number_bits;
  return {};
}

// One pass over the index, which holds all that is needed; not made when nothing waits.
Status Store::load_waiting(LaneBook& book, std::size_t waiting_max, Contents& contents) {
  Snapshot counts;
  book.count(counts);
  if (counts.waiting_records == 0) return {};
  std::deque<WaitingHash> newest;
  const auto made =
      statements_.get("SELECT row, size, hash_head FROM record INDEXED BY record_id ORDER BY id");
  if (made.has_error()) return made.error();
  Running statement(**made);
  while (true) {
    const Result<bool> row = statement->step();
    if (row.has_error()) return row.error();
    if (!*row) break;
    const RowId number = statement->column_int(0);
    LaneState* const lane = book.find_row(number);
    if (lane == nullptr) return corrupt("a row without its epoch");
    if (lane->state(seq_of(number)) != RowState::waiting) continue;
    lane->waiting_bytes += static_cast<std::uint64_t>(statement->column_int(1));
    newest.push_back({statement->column_int(2), number});
    if (newest.size() > waiting_max) newest.pop_front();
  }
  contents.waiting.assign(newest.begin(), newest.end());
  return {};
}

}  // namespace alarmwire::spool
