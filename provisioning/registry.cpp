#include "provisioning/registry.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/text.hpp"
#include "provisioning/registry_rows.hpp"

namespace alarmwire::provisioning {
namespace {

// SQLite would make it readable for others.
Status make_private_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CREAT | O_CLOEXEC | O_RDWR, 0600);
  if (fd < 0) return errno_failure(errno, "making " + path);
  ::close(fd);
  return {};
}

Status may_have_ticket(const NewTicket& ticket, const std::optional<BoxRow>& box) {
  const std::string site = "site '" + ticket.site + "'";
  const bool is_there = box && box->state != BoxState::revoked;
  if (!ticket.replaces && is_there)
    return Failure(Errc::exists, site + " has a box already: revoke it first, or replace it");
  if (ticket.replaces && (!box || box->state != BoxState::approved))
    return Failure(Errc::conflict, site + " has no box to replace: make a ticket for it");
  // An order that a dead box never answered must not keep it in its place.
  const bool is_open =
      ticket.replaces && box->successor && (box->successor->ticket != 0 || box->successor->let_in);
  if (is_open)
    return Failure(Errc::conflict, "the box of " + site + " changes its key, or is being replaced");
  return {};
}

}  // namespace

Result<Registry> Registry::open(const std::string& path, const char* vfs) {
  if (Status made = make_private_file(path); !made) return made.error();
  Result<sqlite::Database> database =
      sqlite::Database::open(path, sqlite::Database::Mode::create, vfs);
  if (!database) return database.error();
  Registry registry(std::move(*database));
  if (Status prepared = registry.prepare(); !prepared) return prepared.error();
  return registry;
}

// --- reading ---

// `where`: with one ?, for the number where it is not 0, else for the blob.
Result<std::optional<TicketRow>> Registry::find_ticket(std::string_view where,
                                                       std::string_view blob, std::int64_t number) {
  Result<sqlite::Statement> select = database_.prepare(std::string(select_ticket).append(where));
  if (!select) return select.error();
  if (number != 0)
    select->bind(1, number);
  else
    select->bind_blob(1, blob);
  const Result<bool> found = select->step();
  if (!found) return found.error();
  if (!*found) return std::optional<TicketRow>();
  return std::optional<TicketRow>(ticket_at(*select));
}

Result<std::optional<BoxRow>> Registry::find_box(const BoxId& id) {
  Result<sqlite::Statement> select = database_.prepare(std::string(select_box) + "WHERE b.id = ?");
  if (!select) return select.error();
  select->bind_text(1, id);
  const Result<bool> found = select->step();
  if (!found) return found.error();
  if (!*found) return std::optional<BoxRow>();
  return std::optional<BoxRow>(box_at(*select));
}

Result<BoxRow> Registry::known_box(const BoxId& id) {
  Result<std::optional<BoxRow>> found = find_box(id);
  if (!found) return found.error();
  if (!*found)
    return Failure(Errc::not_found, "no box '" + printable(id, 80) + "' was enrolled by a ticket");
  return **found;
}

Result<BoxRow> Registry::box(const BoxId& id) {
  return known_box(id);
}

Result<TicketRow> Registry::ticket(std::int64_t number) {
  Result<std::optional<TicketRow>> found = find_ticket("WHERE number = ?", {}, number);
  if (!found) return found.error();
  if (number == 0 || !*found)
    return Failure(Errc::not_found, "there is no ticket " + std::to_string(number));
  return **found;
}

Result<std::vector<TicketRow>> Registry::tickets() {
  return all<TicketRow>(database_.prepare(std::string(select_ticket) + "ORDER BY number DESC"),
                        ticket_at);
}

Result<std::vector<BoxRow>> Registry::boxes() {
  return all<BoxRow>(database_.prepare(std::string(select_box) + "ORDER BY b.id"), box_at);
}

