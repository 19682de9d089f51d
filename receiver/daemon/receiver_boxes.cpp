// Whose boxes are ours: those of the configuration, and those that tickets enrolled. Both are boxes
// alike to everybody else here.
#include <algorithm>
#include <set>
#include <utility>

#include "receiver/daemon/messages.hpp"
#include "receiver/daemon/receiver_daemon.hpp"

namespace alarmwire::receiver {
namespace {

// The configured boxes, and of the enrolled ones those that contradict none of them.
sites::Sites book_of(const sites::Sites& configured,
                     const std::vector<provisioning::BoxRow>& enrolled) {
  std::vector<sites::Box> boxes = configured.boxes();
  const std::size_t fixed = boxes.size();
  for (const provisioning::BoxRow& row : enrolled) {
    if (configured.knows(row.id)) continue;
    boxes.push_back(sites::default_box(row.id));
    boxes.back().name = row.name;
  }
  std::set<std::size_t, std::greater<>> odd;
  for (const sites::Conflict& conflict : sites::find_conflicts(boxes))
    if (conflict.box >= fixed) odd.insert(conflict.box);
  for (const std::size_t index : odd) {
    log::write(RECEIVER_BOX_ADDRESS_TAKEN, {{"box", boxes[index].id}});
    boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(index));
  }
  Result<sites::Sites> made = sites::Sites::make(std::move(boxes));
  return made ? std::move(*made) : configured;
}

}  // namespace

Status ReceiverDaemon::open_office() {
  BoxOfficeEvents events;
  events.on_boxes = [this](std::vector<provisioning::BoxRow> boxes) {
    enrolled_ = std::move(boxes);
    know_boxes("revoked at the centre");
  };
  events.on_peers = [this](boost::json::array peers, std::function<void(const Status&)> done) {
    tunnel_->give_peers(std::move(peers), std::move(done));
  };
  events.on_reuse = [this](const std::string& ticket, const std::string& reason) {
    faults_->event(std::string(centre_box_id), std::string(fault::ticket_reused),
                   "ticket " + ticket, reason);
  };
  events.on_key_taken = [this](const BoxId& id, const std::string& order) {
    ingest_->key_taken(id, order);
  };
  // The peer of this name is another one now.
  events.on_place_taken = [this](const BoxId& id) {
    if (const auto status = ingest_->status(id)) tunnel_->tell_stream(id, status->connected);
  };
  events.on_key_change_over = [this](const BoxId& id, bool changed) {
    if (changed) {
      log::write(RECEIVER_KEY_CHANGED, {{"box", id}});
      // The peer of this name is another one now.
      if (const auto status = ingest_->status(id)) tunnel_->tell_stream(id, status->connected);
      return;
    }
    log::write(RECEIVER_KEY_CHANGE_FAILED, {{"box", id}});
    faults_->event(id, std::string(fault::key_change_failed), "",
                   "the new key carried no link; the box keeps its old one");
  };
  events.why_not = [this](const BoxId& id) -> std::string {
    if (config_.sites.knows(id)) return "box '" + id + "' stands in the configuration";
    std::vector<sites::Box> boxes = current_sites()->boxes();
    if (current_sites()->knows(id)) return {};  // the office knows more of it
    boxes.push_back(sites::default_box(id));
    const std::vector<sites::Conflict> conflicts = sites::find_conflicts(boxes);
    return conflicts.empty() ? std::string() : conflicts.front().key + ": " + conflicts.front().why;
  };
  office_ = std::make_unique<BoxOffice>(context_, config_.state_directory + "/boxes.db",
                                        config_.tunnel.prefix, std::move(events));
  office_->configure(config_.provisioning);
  know_boxes("");
  return office_->open();
}

// After each change of either source. `why_gone`: told to boxes that are ours no longer.
void ReceiverDaemon::know_boxes(const std::string& why_gone) {
  std::set<BoxId> known;
  std::map<std::string, BoxId> at;
  const auto add = [&](const BoxId& id, const tunnel::PublicKey& key) {
    at.emplace(config_.tunnel.prefix.address_of(key).to_string(), id);
  };
  for (const tunnel::PeerSettings& peer : config_.tunnel.peers) {
    known.insert(peer.name);
    add(peer.name, peer.public_key);
  }
  for (const provisioning::BoxRow& box : enrolled_) {
    if (!known.insert(box.id).second) continue;  // the configuration goes first
    add(box.id, box.public_key);
    if (box.successor && box.successor->let_in) add(box.id, *box.successor->public_key);
  }
  for (const auto& [address, id] : box_at_) {
    const auto still = at.find(address);
    if (still != at.end() && still->second == id) continue;
    ingest_->disconnect(address, known.contains(id) ? "another key took its place" : why_gone);
  }
  for (const BoxId& id : boxes_known_) {
    if (known.contains(id)) continue;
    forget_box(id, why_gone);
  }
  box_at_ = std::move(at);
  const std::set<BoxId> before = std::exchange(boxes_known_, std::move(known));
  for (const BoxId& id : boxes_known_)
    if (!before.contains(id)) watch_box(id);
  order_keys();
  const std::lock_guard lock(sites_mutex_);
  sites_ = std::make_shared<const sites::Sites>(book_of(config_.sites, enrolled_));
}

// Told now to boxes that are connected, else with their next stream; and again.
void ReceiverDaemon::order_keys() {
  std::map<BoxId, std::string> orders;
  for (const provisioning::BoxRow& box : enrolled_) {
    if (!box.successor || box.successor->ticket != 0) continue;
    const auto& order = box.successor->order;
    orders.emplace(box.id, std::string(order.begin(), order.end()));
    const auto known = key_orders_.find(box.id);
    if (known == key_orders_.end() || known->second != orders.at(box.id))
      ingest_->order_key(box.id, orders.at(box.id));
  }
  key_orders_ = std::move(orders);
}

// What the order began may have been lost with a daemon of the box, the stream being sound.
void ReceiverDaemon::order_keys_again() {
  if (steady_now() < key_orders_due_) return;
  key_orders_due_ = steady_now() + key_order_again;
  for (const auto& [box, order] : key_orders_) ingest_->order_key(box, order);
}

void ReceiverDaemon::watch_box(const BoxId& id) {
  const Result<std::vector<ledger::Cursor>> cursors = ledger_->cursors(id);
  const bool seen = cursors.has_value() && !cursors->empty();
  const bool was_told = faults_->is_open(id, fault::tunnel_silent, "");
  boxes_.add(id, seen, was_told);
  if (was_told) losses_.restore(id);
}

// The key that carries the stream is that of a box which takes the place of the one before.
void ReceiverDaemon::take_place(const ingest::BoxStatus& status) {
  for (const provisioning::BoxRow& box : enrolled_) {
    if (box.id != status.box || !box.successor || box.successor->ticket == 0) continue;
    const tunnel::PublicKey& key = *box.successor->public_key;
    if (config_.tunnel.prefix.address_of(key) == tunnel::Ipv6::parse(status.peer_address))
      office_->take_place(box.id, key);
  }
}

std::optional<BoxId> ReceiverDaemon::box_of(const std::string& peer_address) const {
  const std::optional<tunnel::Ipv6> address = tunnel::Ipv6::parse(peer_address);
  const auto found = address ? box_at_.find(address->to_string()) : box_at_.end();
  if (found == box_at_.end()) return std::nullopt;
  return found->second;
}

}  // namespace alarmwire::receiver
