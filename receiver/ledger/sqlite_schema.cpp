#include "receiver/ledger/sqlite_schema.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace alarmwire::ledger {
namespace {

constexpr std::int64_t application_id = 0x41774c67;  // "AwLg"

constexpr const char* schema = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE boxes (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE outlets (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  active INTEGER NOT NULL);
CREATE TABLE cursors (box INTEGER, epoch INTEGER, lane INTEGER, seq INTEGER NOT NULL,
  PRIMARY KEY (box, epoch, lane)) WITHOUT ROWID;
CREATE TABLE records (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  box INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL, seq INTEGER NOT NULL,
  alarm_id BLOB NOT NULL, hash BLOB NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL,
  accepted_us INTEGER NOT NULL, spooled_us INTEGER NOT NULL, stored_us INTEGER NOT NULL,
  clock_offset_us INTEGER NOT NULL, repeats INTEGER NOT NULL,
  replayed INTEGER NOT NULL, handed_over_before INTEGER NOT NULL,
  body_number INTEGER, envelope BLOB NOT NULL, body BLOB);
CREATE UNIQUE INDEX records_identity ON records (box, epoch, lane, seq);
CREATE INDEX records_alarm_id ON records (alarm_id);
CREATE INDEX records_box ON records (box);
CREATE INDEX records_faults ON records (kind) WHERE kind <> 1;
CREATE TABLE staged (body_number INTEGER PRIMARY KEY AUTOINCREMENT,
  box INTEGER NOT NULL, lane INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
  hash BLOB NOT NULL, bytes INTEGER NOT NULL, changed_us INTEGER NOT NULL, UNIQUE (box, lane));
CREATE TABLE chunks (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE dropped (body_number INTEGER PRIMARY KEY);
CREATE TABLE hand_overs (position INTEGER, outlet INTEGER, state INTEGER NOT NULL,
  tries INTEGER NOT NULL, changed_us INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (position, outlet)) WITHOUT ROWID;
CREATE INDEX hand_overs_state ON hand_overs (outlet, state, position);
CREATE TABLE stages (position INTEGER, stage INTEGER, outlet TEXT, time_us INTEGER,
  text TEXT NOT NULL, PRIMARY KEY (position, time_us, stage, outlet)) WITHOUT ROWID;
CREATE TABLE tombstones (number INTEGER PRIMARY KEY, box INTEGER NOT NULL, epoch INTEGER NOT NULL,
  lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, alarm_id BLOB,
  reason TEXT NOT NULL, time_us INTEGER NOT NULL, kind INTEGER NOT NULL DEFAULT 0);
CREATE INDEX tombstones_box ON tombstones (box);
CREATE INDEX tombstones_refused ON tombstones (box, epoch, lane, first_seq) WHERE kind <> 0;
CREATE TABLE forgotten (number INTEGER PRIMARY KEY AUTOINCREMENT, box INTEGER NOT NULL,
  alarm_id BLOB NOT NULL, hash BLOB NOT NULL, gone_us INTEGER NOT NULL);
CREATE INDEX forgotten_alarm_id ON forgotten (alarm_id);
)sql";

// SQLite makes -wal and -shm with the mode of the file itself; the directory entry must be durable
// before the first "stored".
Status make_file(const std::string& directory, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return errno_failure(errno, "opening " + path);
  const bool moded = ::fchmod(file, 0600) == 0;
  const int mode_error = errno;
  ::close(file);
  if (!moded) return errno_failure(mode_error, "setting the mode of " + path);
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno_failure(errno, "opening " + directory);
  const bool synced = ::fsync(folder) == 0;
  const int sync_error = errno;
  ::close(folder);
  if (!synced) return errno_failure(sync_error, "syncing " + directory);
  return {};
}

Status make_schema(Connection& connection) {
  std::array<unsigned char, 16> id{};
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1)
    return Failure(Errc::io, "no random bytes for the ledger id");
  const std::string_view id_view(reinterpret_cast<const char*>(id.data()), id.size());
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(connection.database());
  if (transaction.has_error()) return transaction.error();
  const Status made = connection.database().exec(
      std::string(schema) + "PRAGMA application_id=" + std::to_string(application_id) +
      "; PRAGMA user_version=" + std::to_string(schema_version) +
      "; INSERT INTO meta VALUES ('records', 0);");
  if (made.has_error()) return made.error();
  const Status named =
      connection.run("INSERT INTO meta (name, value) VALUES ('ledger_id', ?)", id_view);
  if (named.has_error()) return named.error();
  return transaction->commit();
}

Status migrate_from_1(Connection& connection) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(connection.database());
  if (transaction.has_error()) return transaction.error();
  const Status made = connection.database().exec(
      "ALTER TABLE tombstones ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
      "CREATE INDEX tombstones_refused ON tombstones (box, epoch, lane, first_seq) "
      "WHERE kind <> 0; PRAGMA user_version=2");
  if (made.has_error()) return made;
  return transaction->commit();
}

