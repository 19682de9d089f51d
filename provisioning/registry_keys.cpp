// Changes of a box's key: by an order to the box itself, in two slots with confirmation
// (tunnel/rotation.hpp is the box's half), or by another box that takes its place.
#include "provisioning/registry.hpp"
#include "provisioning/registry_rows.hpp"

namespace alarmwire::provisioning {
namespace {

Failure no_such_order(const BoxId& id) {
  return {Errc::not_found, "box '" + id + "' is under no such order to change its key"};
}

bool is_under(const BoxRow& box, const tunnel::RotationOrder& order) {
  return box.successor && box.successor->ticket == 0 && box.successor->order == order;
}

}  // namespace

Status Registry::drop_successor(const BoxId& id) {
  Result<sqlite::Statement> remove = database_.prepare("DELETE FROM successors WHERE box = ?");
  if (!remove) return remove.error();
  remove->bind_text(1, id);
  return remove->run();
}

Result<BoxRow> Registry::order_rotation(const BoxId& id, std::string_view who, WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box) return box;
  if (box->state != BoxState::approved)
    return Failure(Errc::conflict, "box '" + id + "' is " + std::string(to_string(box->state)) +
                                       ": no key to change");
  if (box->successor && box->successor->ticket != 0)
    return Failure(Errc::conflict, "box '" + id + "' is being replaced by ticket " +
                                       std::to_string(box->successor->ticket));
  if (box->successor) return box;  // ordered already
  const Result<tunnel::RotationOrder> order = tunnel::random_rotation_order();
  if (!order) return order.error();
  Result<sqlite::Statement> insert = database_.prepare(
      "INSERT INTO successors (box, rotation, ticket, let_in) VALUES (?, ?, 0, 0)");
  if (!insert) return insert.error();
  insert->bind_text(1, id).bind_blob(2, view(*order));
  if (Status s = insert->run(); !s) return s.error();
  if (Status s = note(now, who, "key change ordered", "box " + id, box->public_key.to_string(), "");
      !s)
    return s.error();
  return committed(*transaction, id);
}

Result<BoxRow> Registry::take_key(const BoxId& id, const tunnel::RotationOrder& order,
                                  const tunnel::PublicKey& key, const tunnel::PublicKey& centre,
                                  WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box) return box;
  if (!is_under(*box, order)) return no_such_order(id);
  if (box->successor->public_key == key) return box;
  const Result<bool> known = is_key_known(key);
  if (!known) return known.error();
  if (*known) return Failure(Errc::conflict, "a box has this key already");
  const Result<tunnel::SecretKey> psk = psk_after(id, order, key, centre);
  if (!psk) return psk.error();
  Result<sqlite::Statement> update = database_.prepare(
      "UPDATE successors SET public_key = ?, preshared_key = ?, let_in = 1 WHERE box = ?");
  if (!update) return update.error();
  update->bind_blob(1, view(key.bytes)).bind_blob(2, view(psk->bytes)).bind_text(3, id);
  if (Status s = update->run(); !s) return s.error();
  if (Status s = note(now, "box " + id, "new key let in", "box " + id, box->public_key.to_string(),
                      key.to_string());
      !s)
    return s.error();
  return committed(*transaction, id);
}

Result<tunnel::SecretKey> Registry::psk_after(const BoxId& id, const tunnel::RotationOrder& order,
                                              const tunnel::PublicKey& key,
                                              const tunnel::PublicKey& centre) {
  Result<sqlite::Statement> select =
      database_.prepare("SELECT preshared_key FROM boxes WHERE id = ?");
  if (!select) return select.error();
  select->bind_text(1, id);
  const Result<bool> found = select->step();
  if (!found) return found.error();
  const tunnel::SecretKey psk(key_at(*select, 0));
  return tunnel::derive_rotated_psk(psk, order, key, centre);
}

Result<BoxRow> Registry::key_in_use(const BoxId& id, const tunnel::RotationOrder& order,
                                    const tunnel::PublicKey& key, WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box) return box;
  if (!box->successor && box->public_key == key) return box;  // it says so again
  if (!is_under(*box, order) || box->successor->public_key != key) return no_such_order(id);
  if (Status s = promote(*box, "box " + id, "key changed", now); !s) return s.error();
  return committed(*transaction, id);
}

