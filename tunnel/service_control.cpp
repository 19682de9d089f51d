// The service's control socket: what it tells, and what it is told.
#include <boost/json.hpp>

#include "tunnel/service.hpp"

namespace alarmwire::tunnel {
namespace {

// nullptr: no such field, or no text.
const boost::json::string* text_field(const boost::json::object& request, std::string_view name) {
  const boost::json::value* const value = request.if_contains({name.data(), name.size()});
  return value != nullptr ? value->if_string() : nullptr;
}

}  // namespace

Status Service::open_control() {
  Result<std::unique_ptr<control::Server>> server =
      control::Server::open(context_, settings_.control_socket, settings_.control_group);
  if (!server) return server.error();
  control_ = std::move(*server);
  using Responder = std::shared_ptr<control::Responder>;
  control_->handle("status", [this](const boost::json::object&, const Responder& responder) {
    responder->result(status());
  });
  control_->handle("stream",
                   [this](const boost::json::object& request, const Responder& responder) {
                     on_stream(request, *responder);
                   });
  control_->handle("forget-streams",
                   [this](const boost::json::object&, const Responder& responder) {
                     supervisor_.forget_streams();
                     responder->result(boost::json::object{{"forgotten", true}});
                   });
  control_->handle("kick", [this](const boost::json::object& request, const Responder& responder) {
    on_kick(request, *responder);
  });
  handle_enrolment();
  return {};
}

boost::json::object Service::status() const {
  boost::json::object status{{"role", settings_.role == Role::box ? "box" : "centre"},
                             {"interface", settings_.interface},
                             {"serving", is_serving_}};
  if (settings_.enrols) status["enrolment"] = enrolment_status();
  if (!device_) return status;
  boost::json::array peers;
  for (std::size_t i = 0; i < settings_.peers.size(); ++i) peers.push_back(peer_status(i));
  const boost::json::object more{
      {"backend", device_->backend()},
      {"backend_version", device_->version()},
      {"public_key", secrets_.public_key.to_string()},
      {"address", network_plan().own_address.to_string()},
      {"prefix", settings_.prefix.to_string()},
      {"mtu", settings_.mtu},
      {"listen_port", listen_port_},
      {"restarts", restarts_},
  };
  for (const auto& [key, value] : more) status[key] = value;
  status["peers"] = std::move(peers);
  return status;
}

boost::json::object Service::peer_status(std::size_t index) const {
  const PeerSettings& peer = settings_.peers.at(index);
  const Supervisor::View view =
      supervisor_.view(steady_now(), peer.public_key).value_or(Supervisor::View());
  boost::json::object status{
      {"box", peer.name},
      {"public_key", peer.public_key.to_string()},
      {"tunnel_address", settings_.prefix.address_of(peer.public_key).to_string()},
      {"endpoint", nullptr},
      {"handshake_age_ms", nullptr},
      {"rx_bytes", view.rx_bytes},
      {"tx_bytes", view.tx_bytes},
      {"kicks", view.kicks},
      {"endpoint_changes", view.endpoint_changes},
      {"stream", to_string(view.stream)},
  };
  if (peer.bootstrap) status["bootstrap"] = true;
  if (view.endpoint) status["endpoint"] = view.endpoint->to_string();
  if (view.handshake_age) status["handshake_age_ms"] = view.handshake_age->count();
  return status;
}

std::optional<PublicKey> Service::key_of(std::string_view peer_name) const {
  for (const PeerSettings& peer : settings_.peers) {
    if (peer.name == peer_name) return peer.public_key;
  }
  return std::nullopt;
}

void Service::on_stream(const boost::json::object& request, control::Responder& responder) {
  const boost::json::string* const name = text_field(request, "peer");
  const boost::json::value* const up = request.if_contains("up");
  if (name == nullptr || up == nullptr || !up->is_bool()) {
    return responder.error("want {\"peer\": name, \"up\": true or false}");
  }
  const std::optional<PublicKey> key = key_of({name->data(), name->size()});
  if (!key) return responder.error("no such peer");
  supervisor_.stream(steady_now(), *key, up->get_bool());
  act();
  responder.result(boost::json::object{{"peer", *name}, {"up", up->get_bool()}});
}

void Service::on_kick(const boost::json::object& request, control::Responder& responder) {
  const boost::json::string* const name = text_field(request, "peer");
  if (name == nullptr) return responder.error("want {\"peer\": name}");
  const std::optional<PublicKey> key = key_of({name->data(), name->size()});
  if (!key) return responder.error("no such peer");
  if (!supervisor_.kick_asked(steady_now(), *key)) {
    return responder.error("kicked less than 5 s ago");
  }
  act();
  responder.result(boost::json::object{{"peer", *name}, {"kicked", true}});
}

}  // namespace alarmwire::tunnel
