// How boxes come to the tunnel without a line in a file: at the centre the receiver gives its
// peers, at a box a ticket gives it a centre. All over the control socket.
#include <boost/json.hpp>
#include <set>
#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "tunnel/messages.hpp"
#include "tunnel/rotation.hpp"
#include "tunnel/service.hpp"

namespace alarmwire::tunnel {
namespace {

std::string secret_text(const boost::json::object& request) {
  return from_base64(control::text_of(request, "secret")).value_or("");
}

Result<Identity> identity_from(const boost::json::object& request) {
  const std::string bytes = secret_text(request);
  TicketSecret secret;
  if (bytes.size() != secret.bytes.size())
    return Failure(Errc::invalid_argument, "want \"secret\", 16 bytes in base64");
  std::copy(bytes.begin(), bytes.end(), secret.bytes.begin());
  const Result<BootstrapKeys> keys = derive_bootstrap(secret);
  const Result<SecretKey> own = generate_private_key();
  const Result<PublicKey> centre = PublicKey::parse(control::text_of(request, "centre"));
  const Result<Prefix> prefix = Prefix::parse(control::text_of(request, "prefix"));
  if (!keys) return keys.error();
  if (!own) return own.error();
  if (!centre) return centre.error();
  if (!prefix) return prefix.error();
  Identity identity;
  identity.private_key = *own;
  identity.ticket_key = keys->public_key;
  identity.bootstrap_private_key = keys->private_key;
  identity.preshared_key = keys->preshared_key;
  identity.centre = *centre;
  identity.prefix = *prefix;
  const boost::json::value* const list = request.if_contains("endpoints");
  if (list != nullptr && list->is_array()) {
    for (const boost::json::value& item : list->get_array()) {
      const auto* const text = item.if_string();
      const auto endpoint = text ? EndpointName::parse({text->data(), text->size()}) : std::nullopt;
      if (endpoint) identity.endpoints.push_back(*endpoint);
    }
  }
  if (identity.endpoints.empty() || identity.endpoints.size() > identity_endpoints_max)
    return Failure(Errc::invalid_argument, "want \"endpoints\", 1 to 16 of host:port");
  return identity;
}

}  // namespace

void Service::handle_enrolment() {
  using Request = const boost::json::object&;
  using Answer = Result<boost::json::object> (Service::*)(Request);
  const auto handle = [this](std::string_view command, Answer answer) {
    control_->handle(command, [this, answer](Request request,
                                             const std::shared_ptr<control::Responder>& responder) {
      const Result<boost::json::object> result = (this->*answer)(request);
      if (result) return responder->result(*result);
      responder->error(result.error().diagnostics);
    });
  };
  if (settings_.role == Role::centre) handle("peers", &Service::on_peers);
  if (!settings_.enrols) return;
  handle("enrol-begin", &Service::on_enrol_begin);
  handle("enrol-commit", &Service::on_enrol_commit);
  handle("enrol-abandon", &Service::on_enrol_abandon);
  handle("rotate-begin", &Service::on_rotate_begin);
  handle("rotate-switch", &Service::on_rotate_switch);
  handle("rotate-welcomed", &Service::on_rotate_welcomed);
}

// --- the centre ---

// Pages of the whole list: nothing changes before the last one is there, and is right.
Result<boost::json::object> Service::on_peers(const boost::json::object& request) {
  if (control::flag_of(request, "first")) arriving_.clear();
  const boost::json::value* const list = request.if_contains("peers");
  if (list == nullptr || !list->is_array())
    return Failure(Errc::invalid_argument, "want \"peers\", a list");
  if (arriving_.size() + list->get_array().size() > peers_max)
    return Failure(Errc::full, "too many peers");
  for (const boost::json::value& item : list->get_array()) {
    const boost::json::object* const peer = item.if_object();
    if (peer == nullptr) return Failure(Errc::invalid_argument, "a peer is an object");
    GivenPeer given;
    given.settings.name = control::text_of(*peer, "name");
    given.settings.bootstrap = control::flag_of(*peer, "bootstrap");
    const Result<PublicKey> key = PublicKey::parse(control::text_of(*peer, "public_key"));
    const Result<SecretKey> psk = SecretKey::parse(control::text_of(*peer, "preshared_key"));
    if (!key) return key.error();
    if (!psk) return psk.error();
    if (given.settings.name.empty() || given.settings.name.size() > peer_name_bytes_max)
      return Failure(Errc::invalid_argument, "a peer's name has 1 to 80 bytes");
    given.settings.public_key = *key;
    given.preshared_key = *psk;
    arriving_.push_back(std::move(given));
  }
  if (!control::flag_of(request, "last")) return boost::json::object{{"peers", arriving_.size()}};
  const std::vector<GivenPeer> old = std::exchange(given_, std::exchange(arriving_, {}));
  if (const Status swapped = swap(plan(file_)); !swapped) {
    given_ = old;
    return swapped.error();
  }
  was_given_ = true;
  return boost::json::object{{"peers", given_.size()}};
}

// What the file says goes first: a given peer with a name or a key of the file's is left out.
Service::Plan Service::plan(const Plan& file) const {
  Plan plan = file;
  if (identity_) {
    plan.settings.prefix = identity_->prefix;
    PeerSettings centre;
    centre.name = centre_box_id;
    centre.public_key = identity_->centre;
    centre.endpoints = identity_->endpoints;
    plan.settings.peers = {centre};
    plan.secrets.private_key = private_key_in_use(*identity_);
    if (const Result<PublicKey> own = public_key_of(plan.secrets.private_key); own)
      plan.secrets.public_key = *own;
    plan.secrets.preshared_keys = {preshared_key_in_use(*identity_)};
  }
  std::set<std::string> names;
  std::set<PublicKey> keys;
  for (const PeerSettings& peer : plan.settings.peers) {
    names.insert(peer.name);
    keys.insert(peer.public_key);
  }
  for (const GivenPeer& given : given_) {
    if (names.contains(given.settings.name) || keys.contains(given.settings.public_key)) continue;
    plan.settings.peers.push_back(given.settings);
    plan.secrets.preshared_keys.emplace_back(given.preshared_key);
  }
  return plan;
}

// --- the box ---

// Becomes what the identity says. nullopt: a box that belongs nowhere.
Status Service::take_identity(const std::optional<Identity>& identity) {
  const bool same_net = identity && identity_ && device_ && identity->prefix == identity_->prefix &&
                        identity->centre == identity_->centre;
  if (!same_net)
    if (Status s = lower(); !s) return s;
  identity_ = identity;
  const Plan wanted = plan(file_);
  if (!same_net) {
    settings_ = wanted.settings;
    secrets_ = wanted.secrets;
    return identity ? raise() : Status();
  }
  if (Status s = swap(wanted); !s) return s;
  // Old and new key must not be mixed up in one session: begin with a fresh one.
  if (!is_serving_) return {};
  if (!supervisor_.kick_asked(steady_now(), settings_.peers.front().public_key))
    note(device_->kick(peer_config(0)), "changing the identity");
  act();
  return {};
}

boost::json::object Service::enrolment_status() const {
  if (!identity_) return {{"state", "none"}};
  const Result<PublicKey> own = public_key_of(identity_->private_key);
  return {{"state", identity_->state == Identity::State::enrolled ? "enrolled" : "bootstrap"},
          {"box_key", own ? own->to_string() : ""},
          {"ticket_key", identity_->ticket_key.to_string()},
          {"centre", identity_->centre.to_string()},
          {"centre_address", identity_->prefix.address_of(identity_->centre).to_string()}};
}

// Idempotent for the same ticket: the box's key stays, so that the centre knows it again.
Result<boost::json::object> Service::on_enrol_begin(const boost::json::object& request) {
  const Result<Identity> wanted = identity_from(request);
  if (!wanted) return wanted.error();
  const bool is_same = identity_ && identity_->ticket_key == wanted->ticket_key;
  if (is_same && device_) return enrolment_status();
  if (!is_same && identity_ && identity_->state == Identity::State::enrolled &&
      !control::flag_of(request, "anew"))
    return Failure(Errc::exists, "this box is enrolled already");
  const Identity identity = is_same ? *identity_ : *wanted;
  // On disk before anybody can hear the key: a box that comes back must have the one it told.
  if (Status s = save_identity(file_.settings.state_directory, identity); !s) return s.error();
  if (Status s = take_identity(identity); !s) {
    note(lower(), "taking the tunnel down");
    return s.error();
  }
  log::write(TUNNEL_ENROLMENT_BEGUN, {{"centre", identity.endpoints.front().to_string()}});
  return enrolment_status();
}

Result<boost::json::object> Service::on_enrol_commit(const boost::json::object&) {
  if (!identity_) return Failure(Errc::not_found, "no enrolment is under way");
  if (identity_->state == Identity::State::enrolled) return enrolment_status();
  Identity identity = *identity_;
  const Result<PublicKey> own = public_key_of(identity.private_key);
  if (!own) return own.error();
  const Result<SecretKey> psk = derive_box_psk(identity.preshared_key, *own, identity.centre);
  if (!psk) return psk.error();
  identity.state = Identity::State::enrolled;
  identity.preshared_key = *psk;
  identity.bootstrap_private_key = SecretKey();
  if (Status s = save_identity(file_.settings.state_directory, identity); !s) return s.error();
  if (Status s = take_identity(identity); !s) return s.error();
  log::write(TUNNEL_ENROLLED, {{"address", network_plan().own_address.to_string()}});
  return enrolment_status();
}

Result<boost::json::object> Service::on_enrol_abandon(const boost::json::object&) {
  if (!identity_ || identity_->state == Identity::State::enrolled) return enrolment_status();
  if (Status s = remove_identity(file_.settings.state_directory); !s) return s.error();
  if (Status s = take_identity(std::nullopt); !s) return s.error();
  log::write(TUNNEL_ENROLMENT_ABANDONED);
  return enrolment_status();
}

}  // namespace alarmwire::tunnel
