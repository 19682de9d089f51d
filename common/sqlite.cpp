#include "common/sqlite.hpp"

#include <sqlite3.h>

#include <boost/assert.hpp>
#include <cerrno>
#include <utility>

namespace alarmwire::sqlite {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sqlite"; }
  std::string message(int value) const override { return sqlite3_errstr(value); }
};

int primary(const Failure& failure) {
  if (failure.code.category() != sqlite_category()) return SQLITE_OK;
  return failure.code.value() & 0xff;
}

// No space: the write did nothing and may be tried again. Not so a sync that failed for the same
// reason: what became of the pages is unknown then.
bool is_no_space(int extended, sqlite3* handle) {
  return (extended & 0xff) == SQLITE_IOERR && extended != SQLITE_IOERR_FSYNC &&
         extended != SQLITE_IOERR_DIR_FSYNC && sqlite3_system_errno(handle) == ENOSPC;
}

}  // namespace

const boost::system::error_category& sqlite_category() noexcept {
  static const Category category;
  return category;
}

bool is_full(const Failure& failure) {
  return primary(failure) == SQLITE_FULL || failure.is(Errc::full);
}
bool is_corrupt(const Failure& failure) {
  return primary(failure) == SQLITE_CORRUPT || primary(failure) == SQLITE_NOTADB;
}
bool is_busy(const Failure& failure) {
  return primary(failure) == SQLITE_BUSY;
}
bool is_io(const Failure& failure) {
  return primary(failure) == SQLITE_IOERR;
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Failure Statement::failure(int code) const {
  sqlite3* const handle = sqlite3_db_handle(statement_);
  const int extended = handle != nullptr ? sqlite3_extended_errcode(handle) : code;
  std::string text = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  // A full disk may surface as a failed write: the caller must see "full", not "broken".
  if (handle != nullptr && is_no_space(extended, handle))
    return {Errc::full, "no space left on device"};
  return {boost::system::error_code(extended, sqlite_category()), std::move(text)};
}

// Binding fails only for a wrong index or out of memory: both are bugs or the end, not errors to
// carry around.
Statement& Statement::bind(int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_, index, value);
  BOOST_VERIFY(code == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(int index, std::string_view value) {
  const int code =
      sqlite3_bind_text64(statement_, index, value.data() != nullptr ? value.data() : "",
                          value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  BOOST_VERIFY(code == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view value) {
  const char* const data = value.data() != nullptr ? value.data() : "";
  const int code = sqlite3_bind_blob64(statement_, index, data, value.size(), SQLITE_STATIC);
  BOOST_VERIFY(code == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null(int index) {
  const int code = sqlite3_bind_null(statement_, index);
  BOOST_VERIFY(code == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failure(code);
}

Status Statement::run() {
  while (true) {
    const Result<bool> more = step();
    if (more.has_error()) {
      Failure why = more.error();
      reset();
      return why;
    }
    if (!*more) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::column_int(int index) const {
  return sqlite3_column_int64(statement_, index);
}

std::string_view Statement::column_text(int index) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, index));
  return text == nullptr
             ? std::string_view{}
             : std::string_view(text,
                                static_cast<std::size_t>(sqlite3_column_bytes(statement_, index)));
}

std::string_view Statement::column_blob(int index) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, index));
  return data == nullptr
             ? std::string_view{}
             : std::string_view(data,
                                static_cast<std::size_t>(sqlite3_column_bytes(statement_, index)));
}

bool Statement::column_is_null(int index) const {
  return sqlite3_column_type(statement_, index) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path, Mode mode, const char* vfs) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (mode == Mode::create) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode == Mode::read_write) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::read_only) flags |= SQLITE_OPEN_READONLY;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, vfs);
  Database database(handle);
  if (code != SQLITE_OK) {
    Failure why = database.failure(code);
    why.diagnostics = path + ": " + why.diagnostics;
    return why;
  }
  return database;
}

Database::Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

// close_v2: statements that outlive the handle keep it alive as a zombie instead of failing here.
Database::~Database() {
  sqlite3_close_v2(handle_);
}

Failure Database::failure(int code) const {
  if (handle_ == nullptr)
    return {boost::system::error_code(code, sqlite_category()), sqlite3_errstr(code)};
  const int extended = sqlite3_extended_errcode(handle_);
  if (is_no_space(extended, handle_)) return {Errc::full, "no space left on device"};
  return {boost::system::error_code(extended, sqlite_category()), sqlite3_errmsg(handle_)};
}

Status Database::exec(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return Statement(statement);
}

Result<std::int64_t> Database::query_int(std::string_view sql) {
  Result<Statement> statement = prepare(sql);
  if (statement.has_error()) return statement.error();
  const Result<bool> row = statement->step();
  if (row.has_error()) return row.error();
  if (!*row) return Failure(Errc::not_found, "no row");
  return statement->column_int(0);
}

std::int64_t Database::last_insert_rowid() const {
  return sqlite3_last_insert_rowid(handle_);
}
std::int64_t Database::changes() const {
  return sqlite3_changes64(handle_);
}
void Database::count_wal_frames(std::int64_t* frames) {
  sqlite3_wal_hook(
      handle_,
      [](void* target, sqlite3*, const char*, int count) {
        *static_cast<std::int64_t*>(target) = count;
        return SQLITE_OK;
      },
      frames);
}
void Database::keep_wal_on_close() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}
void Database::interrupt() const {
  sqlite3_interrupt(handle_);
}

Result<Transaction> Transaction::begin(Database& database) {
  const Status begun = database.exec("BEGIN IMMEDIATE");
  if (begun.has_error()) return begun.error();
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_ != nullptr) static_cast<void>(database_->exec("ROLLBACK"));
}

Status Transaction::commit() {
  BOOST_ASSERT(database_ != nullptr);
  const Status committed = database_->exec("COMMIT");
  if (committed.has_error()) return committed.error();
  database_ = nullptr;
  return {};
}

}  // namespace alarmwire::sqlite
