// Reads records and body chunks out of a spool file: the live one, or a damaged one in salvage.
//
// A read that the file cannot answer is SQLite's own failure (sqlite::is_corrupt) or Errc::corrupt
// (columns that cannot be what was written). Thread-safety: one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/record.hpp"
#include "common/sqlite.hpp"
#include "edge/spool/lanes.hpp"
#include "edge/spool/statements.hpp"

namespace alarmwire::spool {

inline constexpr unsigned chunk_number_bits = 20;  // 64 GiB of body

constexpr std::int64_t chunk_place(std::uint64_t body, std::uint64_t number) {
  return static_cast<std::int64_t>(body << chunk_number_bits | number);
}

struct Row {
  RowId row = 0;
  AlarmId id;
  Hash hash{};
  std::uint64_t size = 0;
  WallTimeUs accepted_us = 0;
  WallTimeUs spooled_us = 0;
  std::uint32_t repeats = 0;
  std::uint64_t body_number = 0;  // 0: the body is inline
  std::string envelope;
  std::string body;  // inline bytes, if they were asked for

  RecordHeader header(const RecordKey& key) const;
};

class RowReader {
 public:
  explicit RowReader(sqlite::Database& database) : statements_(database) {}

  enum class With { header, body };
  Result<Row> read(RowId row, With with);  // Errc::not_found
  // The first row with a rowid of at least `least`; nothing: there is none.
  Result<std::optional<RowId>> next(RowId least);
  Result<std::optional<RowId>> last();
  Result<std::optional<RowId>> last_between(RowId least, RowId most);
  Result<std::optional<RowId>> find(const AlarmId& id);  // the newest with this id
  Result<std::string> read_chunk(std::uint64_t body, std::uint64_t number);
  // At most bytes_max of the body from `offset`; shorter only at its end. `row` must have been read
  // with its body.
  Result<std::string> read_body(const Row& row, std::uint64_t offset, std::uint64_t bytes_max);

 private:
  Result<std::optional<RowId>> row_or_nothing(Running& statement);
  Statements statements_;
};

}  // namespace alarmwire::spool
