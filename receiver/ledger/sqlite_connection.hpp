// One SQLite connection with its statements kept, and short words for asking and telling it.
//
// SQL given here must be string literals: they are the keys under which statements are kept.
// std::string_view arguments are bound as BLOB and must live until the call returns, Text as TEXT.
// Thread-safety: one thread at a time.
#pragma once

#include <concepts>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/sqlite.hpp"

namespace alarmwire::ledger {

struct Text {
  std::string_view value;
};
struct Null {};

class Connection {
 public:
  explicit Connection(sqlite::Database database) : database_(std::move(database)) {}
  Connection(const Connection&) = delete;
  ~Connection() { statements_.clear(); }  // before the handle they belong to

  sqlite::Database& database() { return database_; }

  // Runs to the end, ignoring rows.
  template <typename... A>
  Status run(std::string_view sql, const A&... arguments) {
    return each(
        sql, [](sqlite::Statement&) { return true; }, arguments...);
  }

  // Calls `row` for each row until it answers false.
  template <typename F, typename... A>
  Status each(std::string_view sql, F&& row, const A&... arguments) {
    const Result<sqlite::Statement*> prepared = statement(sql);
    if (prepared.has_error()) return prepared.error();
    sqlite::Statement& query = **prepared;
    int index = 0;
    (bind(query, ++index, arguments), ...);
    Status outcome;
    while (true) {
      const Result<bool> more = query.step();
      if (more.has_error()) outcome = more.error();
      if (more.has_error() || !*more || !row(query)) break;
    }
    query.reset();
    return outcome;
  }

  // Calls `row` for the first row. Answers whether there was one.
  template <typename F, typename... A>
  Result<bool> first(std::string_view sql, F&& row, const A&... arguments) {
    bool found = false;
    auto once = [&](sqlite::Statement& query) {
      found = true;
      row(query);
      return false;
    };
    const Status asked = each(sql, once, arguments...);
    if (asked.has_error()) return asked.error();
    return found;
  }

  // The first column of the first row; 0 when there is none.
  template <typename... A>
  Result<std::int64_t> number(std::string_view sql, const A&... arguments) {
    std::int64_t value = 0;
    auto take = [&value](sqlite::Statement& query) { value = query.column_int(0); };
    const Result<bool> found = first(sql, take, arguments...);
    if (found.has_error()) return found.error();
    return value;
  }

 private:
  Result<sqlite::Statement*> statement(std::string_view sql) {
    const auto kept = statements_.find(sql);
    if (kept != statements_.end()) return &kept->second;
    Result<sqlite::Statement> prepared = database_.prepare(sql);
    if (prepared.has_error()) return prepared.error();
    return &statements_.emplace(sql, std::move(*prepared)).first->second;
  }

  template <std::integral T>
  static void bind(sqlite::Statement& query, int index, T value) {
    query.bind(index, static_cast<std::int64_t>(value));
  }
  static void bind(sqlite::Statement& query, int index, std::string_view blob) {
    query.bind_blob(index, blob);
  }
  static void bind(sqlite::Statement& query, int index, Text text) {
    query.bind_text(index, text.value);
  }
  static void bind(sqlite::Statement& query, int index, Null) { query.bind_null(index); }

  sqlite::Database database_;
  std::unordered_map<std::string_view, sqlite::Statement> statements_;
};

}  // namespace alarmwire::ledger