// One that the box has not answered.
Status Registry::give_up_rotation(const BoxRow& box, std::string_view who, WallTimeUs now) {
  if (Status s = drop_successor(box.id); !s) return s;
  return note(now, who, "key change given up", "box " + box.id, "", box.public_key.to_string());
}

Result<BoxRow> Registry::end_rotation(const BoxId& id, const tunnel::RotationOrder& order,
                                      std::string_view who, WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box) return box;
  if (!is_under(*box, order)) return no_such_order(id);
  if (Status s = drop_successor(id); !s) return s.error();
  const auto& key = box->successor->public_key;
  if (Status s = note(now, who, "key change failed", "box " + id, key ? key->to_string() : "",
                      box->public_key.to_string());
      !s)
    return s.error();
  return committed(*transaction, id);
}

// --- another box in its place ---

// Beside the box that is there, which goes on until the new one has carried a stream.
Result<BoxRow> Registry::enter_replacement(const TicketRow& ticket, const BoxRow& box,
                                           const tunnel::PublicKey& key,
                                           const tunnel::SecretKey& psk, WallTimeUs now) {
  const bool let_in = ticket.approval == Approval::automatic;
  Result<sqlite::Statement> insert = database_.prepare(
      "INSERT INTO successors (box, rotation, public_key, preshared_key, ticket, let_in) "
      "VALUES (?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.error();
  const tunnel::RotationOrder none{};
  insert->bind_text(1, box.id).bind_blob(2, view(none)).bind_blob(3, view(key.bytes));
  insert->bind_blob(4, view(psk.bytes)).bind(5, ticket.number).bind(6, let_in ? 1 : 0);
  if (Status s = insert->run(); !s) return s.error();
  if (Status s = mark_used(ticket, key, now); !s) return s.error();
  if (Status s =
          note(now, about_ticket(ticket.number), "replacement enrolled", "box " + box.id,
               box.public_key.to_string(), key.to_string() + (let_in ? " approved" : " pending"));
      !s)
    return s.error();
  return known_box(box.id);
}

Status Registry::let_in_replacement(const BoxRow& box, std::string_view who, WallTimeUs now) {
  Result<sqlite::Statement> update =
      database_.prepare("UPDATE successors SET let_in = 1 WHERE box = ?");
  if (!update) return update.error();
  update->bind_text(1, box.id);
  if (Status s = update->run(); !s) return s;
  return note(now, who, "replacement approved", "box " + box.id, "pending", "approved");
}

Result<BoxRow> Registry::take_place(const BoxId& id, const tunnel::PublicKey& key, WallTimeUs now) {
  Result<sqlite::Transaction> transaction = sqlite::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const Result<BoxRow> box = known_box(id);
  if (!box || (!box->successor && box->public_key == key)) return box;
  if (!box->successor || box->successor->ticket == 0 || box->successor->public_key != key ||
      !box->successor->let_in)
    return Failure(Errc::not_found, "no such box takes the place of '" + id + "'");
  Result<sqlite::Statement> update =
      database_.prepare("UPDATE boxes SET ticket = ?, enrolled_us = ? WHERE id = ?");
  if (!update) return update.error();
  update->bind(1, box->successor->ticket).bind(2, now).bind_text(3, id);
  if (Status s = update->run(); !s) return s.error();
  const std::string who = about_ticket(box->successor->ticket);
  if (Status s = promote(*box, who, "box replaced", now); !s) return s.error();
  return committed(*transaction, id);
}

// The successor's key becomes the box's.
Status Registry::promote(const BoxRow& box, std::string_view who, std::string_view what,
                         WallTimeUs now) {
  Result<sqlite::Statement> update = database_.prepare(
      "UPDATE boxes SET public_key = s.public_key, preshared_key = s.preshared_key "
      "FROM successors s WHERE s.box = boxes.id AND boxes.id = ?");
  if (!update) return update.error();
  update->bind_text(1, box.id);
  if (Status s = update->run(); !s) return s;
  if (Status s = drop_successor(box.id); !s) return s;
  return note(now, who, what, "box " + box.id, box.public_key.to_string(),
              box.successor->public_key->to_string());
}

Result<BoxRow> Registry::committed(sqlite::Transaction& transaction, const BoxId& id) {
  Result<BoxRow> after = known_box(id);
  if (Status s = transaction.commit(); !s) return s.error();
  return after;
}

}  // namespace alarmwire::provisioning