Result<std::vector<Peer>> Registry::peers(WallTimeUs now) {
  Result<std::vector<Peer>> peers =
      all<Peer>(database_.prepare("SELECT id, public_key, preshared_key FROM boxes "
                                  "WHERE state = 'approved' UNION ALL "
                                  "SELECT s.box || ':next', s.public_key, s.preshared_key "
                                  "FROM successors s JOIN boxes b ON b.id = s.box "
                                  "WHERE b.state = 'approved' AND s.let_in ORDER BY 1"),
                [](const sqlite::Statement& row) {
                  Peer peer;
                  peer.name = row.column_text(0);
                  peer.public_key.bytes = key_at(row, 1);
                  peer.preshared_key.bytes = key_at(row, 2);
                  return peer;
                });
  if (!peers) return peers;
  Result<sqlite::Statement> select = database_.prepare(
      "SELECT number, bootstrap_key, preshared_key FROM tickets WHERE "
      "CASE WHEN revoked_us > 0 THEN revoked_us WHEN used_us > 0 THEN used_us "
      "ELSE expires_us END > ? ORDER BY number");
  if (!select) return select.error();
  select->bind(1, now - std::chrono::microseconds(afterlife).count());
  Result<std::vector<Peer>> bootstrap =
      all<Peer>(std::move(select), [](const sqlite::Statement& row) {
        Peer peer;
        peer.name = "ticket:" + std::to_string(row.column_int(0));
        peer.public_key.bytes = key_at(row, 1);
        peer.preshared_key.bytes = key_at(row, 2);
        peer.bootstrap = true;
        return peer;
      });
  if (!bootstrap) return bootstrap;
  peers->insert(peers->end(), bootstrap->begin(), bootstrap->end());
  return peers;
}

Result<bool> Registry::is_key_known(const tunnel::PublicKey& key) {
  Result<sqlite::Statement> select = database_.prepare(
      "SELECT 1 FROM boxes WHERE public_key = ?1 UNION SELECT 1 FROM successors "
      "WHERE public_key = ?1");
  if (!select) return select.error();
  select->bind_blob(1, view(key.bytes));
  return select->step();
}

// --- tickets ---

