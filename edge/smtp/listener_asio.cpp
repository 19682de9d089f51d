#include "edge/smtp/listener_asio.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unordered_set>
#include <utility>

#include "edge/smtp/connection_asio.hpp"
#include "edge/smtp/door_memory.hpp"
#include "edge/smtp/listening.hpp"
#include "edge/smtp/messages.hpp"
#include "edge/smtp/replies.hpp"
#include "edge/smtp/tls_keeper.hpp"

namespace alarmwire::smtp {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds accept_backoff{100};  // after EMFILE and its like
constexpr std::chrono::milliseconds tick_max{1000};       // how often time limits are looked at
constexpr std::chrono::milliseconds tick_min{10};
constexpr std::chrono::minutes certificate_check{1};

// IPv4 in IPv6's clothes is IPv4 to people.
asio::ip::address plain(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

struct Listener {
  Listener(asio::io_context& context, ListenerConfig what)
      : config(std::move(what)), acceptor(context), backoff(context) {}
  ListenerConfig config;
  std::shared_ptr<const SessionSettings> settings;
  std::shared_ptr<const TlsContext> tls;
  tcp::acceptor acceptor;
  asio::steady_timer backoff;
  bool failing = false;  // the last accept failed: logged once per streak
  bool warned = false;   // of its old TLS
};

Status open_socket(Listener& listener, const std::vector<InheritedSocket>& sockets) {
  const InheritedSocket* const ready = socket_for(listener.config, sockets);
  const Result<int> fd = ready != nullptr ? Result<int>(ready->fd) : listen_at(listener.config);
  if (fd.has_error()) return fd.error();
  error_code error;
  listener.acceptor.assign(bound_to(*fd).v6 ? tcp::v6() : tcp::v4(), *fd, error);
  if (error) return Failure(error, "taking over the socket of listener " + listener.config.name);
  return {};
}

// Says why, then closes; what the peer has sent already is read away first, or the close would
// reset the connection and our words with it.
void shed(tcp::socket& socket, std::vector<char>& buffer, std::string_view why) {
  error_code ignored;
  const std::string line = std::string(why) + "\r\n";
  socket.write_some(asio::buffer(line), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
  socket.read_some(asio::buffer(buffer), ignored);
  socket.close(ignored);
}

class AsioDoor final : public Door {
 public:
  AsioDoor(asio::io_context& context, const Config& config, Intake& intake,
           std::shared_ptr<DeviceDirectory> directory)
      : context_(context),
        limits_(config.limits),
        shared_(std::make_shared<DoorShared>(intake, std::move(directory))),
        config_(config),
        memory_(config.memory),
        tick_timer_(context),
        stop_timer_(context),
        certificate_timer_(context),
        memory_timer_(context) {
    shared_->on_closed = [this](const std::shared_ptr<Connection>& connection) {
      connections_.erase(connection);
      if (connections_.empty()) last_closed();
    };
  }
  AsioDoor(const AsioDoor&) = delete;
  AsioDoor& operator=(const AsioDoor&) = delete;

  ~AsioDoor() override {
    *alive_ = false;
    stop_done_ = nullptr;
    abort_all();
    shared_->on_closed = nullptr;
  }

  Status listen(const Config& config, const std::vector<InheritedSocket>& inherited);
  Status reconfigure(const Config& config, std::shared_ptr<DeviceDirectory> directory) override;
  void stop(std::chrono::milliseconds patience, std::function<void()> done) override;
  DoorSnapshot snapshot() const override;
  std::vector<Dialogue> dialogues(std::string_view device) const override;

 private:
  void accept(Listener& listener);
  void accept_failed(Listener& listener, const error_code& error);
  void welcome(Listener& listener, tcp::socket socket);
  void refuse(Listener& listener, Device& device, std::string_view why);
  void make_room(const Device& newcomer);
  void apply_settings();
  void watch_certificate();
  void keep_memory(std::chrono::milliseconds pause);
  void arm_tick();
  void abort_all();
  void last_closed();
  std::vector<std::shared_ptr<Connection>> all() const {
    return {connections_.begin(), connections_.end()};
  }

  asio::io_context& context_;
  Limits limits_;
  std::shared_ptr<DoorShared> shared_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  Config config_;
  TlsKeeper tls_;
  DoorMemory memory_;
  asio::steady_timer tick_timer_;
  asio::steady_timer stop_timer_;
  asio::steady_timer certificate_timer_;
  asio::steady_timer memory_timer_;
  std::function<void()> stop_done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for handlers that come too late
  std::uint64_t refused_sessions_ = 0;
  bool ticking_ = false;
  bool stopping_ = false;
};

Status AsioDoor::listen(const Config& config, const std::vector<InheritedSocket>& inherited) {
  for (const ListenerConfig& wanted : config.listeners) {
    auto listener = std::make_unique<Listener>(context_, wanted);
    const Status opened = open_socket(*listener, inherited);
    if (opened.has_error()) return opened;
    listener->acceptor.non_blocking(true);
    listeners_.push_back(std::move(listener));
  }
  tls_.refresh(config_, wall_now_us(), true);
  apply_settings();
  watch_certificate();
  memory_.load(shared_->devices, shared_->dialogues);
  keep_memory(config_.memory.pause_min);
  for (const ListenerStatus& status : snapshot().listeners) {
    log::write(SMTP_LISTENING,
               {{"listener", status.name}, {"address", status.address}, {"port", status.port}});
  }
  for (const auto& listener : listeners_) accept(*listener);
  return {};
}

// What new sessions of each listener get.
void AsioDoor::apply_settings() {
  for (const auto& listener : listeners_) {
    auto settings = std::make_shared<SessionSettings>(config_.session_settings(listener->config));
    listener->tls = tls_.context(listener->config.tls_level);
    settings->tls_available = listener->tls != nullptr;
    listener->settings = std::move(settings);
    if (listener->config.is_legacy() && !std::exchange(listener->warned, true)) {
      log::write(SMTP_TLS_LEGACY,
                 {{"listener", listener->config.name}, {"tls_level", listener->config.tls_level}});
    }
  }
}

void AsioDoor::watch_certificate() {
  certificate_timer_.expires_after(certificate_check);
  certificate_timer_.async_wait([this, alive = alive_](const error_code& cancelled) {
    if (!*alive || cancelled) return;
    tls_.refresh(config_, wall_now_us(), false);
    apply_settings();
    watch_certificate();
  });
}

void AsioDoor::keep_memory(std::chrono::milliseconds pause) {
  memory_timer_.expires_after(pause);
  memory_timer_.async_wait([this, alive = alive_](const error_code& cancelled) {
    if (!*alive || cancelled) return;
    keep_memory(memory_.save(shared_->devices, shared_->dialogues));
  });
}

void AsioDoor::accept(Listener& listener) {
  listener.acceptor.async_accept(
      [this, alive = alive_, &listener](const error_code& error, tcp::socket socket) {
        if (!*alive || stopping_) return;
        if (error && error != asio::error::connection_aborted) {
          return accept_failed(listener, error);
        }
        listener.failing = false;
        if (!error) welcome(listener, std::move(socket));
        accept(listener);
      });
}

// Out of descriptors or memory: what is open goes on, new ones wait in the backlog.
void AsioDoor::accept_failed(Listener& listener, const error_code& error) {
  if (!std::exchange(listener.failing, true)) {
    log::write(SMTP_ACCEPT_FAILED,
               {{"listener", listener.config.name}, {"error", error.message()}});
  }
  listener.backoff.expires_after(accept_backoff);
  listener.backoff.async_wait([this, alive = alive_, &listener](const error_code& cancelled) {
    if (*alive && !cancelled && !stopping_) accept(listener);
  });
}

void AsioDoor::welcome(Listener& listener, tcp::socket socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // gone already
  socket.non_blocking(true, error);
  socket.set_option(tcp::no_delay(true), error);
  socket.set_option(asio::socket_base::keep_alive(true), error);
  const asio::ip::address address = plain(peer.address());
  const std::string text = address.to_string();
  const KnownDevice known = shared_->directory ? shared_->directory->at(address) : KnownDevice{};
  Device& device = shared_->devices.heard(text, known, wall_now_us());
  if (!listener.config.allows(parse_address(text).value_or(AddressBytes{}))) {
    return refuse(listener, device, "not of an allowed network");
  }
  if (connections_.size() >= limits_.sessions) make_room(device);
  if (connections_.size() >= limits_.sessions) {
    shed(socket, shared_->read_buffer, replies::too_many_sessions);
    return refuse(listener, device, replies::too_many_sessions);
  }
  if (device.sessions >= limits_.sessions_per_device) {
    shed(socket, shared_->read_buffer, replies::too_many_from_device);
    return refuse(listener, device, replies::too_many_from_device);
  }
  ConnectionPolicy policy{listener.settings, listener.tls, listener.config.name,
                          listener.config.reply, known.options};
  const auto connection =
      std::make_shared<Connection>(std::move(socket), shared_, std::move(policy), device);
  connections_.insert(connection);
  connection->start();
  arm_tick();
}

// The door is full: a session of whoever has most gives way, so that a few addresses cannot keep
// all others out.
void AsioDoor::make_room(const Device& newcomer) {
  std::shared_ptr<Connection> found;
  for (const auto& connection : connections_) {
    if (connection->can_give_way_to(newcomer) &&
        (!found || connection->sessions_of_device() > found->sessions_of_device())) {
      found = connection;
    }
  }
  if (found) found->give_way();
}

void AsioDoor::refuse(Listener& listener, Device& device, std::string_view why) {
  ++refused_sessions_;
  ++device.refused_sessions;
  device.last_error = "the connection was refused: " + std::string(why);
  device.last_error_us = wall_now_us();
  log_of_device(*shared_, device, SMTP_SESSION_REFUSED, listener.config.name, why);
}

// One timer looks at the time limits of all sessions, and only while there are any.
void AsioDoor::arm_tick() {
  if (ticking_ || connections_.empty()) return;
  ticking_ = true;
  tick_timer_.expires_after(std::clamp(limits_.idle_time / 8, tick_min, tick_max));
  tick_timer_.async_wait([this, alive = alive_](const error_code& cancelled) {
    if (!*alive || cancelled) return;
    ticking_ = false;
    const SteadyTime now = steady_now();
    for (const auto& connection : all()) connection->on_tick(now);
    arm_tick();
  });
}

Status AsioDoor::reconfigure(const Config& config, std::shared_ptr<DeviceDirectory> directory) {
  limits_ = config.limits;
  shared_->directory = std::move(directory);
  std::string moved;
  std::size_t matched = 0;
  for (const ListenerConfig& wanted : config.listeners) {
    const auto found = std::find_if(
        listeners_.begin(), listeners_.end(),
        [&](const std::unique_ptr<Listener>& have) { return have->config.name == wanted.name; });
    if (found == listeners_.end()) {
      moved += " " + wanted.name;
      continue;
    }
    ++matched;
    Listener& listener = **found;
    if (wanted.address != listener.config.address || wanted.port != listener.config.port) {
      moved += " " + wanted.name;
    }
    const std::string address = std::exchange(listener.config.address, {});
    const std::uint16_t port = listener.config.port;
    listener.config = wanted;
    listener.config.address = address;
    listener.config.port = port;
  }
  config_ = config;
  tls_.refresh(config_, wall_now_us(), true);
  apply_settings();
  log::write(SMTP_RECONFIGURED);
  if (moved.empty() && matched == listeners_.size()) return {};
  return Failure(Errc::unsupported, "listeners that come, go or move need a restart:" +
                                        (moved.empty() ? std::string(" some are gone") : moved));
}

void AsioDoor::stop(std::chrono::milliseconds patience, std::function<void()> done) {
  stop_done_ = std::move(done);
  if (std::exchange(stopping_, true)) return;
  log::write(SMTP_STOPPING, {{"sessions", connections_.size()}});
  certificate_timer_.cancel();
  memory_timer_.cancel();
  for (const auto& listener : listeners_) {
    error_code ignored;
    listener->acceptor.close(ignored);
    listener->backoff.cancel();
  }
  if (connections_.empty()) return last_closed();
  stop_timer_.expires_after(patience);
  stop_timer_.async_wait([this, alive = alive_](const error_code& cancelled) {
    if (*alive && !cancelled) abort_all();
  });
  for (const auto& connection : all()) connection->stop();
}

void AsioDoor::abort_all() {
  for (const auto& connection : all()) connection->abort();
}

void AsioDoor::last_closed() {
  if (!stopping_ || !stop_done_) return;
  stop_timer_.cancel();
  memory_.save(shared_->devices, shared_->dialogues);
  memory_.wait();
  log::write(SMTP_STOPPED);
  asio::post(context_, std::exchange(stop_done_, nullptr));
}

DoorSnapshot AsioDoor::snapshot() const {
  DoorSnapshot result;
  result.hostname = config_.hostname;
  result.zones = config_.zones;
  for (const auto& listener : listeners_) {
    error_code ignored;
    const tcp::endpoint bound = listener->acceptor.local_endpoint(ignored);
    result.listeners.push_back({listener->config.name, listener->config.address,
                                ignored ? listener->config.port : bound.port(),
                                listener->config.reply, listener->config.tls, listener->config.auth,
                                listener->config.is_legacy()});
  }
  result.sessions = connections_.size();
  result.accepted = shared_->accepted;
  result.lost = shared_->lost;
  result.refused_sessions = refused_sessions_;
  result.devices = shared_->devices.all();
  result.certificate = tls_.identity();
  result.certificate.keys.clear();
  return result;
}

std::vector<Dialogue> AsioDoor::dialogues(std::string_view device) const {
  std::vector<Dialogue> found = shared_->dialogues.of(device);
  for (const auto& connection : connections_) {
    Dialogue dialogue = connection->dialogue();
    if (dialogue.device == device || dialogue.address == device) found.push_back(dialogue);
  }
  return found;
}

}  // namespace

Result<std::unique_ptr<Door>> Door::open(asio::io_context& context, const Config& config,
                                         Intake& intake, std::shared_ptr<DeviceDirectory> directory,
                                         const std::vector<InheritedSocket>& inherited) {
  auto door = std::make_unique<AsioDoor>(context, config, intake, std::move(directory));
  const Status listening = door->listen(config, inherited);
  if (listening.has_error()) return listening.error();
  return std::unique_ptr<Door>(std::move(door));
}

}  // namespace alarmwire::smtp
