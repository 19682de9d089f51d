// The registry's tables, step by step from one version to the next, and its rows.
#include <array>

#include "provisioning/registry.hpp"
#include "provisioning/registry_rows.hpp"

namespace alarmwire::provisioning {
namespace {

constexpr const char* first_tables = R"sql(
CREATE TABLE tickets (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  bootstrap_key BLOB NOT NULL UNIQUE, preshared_key BLOB NOT NULL,
  site TEXT NOT NULL, name TEXT NOT NULL, approval TEXT NOT NULL,
  created_us INTEGER NOT NULL, created_by TEXT NOT NULL, expires_us INTEGER NOT NULL,
  used_us INTEGER NOT NULL DEFAULT 0, used_by BLOB, revoked_us INTEGER NOT NULL DEFAULT 0,
  refusals INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE refused_keys (
  ticket INTEGER NOT NULL, public_key BLOB NOT NULL, PRIMARY KEY (ticket, public_key))
  STRICT, WITHOUT ROWID;
CREATE TABLE boxes (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, public_key BLOB NOT NULL UNIQUE,
  preshared_key BLOB NOT NULL, state TEXT NOT NULL, ticket INTEGER NOT NULL,
  enrolled_us INTEGER NOT NULL, approved_us INTEGER NOT NULL, approved_by TEXT NOT NULL,
  revoked_us INTEGER NOT NULL) STRICT;
CREATE TABLE journal (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, who TEXT NOT NULL,
  what TEXT NOT NULL, about TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL) STRICT;
CREATE TRIGGER journal_stays BEFORE DELETE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_holds BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
)sql";

// Version 2: a key that shall take a box's place, by rotation (ticket 0) or by replacement. Lines
// of the journal are chained.
constexpr const char* successors = R"sql(
CREATE TABLE successors (
  box TEXT PRIMARY KEY, rotation BLOB NOT NULL, public_key BLOB UNIQUE, preshared_key BLOB,
  ticket INTEGER NOT NULL, let_in INTEGER NOT NULL) STRICT;
ALTER TABLE tickets ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal ADD COLUMN chain BLOB NOT NULL DEFAULT x'';
)sql";

constexpr std::array<const char*, 2> steps{first_tables, successors};

}  // namespace

Status Registry::prepare() {
  if (Status s = database_.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                                "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
      !s)
    return s;
  const Result<std::int64_t> version = database_.query_int("PRAGMA user_version");
  if (!version) return version.error();
  const auto schema = static_cast<std::int64_t>(steps.size());
  if (*version == schema) return {};
  if (*version < 0 || *version > schema)
    return Failure(Errc::unsupported, "the book of tickets and boxes is of a newer version");
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  for (auto step = static_cast<std::size_t>(*version); step < steps.size(); ++step)
    if (Status s = database_.exec(steps.at(step)); !s) return s;
  if (Status s = database_.exec("PRAGMA user_version = " + std::to_string(schema)); !s) return s;
  return transaction->commit();
}

tunnel::KeyBytes key_at(const sqlite::Statement& row, int column) {
  tunnel::KeyBytes bytes{};
  const std::string_view blob = row.column_blob(column);
  if (blob.size() == bytes.size()) std::copy(blob.begin(), blob.end(), bytes.begin());
  return bytes;
}

TicketRow ticket_at(const sqlite::Statement& row) {
  TicketRow ticket;
  ticket.number = row.column_int(0);
  ticket.bootstrap_key.bytes = key_at(row, 1);
  ticket.preshared_key.bytes = key_at(row, 2);
  ticket.site = row.column_text(3);
  ticket.name = row.column_text(4);
  ticket.approval = approval_from(row.column_text(5)).value_or(Approval::manual);
  ticket.created_us = row.column_int(6);
  ticket.created_by = row.column_text(7);
  ticket.expires_us = row.column_int(8);
  ticket.used_us = row.column_int(9);
  if (!row.column_is_null(10)) ticket.used_by = tunnel::PublicKey{key_at(row, 10)};
  ticket.revoked_us = row.column_int(11);
  ticket.refusals = static_cast<std::uint64_t>(row.column_int(12));
  ticket.replaces = row.column_int(13) != 0;
  return ticket;
}

BoxRow box_at(const sqlite::Statement& row) {
  BoxRow box;
  box.id = row.column_text(0);
  box.name = row.column_text(1);
  box.public_key.bytes = key_at(row, 2);
  box.state = box_state_from(row.column_text(3)).value_or(BoxState::revoked);
  box.ticket = row.column_int(4);
  box.bootstrap_key.bytes = key_at(row, 5);
  box.enrolled_us = row.column_int(6);
  box.approved_us = row.column_int(7);
  box.approved_by = row.column_text(8);
  box.revoked_us = row.column_int(9);
  if (row.column_is_null(10)) return box;
  Successor& next = box.successor.emplace();
  next.order = key_at(row, 11);
  if (!row.column_is_null(12)) next.public_key = tunnel::PublicKey{key_at(row, 12)};
  next.ticket = row.column_int(13);
  next.let_in = row.column_int(14) != 0;
  next.bootstrap_key.bytes = key_at(row, 15);
  return box;
}

}  // namespace alarmwire::provisioning
