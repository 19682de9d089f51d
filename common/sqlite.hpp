// A thin, typed handle on SQLite: the only place that includes sqlite3.h.
//
// Promises nothing SQLite does not: a Database and its Statements belong to one thread at a time.
// Errors carry SQLite's extended code in the category sqlite_category() and its message as
// diagnostics.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace alarmwire::sqlite {

const boost::system::error_category& sqlite_category() noexcept;
bool is_full(const Failure& failure);     // SQLITE_FULL, or the disk's ENOSPC behind an I/O error
bool is_corrupt(const Failure& failure);  // SQLITE_CORRUPT, SQLITE_NOTADB
bool is_busy(const Failure& failure);     // SQLITE_BUSY: another connection holds the lock
bool is_io(const Failure&
               failure);  // SQLITE_IOERR_*: after one of these the descriptor is not to be trusted

// A prepared statement. bind() counts from 1, column_…() from 0, as in SQLite. Views are valid
// until the next step/reset.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  Statement& bind(int index, std::int64_t value);
  Statement& bind_text(int index, std::string_view value);
  // Not copied: `value` must live until reset() or the next bind.
  Statement& bind_blob(int index, std::string_view value);
  Statement& bind_null(int index);

  Result<bool> step();  // true: a row is there; false: done
  Status run();         // step() to the end, then reset()
  void reset();

  std::int64_t column_int(int index) const;
  std::string_view column_text(int index) const;
  std::string_view column_blob(int index) const;
  bool column_is_null(int index) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Failure failure(int code) const;
  sqlite3_stmt* statement_ = nullptr;
};

class Database {
 public:
  enum class Mode { create, read_write, read_only };

  // `vfs`: name of a registered VFS, nullptr for the default (tests pass the forgetful one).
  static Result<Database> open(const std::string& path, Mode mode, const char* vfs = nullptr);
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  Status exec(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  Result<std::int64_t> query_int(std::string_view sql);  // first column of the first row
  std::int64_t last_insert_rowid() const;
  std::int64_t changes() const;
  // Stops a running statement from another thread. The one call that is thread-safe.
  void interrupt() const;
  // After each commit the WAL's length in frames stands in *frames, which must outlive the handle.
  // Stops SQLite's own checkpoints: the caller says when.
  void count_wal_frames(std::int64_t* frames);
  // Closing then neither checkpoints nor syncs: for a descriptor not to be trusted any more.
  void keep_wal_on_close();
  sqlite3* raw() const { return handle_; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Failure failure(int code) const;
  sqlite3* handle_ = nullptr;
};

// The name of a VFS over `vfs` (nullptr: the default one) that holds a WAL's writes back in memory
// until a sync, a read, or other connections are to see them, and then writes them 64 KiB a call.
// A write's error is then the sync's. For the connection that writes. Thread-safe.
const char* gather_wal_writes(const char* vfs);

// BEGIN IMMEDIATE on construction by begin(); rolled back unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace alarmwire::sqlite
