#include "tunnel/service.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/daemon.hpp"
#include "tunnel/firewall.hpp"
#include "tunnel/messages.hpp"
#include "tunnel/remembered.hpp"

namespace alarmwire::tunnel {

using std::chrono::milliseconds;

Service::Service(boost::asio::io_context& context, std::string config_path, Settings settings,
                 Secrets secrets)
    : context_(context),
      config_path_(std::move(config_path)),
      file_{std::move(settings), std::move(secrets)},
      settings_(file_.settings),
      secrets_(file_.secrets),
      supervisor_(settings_.role),
      resolver_(context),
      monitor_wait_(context),
      loss_wait_(context),
      poll_timer_(context),
      deadline_timer_(context),
      network_timer_(context),
      restart_timer_(context) {}

Service::~Service() {
  // The descriptor belongs to monitor_, which closes it.
  if (monitor_wait_.is_open()) monitor_wait_.release();
}

Status Service::start() {
  load_remembered();
  if (settings_.enrols) {
    Result<std::optional<Identity>> identity = load_identity(settings_.state_directory);
    if (!identity) return identity.error();
    if (Status s = take_identity(*identity); !s) return s;
  } else if (Status s = raise(); !s) {
    return s;
  }
  if (Status s = open_control(); !s) return s;
  poll();
  return {};
}

// First what keeps packets in, then what lets them through.
Status Service::raise() {
  if (Status s = block_outside(settings_.prefix); !s) return s;
  if (Status s = apply_firewall(); !s) return s;
  Result<netlink::Monitor> monitor = netlink::Monitor::open();
  if (!monitor) return monitor.error();
  monitor_.emplace(std::move(*monitor));
  Result<std::unique_ptr<TunnelDevice>> device =
      open_device(settings_.backend, settings_.interface);
  if (!device) return device.error();
  device_ = std::move(*device);
  if (settings_.backend == Backend::automatic && device_->backend() != "kernel") {
    log::write(TUNNEL_FALLBACK, {{"interface", settings_.interface}});
  }
  supervisor_.set_peers(steady_now(), peer_setups());
  if (Status s = device_->apply(device_config()); !s) return s;
  const Result<unsigned> index = bring_up(network_plan());
  if (!index) return index.error();
  link_index_ = *index;
  is_serving_ = true;
  served_at_ = steady_now();
  publish_public_key();
  monitor_wait_.assign(monitor_->descriptor());
  wait_for_network();
  wait_for_loss();
  log::write(TUNNEL_STARTED, {{"interface", settings_.interface},
                              {"backend", device_->backend()},
                              {"address", network_plan().own_address.to_string()},
                              {"peers", settings_.peers.size()}});
  return {};
}

// The `unreachable` route stays, as at a stop.
Status Service::lower() {
  restart_timer_.cancel();
  network_timer_.cancel();
  boost::system::error_code ignored;
  loss_wait_.close(ignored);
  if (monitor_wait_.is_open()) monitor_wait_.release();
  monitor_.reset();
  is_serving_ = false;
  supervisor_.set_peers(steady_now(), {});
  if (!device_) return {};
  const Status destroyed = device_->destroy();
  device_.reset();
  ruleset_.clear();
  if (Status s = firewall::apply(firewall::removal(settings_.interface)); !s) return s;
  return destroyed;
}

void Service::stop() {
  if (is_stopped_) return;
  if (device_) {
    // Where the boxes are right now is what the next start begins with.
    poll_device();
    act();
  }
  is_stopped_ = true;
  if (control_) control_->close();
  poll_timer_.cancel();
  deadline_timer_.cancel();
  network_timer_.cancel();
  restart_timer_.cancel();
  boost::system::error_code ignored;
  loss_wait_.close(ignored);
  if (monitor_wait_.is_open()) monitor_wait_.release();
  if (!device_) return;
  if (settings_.keep_interface) {
    note(device_->release(), "stopping");
  } else {
    note(device_->destroy(), "stopping");
    note(firewall::apply(firewall::removal(settings_.interface)), "removing the nft table");
  }
  log::write(TUNNEL_STOPPED, {{"interface", settings_.interface}});
}

void Service::reload() {
  daemon::notify_reloading();
  const Result<Settings> settings = load_settings(config_path_);
  const Result<Secrets> secrets =
      settings ? load_secrets(*settings) : Result<Secrets>(settings.error());
  Status done = secrets ? Status() : Status(secrets.error());
  if (done) {
    const std::string fixed = fixed_key_that_differs(file_.settings, *settings);
    if (!fixed.empty())
      done =
          Failure(Errc::invalid_argument, "tunnel." + fixed + " cannot change without a restart");
  }
  if (done) {
    const Plan fresh{*settings, *secrets};
    done = swap(plan(fresh));
    if (done) file_ = fresh;
  }
  if (done) {
    log::write(TUNNEL_RELOADED, {{"peers", settings_.peers.size()}});
  } else {
    log::write(TUNNEL_RELOAD_REFUSED, {{"reason", done.error().diagnostics}});
  }
  daemon::notify_ready("running");
}

Status Service::swap(const Plan& wanted) {
  const Settings old_settings = std::exchange(settings_, wanted.settings);
  const Secrets old_secrets = std::exchange(secrets_, wanted.secrets);
  if (!device_) return {};  // not enrolled: nothing to carry over
  if (Status s = validate(device_config()); !s) {
    settings_ = old_settings;
    secrets_ = old_secrets;
    return s;
  }
  supervisor_.set_peers(steady_now(), peer_setups());
  publish_public_key();
  note(apply_firewall(), "replacing the nft table");
  is_apply_due_ = true;
  poll_device();
  put_network_right();
  act();
  return {};
}

NetworkPlan Service::network_plan() const {
  NetworkPlan plan;
  plan.interface = settings_.interface;
  plan.prefix = settings_.prefix;
  plan.own_address = settings_.prefix.address_of(secrets_.public_key);
  plan.centre_address = centre_address(settings_);
  plan.mtu = settings_.mtu;
  return plan;
}

Status Service::apply_firewall() {
  firewall::Rules rules;
  rules.interface = settings_.interface;
  rules.prefix = settings_.prefix;
  rules.own_address = settings_.prefix.address_of(secrets_.public_key);
  rules.allow_tcp_ports = settings_.allow_tcp_ports;
  rules.more_listen_ports = settings_.more_listen_ports;
  rules.listen_port = settings_.listen_port;
  const std::optional<Ipv6> centre = centre_address(settings_);
  if (centre && settings_.guarded_uid)
    rules.guarded =
        firewall::Guarded{*settings_.guarded_uid, *centre, settings_.link_port,
                          settings_.enrols ? settings_.enrolment_port : std::uint16_t{0}};
  rules.enrolment_port = settings_.enrolment_port;
  for (const PeerSettings& peer : settings_.peers)
    if (peer.bootstrap) rules.bootstrap.push_back(settings_.prefix.address_of(peer.public_key));
  const std::string text = firewall::ruleset(rules);
  if (text == ruleset_) return {};  // a thousand boxes change peers often, and rules rarely
  const Status applied = firewall::apply(text);
  ruleset_ = applied ? text : "";
  return applied;
}

std::vector<PeerSetup> Service::peer_setups() const {
  std::vector<PeerSetup> setups;
  for (const PeerSettings& peer : settings_.peers) {
    PeerSetup setup;
    setup.public_key = peer.public_key;
    setup.names = peer.endpoints;
    const auto found = remembered_.find(peer.public_key);
    if (found != remembered_.end()) setup.remembered = found->second;
    setups.push_back(std::move(setup));
  }
  return setups;
}

PeerConfig Service::peer_config(std::size_t index) const {
  const PeerSettings& settings = settings_.peers.at(index);
  PeerConfig peer;
  peer.public_key = settings.public_key;
  peer.preshared_key = secrets_.preshared_keys.at(index);
  peer.tunnel_address = settings_.prefix.address_of(settings.public_key);
  peer.endpoint = supervisor_.endpoint_of(settings.public_key);
  return peer;
}

DeviceConfig Service::device_config() const {
  DeviceConfig config;
  config.private_key = secrets_.private_key;
  // "Any" means: the one we had, also after wireguard-go was started anew. A box keeps its mapping
  // in the NAT so, and the centre finds it where it was.
  config.listen_port = settings_.listen_port != 0 ? settings_.listen_port : listen_port_;
  for (std::size_t i = 0; i < settings_.peers.size(); ++i) config.peers.push_back(peer_config(i));
  return config;
}

std::optional<std::size_t> Service::index_of(const PublicKey& key) const {
  const auto& peers = settings_.peers;
  const auto found = std::find_if(peers.begin(), peers.end(),
                                  [&](const PeerSettings& p) { return p.public_key == key; });
  if (found == peers.end()) return std::nullopt;
  return static_cast<std::size_t>(found - peers.begin());
}

void Service::publish_public_key() const {
  if (settings_.enrols) return;  // status() tells it
  const std::string path = public_file_of(settings_.private_key_file);
  const Result<PublicKey> written = read_public_file(path);
  if (written && *written == secrets_.public_key) return;
  note_state(write_public_file(path, secrets_.public_key));
}

void Service::load_remembered() {
  const Result<Endpoints> endpoints = load_endpoints(settings_.state_directory);
  if (endpoints) {
    remembered_ = *endpoints;
  } else {
    log::write(TUNNEL_STATE_FAILED, {{"reason", endpoints.error().diagnostics}});
  }
}

void Service::act() {
  for (const Action& action : supervisor_.take_actions()) {
    std::visit([this](const auto& one) { carry_out(one); }, action);
  }
  wait_for_deadline();
}

void Service::carry_out(const SetEndpoint& action) {
  const std::optional<std::size_t> index = index_of(action.peer);
  if (!index || !is_serving_) return;
  note(device_->set_endpoint(action.peer, action.endpoint), "setting an endpoint");
  log::write(TUNNEL_ENDPOINT_SET, {{"peer", settings_.peers[*index].name},
                                   {"endpoint", action.endpoint.to_string()},
                                   {"cause", to_string(action.cause)}});
}

void Service::carry_out(const Kick& action) {
  const std::optional<std::size_t> index = index_of(action.peer);
  if (!index || !is_serving_) return;
  PeerConfig peer = peer_config(*index);
  peer.endpoint = action.endpoint;
  note(device_->kick(peer), "kicking a peer");
  // Silent boxes come every minute, hundreds at once on a bad day: the counters tell enough.
  if (action.cause == Cause::silent_peer) return;
  log::write(TUNNEL_PEER_KICKED,
             {{"peer", settings_.peers[*index].name},
              {"endpoint", action.endpoint ? action.endpoint->to_string() : "unknown"},
              {"cause", to_string(action.cause)}});
}

void Service::carry_out(const Resolve& action) {
  const EndpointName name = action.name;
  resolver_.resolve(name, [this, name](const Result<std::vector<Endpoint>>& answer) {
    if (is_stopped_) return;
    if (!answer) {
      log::write(TUNNEL_RESOLVE_FAILED, {{"reason", answer.error().diagnostics}});
      return;
    }
    supervisor_.resolved(steady_now(), name, *answer);
    act();
  });
}

void Service::carry_out(const Persist&) {
  Endpoints endpoints = supervisor_.remembered();
  // Boxes that the receiver has yet to give are not forgotten meanwhile.
  if (settings_.role == Role::centre && !was_given_)
    endpoints.insert(remembered_.begin(), remembered_.end());
  note_state(save_endpoints(settings_.state_directory, endpoints));
}

// After any failure the device may be half-way: the whole state is applied again at the next poll.
void Service::note(const Status& done, const std::string& doing) {
  if (done) return;
  is_apply_due_ = true;
  log::write(TUNNEL_DEVICE_FAILED, {{"doing", doing}, {"reason", done.error().diagnostics}});
}

void Service::note_state(const Status& done) {
  if (!done) log::write(TUNNEL_STATE_FAILED, {{"reason", done.error().diagnostics}});
}

}  // namespace alarmwire::tunnel
