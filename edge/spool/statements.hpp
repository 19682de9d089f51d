// Prepared statements by their text, made when first used.
// Thread-safety: that of the database: one thread.
#pragma once

#include <unordered_map>

#include "common/sqlite.hpp"

namespace alarmwire::spool {

class Statements {
 public:
  explicit Statements(sqlite::Database& database) : database_(&database) {}

  // `sql` must be a literal: its address is the key. Reset and without bindings.
  Result<sqlite::Statement*> get(const char* sql) {
    const auto known = prepared_.find(sql);
    if (known != prepared_.end()) return &known->second;
    Result<sqlite::Statement> made = database_->prepare(sql);
    if (made.has_error()) return made.error();
    return &prepared_.emplace(sql, std::move(*made)).first->second;
  }

  // Runs a statement that only writes, with integers bound in order.
  template <typename... Integers>
  Status run(const char* sql, Integers... values) {
    const Result<sqlite::Statement*> statement = get(sql);
    if (statement.has_error()) return statement.error();
    int index = 0;
    (static_cast<void>((*statement)->bind(++index, static_cast<std::int64_t>(values))), ...);
    return (*statement)->run();
  }

 private:
  sqlite::Database* database_;
  std::unordered_map<const char*, sqlite::Statement> prepared_;
};

// Resets a statement on every way out, so that no read stays open.
class Running {
 public:
  explicit Running(sqlite::Statement& statement) : statement_(statement) {}
  ~Running() { statement_.reset(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  sqlite::Statement* operator->() { return &statement_; }

 private:
  sqlite::Statement& statement_;
};

}  // namespace alarmwire::spool