Status check_schema(Connection& connection, const std::string& path) {
  const Result<std::int64_t> version = connection.number("PRAGMA user_version");
  if (version.has_error()) return version.error();
  const Result<std::int64_t> tables = connection.number("SELECT count(*) FROM sqlite_schema");
  if (tables.has_error()) return tables.error();
  if (*version == 0 && *tables == 0) return make_schema(connection);
  const Result<std::int64_t> application = connection.number("PRAGMA application_id");
  if (application.has_error()) return application.error();
  if (*application != application_id)
    return Failure(Errc::corrupt, path + " is a database, but not a ledger");
  if (*version == 1) return migrate_from_1(connection);
  if (*version != schema_version)
    return Failure(Errc::unsupported, path + " has schema " + std::to_string(*version) +
                                          ", this version knows " + std::to_string(schema_version) +
                                          ": install the newer version again");
  return {};
}

std::string writer_pragmas(const Config& config) {
  std::string sql = "PRAGMA page_size=" + std::to_string(page_bytes) +
                    "; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA "
                    "synchronous=" +
                    config.synchronous +
                    "; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA "
                    "journal_size_limit=67108864; PRAGMA busy_timeout=5000; PRAGMA "
                    "cache_size=-16384; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;";
  if (config.size_max_bytes > 0)
    sql += "PRAGMA max_page_count=" +
           std::to_string(config.size_max_bytes / static_cast<std::uint64_t>(page_bytes)) + ";";
  return sql;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::string& directory) {
  const std::string path = directory + "/ledger.lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno_failure(errno, "opening " + path);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    return Failure(Errc::busy, directory + " is in use by another receiver");
  }
  return DirectoryLock(descriptor);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string database_path(const Config& config) {
  return config.directory + "/ledger.db";
}

Result<std::unique_ptr<Connection>> open_writer(const Config& config) {
  const std::string path = database_path(config);
  const Status made = make_file(config.directory, path);
  if (made.has_error()) return made.error();
  Result<sqlite::Database> database = sqlite::Database::open(path, sqlite::Database::Mode::create,
                                                             sqlite::gather_wal_writes(config.vfs));
  if (database.has_error()) return database.error();
  auto connection = std::make_unique<Connection>(std::move(*database));
  const Status set = connection->database().exec(writer_pragmas(config));
  if (set.has_error()) return Failure(set.error().code, path + ": " + set.error().diagnostics);
  const Status checked = check_schema(*connection, path);
  if (checked.has_error()) return checked.error();
  return connection;
}

Result<std::unique_ptr<Connection>> open_reader(const Config& config) {
  Result<sqlite::Database> database =
      sqlite::Database::open(database_path(config), sqlite::Database::Mode::read_only, config.vfs);
  if (database.has_error()) return database.error();
  auto connection = std::make_unique<Connection>(std::move(*database));
  const Status set = connection->database().exec(
      "PRAGMA query_only=ON; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA "
      "busy_timeout=5000; PRAGMA cache_size=-2048; PRAGMA temp_store=MEMORY; PRAGMA "
      "trusted_schema=OFF;");
  if (set.has_error()) return set.error();
  return connection;
}

}  // namespace alarmwire::ledger