Result<TicketRow> Registry::add_ticket(const NewTicket& ticket, std::string_view who,
                                       WallTimeUs now) {
  if (!is_valid_box_id(ticket.site) || ticket.site == centre_box_id)
    return Failure(Errc::invalid_argument, "'" + printable(ticket.site, 80) +
                                               "' is no box id: lower-case letters, digits and -, "
                                               "and not \"centre\"");
  if (ticket.name.size() > site_name_bytes_max || scrub_utf8(ticket.name) != ticket.name)
    return Failure(Errc::invalid_argument, "the name is too long, or no UTF-8");
  if (ticket.expires_us <= now) return Failure(Errc::invalid_argument, "it would be expired");
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<std::optional<BoxRow>> box = find_box(ticket.site);
  if (!box) return box.error();
  if (const Status fits = may_have_ticket(ticket, *box); !fits) return fits.error();
  if (ticket.replaces && (*box)->successor)
    if (Status s = give_up_rotation(**box, who, now); !s) return s.error();
  const Result<std::int64_t> open =
      database_.query_int("SELECT count(*) FROM tickets WHERE used_us = 0 AND revoked_us = 0");
  if (!open) return open.error();
  if (*open >= static_cast<std::int64_t>(open_tickets_max))
    return Failure(Errc::full, "too many tickets are not used: revoke some");
  Result<sqlite::Statement> insert = database_.prepare(
      "INSERT INTO tickets (bootstrap_key, preshared_key, site, name, approval, created_us, "
      "created_by, expires_us, replaces) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind_blob(1, view(ticket.bootstrap_key.bytes));
  insert->bind_blob(2, view(ticket.preshared_key.bytes)).bind_text(3, ticket.site);
  insert->bind_text(4, ticket.name.empty() ? ticket.site : ticket.name);
  insert->bind_text(5, to_string(ticket.approval)).bind(6, now).bind_text(7, who);
  insert->bind(8, ticket.expires_us).bind(9, ticket.replaces ? 1 : 0);
  if (Status s = insert->run(); !s) return s.error();
  const std::int64_t number = database_.last_insert_rowid();
  if (Status s = note(now, who, "ticket created", about_ticket(number), "",
                      (ticket.replaces ? "for the place of " : "for ") + ticket.site + ", " +
                          std::string(to_string(ticket.approval)) + ", until " +
                          to_rfc3339(ticket.expires_us));
      !s)
    return s.error();
  Result<TicketRow> made = this->ticket(number);
  if (Status s = transaction->commit(); !s) return s.error();
  return made;
}

Status Registry::end_ticket(const TicketRow& ticket, std::string_view who, WallTimeUs now) {
  Result<sqlite::Statement> update =
      database_.prepare("UPDATE tickets SET revoked_us = ? WHERE number = ?");
  if (!update) return update.error();
  update->bind(1, now).bind(2, ticket.number);
  if (Status s = update->run(); !s) return s;
  return note(now, who, "ticket revoked", about_ticket(ticket.number), to_string(ticket.state(now)),
              "revoked");
}

Result<TicketRow> Registry::revoke_ticket(std::int64_t number, std::string_view who,
                                          WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<TicketRow> ticket = this->ticket(number);
  if (!ticket) return ticket;
  if (ticket->revoked_us != 0) return ticket;
  if (ticket->used_by) {
    const Result<std::optional<BoxRow>> box = find_box(ticket->site);
    if (!box) return box.error();
    const bool is_its_box = *box && (*box)->ticket == number;
    if (*box && (*box)->successor && (*box)->successor->ticket == number)
      if (Status s = drop_successor(ticket->site); !s) return s.error();
    if (is_its_box && (*box)->state == BoxState::approved)
      return Failure(Errc::conflict, "the ticket is used: revoke the box, " + ticket->site);
    if (is_its_box && (*box)->state == BoxState::pending)
      if (Status s = set_box_state(**box, BoxState::revoked, who, now); !s) return s.error();
  }
  if (Status s = end_ticket(*ticket, who, now); !s) return s.error();
  Result<TicketRow> ended = this->ticket(number);
  if (Status s = transaction->commit(); !s) return s.error();
  return ended;
}

// --- enrolment ---

Result<Enrolled> Registry::enrol(const tunnel::PublicKey& bootstrap_key,
                                 const tunnel::PublicKey& box_key, const tunnel::PublicKey& centre,
                                 WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<std::optional<TicketRow>> ticket =
      find_ticket("WHERE bootstrap_key = ?", view(bootstrap_key.bytes), 0);
  if (!ticket) return ticket.error();
  Result<std::optional<BoxRow>> box = std::optional<BoxRow>();
  if (*ticket) box = find_box((*ticket)->site);
  if (!box) return box.error();
  const Result<bool> known = is_key_known(box_key);
  if (!known) return known.error();
  Enrolled enrolled;
  enrolled.verdict = judge(*ticket, *box, *known, box_key, now);
  if (*ticket) enrolled.ticket = (*ticket)->number;
  if (enrolled.verdict.outcome == Outcome::use) {
    const Result<BoxRow> made = use_ticket(**ticket, box_key, centre, now);
    if (!made) return made.error();
    enrolled.changed = true;
    enrolled.box = *made;
    const bool is_in = made->successor && made->successor->ticket == (*ticket)->number
                           ? made->successor->let_in
                           : made->state == BoxState::approved;
    enrolled.verdict.outcome = is_in ? Outcome::enrolled : Outcome::waiting;
  } else if (enrolled.verdict.outcome != Outcome::refused) {
    enrolled.box = **box;
  } else if (*ticket) {
    const Status counted = count_refusal(**ticket, box_key, enrolled.verdict.reason, now, enrolled);
    if (!counted) return counted.error();
  }
  if (Status s = transaction->commit(); !s) return s.error();
  return enrolled;
}

Result<BoxRow> Registry::use_ticket(const TicketRow& ticket, const tunnel::PublicKey& box_key,
                                    const tunnel::PublicKey& centre, WallTimeUs now) {
  const Result<std::int64_t> boxes = database_.query_int("SELECT count(*) FROM boxes");
  if (!boxes) return boxes.error();
  if (*boxes >= static_cast<std::int64_t>(registry_boxes_max))
    return Failure(Errc::full, "the centre has too many boxes");
  const Result<tunnel::SecretKey> psk =
      tunnel::derive_box_psk(ticket.preshared_key, box_key, centre);
  if (!psk) return psk.error();
  const Result<std::optional<BoxRow>> before = find_box(ticket.site);
  if (!before) return before.error();
  if (*before && (*before)->state == BoxState::approved)
    return enter_replacement(ticket, **before, box_key, *psk, now);
  const bool approved = ticket.approval == Approval::automatic;
  // A revoked box of the site gives way to the new one; the journal keeps what it was.
  Result<sqlite::Statement> insert = database_.prepare(
      "INSERT OR REPLACE INTO boxes (id, name, public_key, preshared_key, state, ticket, "
      "enrolled_us, approved_us, approved_by, revoked_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)");
  if (!insert) return insert.error();
  insert->bind_text(1, ticket.site).bind_text(2, ticket.name);
  insert->bind_blob(3, view(box_key.bytes)).bind_blob(4, view(psk->bytes));
  insert->bind_text(5, to_string(approved ? BoxState::approved : BoxState::pending));
  insert->bind(6, ticket.number).bind(7, now).bind(8, approved ? now : 0);
  insert->bind_text(9, approved ? "ticket" : "");
  if (Status s = insert->run(); !s) return s.error();
  if (Status s = mark_used(ticket, box_key, now); !s) return s.error();
  const std::string state(to_string(approved ? BoxState::approved : BoxState::pending));
  if (Status s = note(now, about_ticket(ticket.number), "box enrolled", "box " + ticket.site, "",
                      box_key.to_string() + " " + state);
      !s)
    return s.error();
  return known_box(ticket.site);
}

Status Registry::mark_used(const TicketRow& ticket, const tunnel::PublicKey& key, WallTimeUs now) {
  Result<sqlite::Statement> update =
      database_.prepare("UPDATE tickets SET used_us = ?, used_by = ? WHERE number = ?");
  if (!update) return update.error();
  update->bind(1, now).bind_blob(2, view(key.bytes)).bind(3, ticket.number);
  return update->run();
}

Status Registry::count_refusal(const TicketRow& ticket, const tunnel::PublicKey& key, Reason reason,
                               WallTimeUs now, Enrolled& enrolled) {
  Result<sqlite::Statement> count =
      database_.prepare("UPDATE tickets SET refusals = refusals + 1 WHERE number = ?");
  if (!count) return count.error();
  count->bind(1, ticket.number);
  if (Status s = count->run(); !s) return s;
  enrolled.refusals = ticket.refusals + 1;
  Result<sqlite::Statement> insert = database_.prepare(
      "INSERT OR IGNORE INTO refused_keys (ticket, public_key) SELECT ?1, ?2 WHERE "
      "(SELECT count(*) FROM refused_keys WHERE ticket = ?1) < ?3");
  if (!insert) return insert.error();
  insert->bind(1, ticket.number).bind_blob(2, view(key.bytes)).bind(3, refused_keys_max);
  if (Status s = insert->run(); !s) return s;
  enrolled.first_refusal = database_.changes() > 0;
  if (!enrolled.first_refusal) return {};
  return note(now, about_ticket(ticket.number), "box refused", "box " + ticket.site,
              key.to_string(), to_string(reason));
}

// --- boxes ---

Status Registry::set_box_state(const BoxRow& box, BoxState state, std::string_view who,
                               WallTimeUs now) {
  const bool approves = state == BoxState::approved;
  if (state == BoxState::revoked)
    if (Status s = drop_successor(box.id); !s) return s;
  Result<sqlite::Statement> update = database_.prepare(
      approves ? "UPDATE boxes SET state = ?, approved_us = ?, approved_by = ? WHERE id = ?"
               : "UPDATE boxes SET state = ?, revoked_us = ? WHERE id = ?");
  if (!update) return update.error();
  update->bind_text(1, to_string(state)).bind(2, now);
  if (approves) update->bind_text(3, who);
  update->bind_text(approves ? 4 : 3, box.id);
  if (Status s = update->run(); !s) return s;
  return note(now, who, approves ? "box approved" : "box revoked", "box " + box.id,
              to_string(box.state), to_string(state));
}

Result<BoxRow> Registry::approve_box(const BoxId& id, std::string_view who, WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box) return box;
  if (box->successor && box->successor->ticket != 0 && !box->successor->let_in) {
    if (Status s = let_in_replacement(*box, who, now); !s) return s.error();
    return committed(*transaction, id);
  }
  if (box->state == BoxState::approved) return box;
  if (box->state == BoxState::revoked)
    return Failure(Errc::conflict, "box '" + id + "' is revoked: issue a new ticket for the site");
  if (Status s = set_box_state(*box, BoxState::approved, who, now); !s) return s.error();
  Result<BoxRow> after = known_box(id);
  if (Status s = transaction->commit(); !s) return s.error();
  return after;
}

Result<BoxRow> Registry::revoke_box(const BoxId& id, std::string_view who, WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box || box->state == BoxState::revoked) return box;
  if (Status s = set_box_state(*box, BoxState::revoked, who, now); !s) return s.error();
  Result<BoxRow> after = known_box(id);
  if (Status s = transaction->commit(); !s) return s.error();
  return after;
}

Result<BoxRow> Registry::rename_box(const BoxId& id, const std::string& name, std::string_view who,
                                    WallTimeUs now) {
  if (name.empty() || name.size() > site_name_bytes_max || scrub_utf8(name) != name)
    return Failure(Errc::invalid_argument,
                   "a name has 1 to " + std::to_string(site_name_bytes_max) + " bytes of UTF-8");
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box) return box;
  Result<sqlite::Statement> update = database_.prepare("UPDATE boxes SET name = ? WHERE id = ?");
  if (!update) return update.error();
  update->bind_text(1, name).bind_text(2, id);
  if (Status s = update->run(); !s) return s.error();
  if (Status s = note(now, who, "box renamed", "box " + id, box->name, name); !s) return s.error();
  Result<BoxRow> after = known_box(id);
  if (Status s = transaction->commit(); !s) return s.error();
  return after;
}

}  // namespace alarmwire::provisioning
