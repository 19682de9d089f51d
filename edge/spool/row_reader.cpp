#include "edge/spool/row_reader.hpp"

#include <algorithm>

#include "edge/spool/spool.hpp"

namespace alarmwire::spool {
namespace {

constexpr const char* read_header_sql =
    "SELECT id, hash, size, accepted_us, spooled_us, repeats, body_number, envelope "
    "FROM record WHERE row = ?";
constexpr const char* read_body_sql =
    "SELECT id, hash, size, accepted_us, spooled_us, repeats, body_number, envelope, body "
    "FROM record WHERE row = ?";

Result<Row> row_of(const sqlite::Statement& statement, RowId row_number, bool with_body) {
  Row row;
  row.row = row_number;
  const std::optional<AlarmId> id = AlarmId::from_bytes(statement.column_blob(0));
  if (!id || !hash_from_bytes(statement.column_blob(1), row.hash))
    return Failure(Errc::corrupt, "a row's id or hash has the wrong length");
  row.id = *id;
  row.size = static_cast<std::uint64_t>(statement.column_int(2));
  row.accepted_us = statement.column_int(3);
  row.spooled_us = statement.column_int(4);
  row.repeats = static_cast<std::uint32_t>(statement.column_int(5));
  row.body_number = static_cast<std::uint64_t>(statement.column_int(6));
  row.envelope = statement.column_blob(7);
  if (with_body) row.body = statement.column_blob(8);
  return row;
}

}  // namespace

RecordHeader Row::header(const RecordKey& key) const {
  return {key, id, hash, envelope, size, accepted_us, spooled_us, repeats};
}

Result<Row> RowReader::read(RowId row, With with) {
  const Result<sqlite::Statement*> made =
      statements_.get(with == With::body ? read_body_sql : read_header_sql);
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, row);
  const Result<bool> found = statement->step();
  if (found.has_error()) return found.error();
  if (!*found) return Failure(Errc::not_found, "no such row");
  return row_of(**made, row, with == With::body);
}

Result<std::optional<RowId>> RowReader::row_or_nothing(Running& statement) {
  const Result<bool> found = statement->step();
  if (found.has_error()) return found.error();
  if (!*found) return std::optional<RowId>{};
  return std::optional<RowId>{statement->column_int(0)};
}

Result<std::optional<RowId>> RowReader::next(RowId least) {
  const Result<sqlite::Statement*> made =
      statements_.get("SELECT row FROM record WHERE row >= ? ORDER BY row LIMIT 1");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, least);
  return row_or_nothing(statement);
}

Result<std::optional<RowId>> RowReader::last() {
  return last_between(0, INT64_MAX);
}

Result<std::optional<RowId>> RowReader::last_between(RowId least, RowId most) {
  const Result<sqlite::Statement*> made =
      statements_.get("SELECT row FROM record WHERE row BETWEEN ? AND ? ORDER BY row DESC LIMIT 1");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, least).bind(2, most);
  return row_or_nothing(statement);
}

Result<std::optional<RowId>> RowReader::find(const AlarmId& id) {
  const Result<sqlite::Statement*> made =
      statements_.get("SELECT max(row) FROM record INDEXED BY record_id WHERE id = ?");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind_blob(1, id.view());
  const Result<bool> found = statement->step();
  if (found.has_error()) return found.error();
  if (!*found || statement->column_is_null(0)) return std::optional<RowId>{};
  return std::optional<RowId>{statement->column_int(0)};
}

Result<std::string> RowReader::read_chunk(std::uint64_t body, std::uint64_t number) {
  const Result<sqlite::Statement*> made =
      statements_.get("SELECT bytes FROM chunk WHERE place = ?");
  if (made.has_error()) return made.error();
  Running statement(**made);
  statement->bind(1, chunk_place(body, number));
  const Result<bool> found = statement->step();
  if (found.has_error()) return found.error();
  if (!*found) return Failure(Errc::corrupt, "a chunk of the body is missing");
  return std::string(statement->column_blob(0));
}

Result<std::string> RowReader::read_body(const Row& row, std::uint64_t offset,
                                         std::uint64_t bytes_max) {
  if (offset >= row.size) return std::string{};
  const std::uint64_t wanted = std::min(bytes_max, row.size - offset);
  if (row.body_number == 0) {
    if (row.body.size() != row.size) return Failure(Errc::corrupt, "the body has lost bytes");
    return row.body.substr(offset, wanted);
  }
  std::string bytes;
  while (bytes.size() < wanted) {
    const std::uint64_t at = offset + bytes.size();
    const Result<std::string> chunk = read_chunk(row.body_number, at / chunk_bytes_max);
    if (chunk.has_error()) return chunk.error();
    const std::uint64_t skip = at % chunk_bytes_max;
    if (chunk->size() <= skip) return Failure(Errc::corrupt, "a chunk of the body has lost bytes");
    bytes.append(*chunk, skip, wanted - bytes.size());
  }
  return bytes;
}

}  // namespace alarmwire::spool
