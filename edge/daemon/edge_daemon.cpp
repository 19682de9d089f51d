#include "edge/daemon/edge_daemon.hpp"

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <utility>

#include "common/files.hpp"
#include "edge/daemon/messages.hpp"
#include "edge/daemon/site_file.hpp"
#include "edge/status/box_metrics.hpp"
#include "edge/watch/fault_booker.hpp"

namespace alarmwire::edge {
namespace {

constexpr const char* software = "alarmwire " ALARMWIRE_VERSION;

std::int64_t handshake_age_ms(const boost::json::object& tunnel) {
  const boost::json::value* peers = tunnel.if_contains("peers");
  if (peers == nullptr || !peers->is_array() || peers->get_array().empty()) return -1;
  const boost::json::value& peer = peers->get_array().front();
  const boost::json::value* age =
      peer.is_object() ? peer.get_object().if_contains("handshake_age_ms") : nullptr;
  boost::system::error_code error;
  const auto value = age != nullptr ? age->to_number<std::int64_t>(error) : -1;
  return error ? -1 : value;
}

}  // namespace

EdgeDaemon::EdgeDaemon(std::string config_path, Config config,
                       std::vector<smtp::InheritedSocket> sockets, PageSockets page_sockets)
    : config_path_(std::move(config_path)),
      config_(std::move(config)),
      sockets_(std::move(sockets)),
      page_sockets_(page_sockets),
      started_(steady_now()),
      tunnel_heard_(started_),
      canary_(config_.canary_every) {}

// Who uses the spool goes before it; what the spool still reports is posted to a context that lives
// on.
EdgeDaemon::~EdgeDaemon() {
  sticks_.reset();
  page_.reset();
  door_.reset();
  test_alarm_.reset();
  intake_.reset();
  control_.reset();
  commands_.reset();
  enroller_.reset();
  keys_.reset();
  uplink_.reset();
  spool_.reset();
}

Status EdgeDaemon::start() {
  log::set_level(config_.log_level);
  for (const auto step :
       {&EdgeDaemon::open_spool, &EdgeDaemon::open_uplink, &EdgeDaemon::open_door,
        &EdgeDaemon::open_control, &EdgeDaemon::open_page, &EdgeDaemon::open_sticks})
    if (Status done = (this->*step)(); done.has_error()) return done;
  signals_ = daemon::Signals::install(
      context_, [this] { stop(); }, [this] { reload(); });
  watchdog_ = daemon::start_watchdog(context_);
  tick();
  log::write(EDGE_STARTED, {{"version", ALARMWIRE_VERSION}});
  daemon::notify_ready("takes alarms");
  return {};
}

int EdgeDaemon::run() {
  context_.run();
  return daemon::exit_ok;
}

Status EdgeDaemon::open_spool() {
  for (const std::string& path : {config_.state_directory, config_.spool.directory})
    if (Status made = make_directories(path); made.has_error()) return made;
  faults_ = std::make_unique<FaultDesk>(context_, config_.state_directory + "/faults.json");
  Result<std::unique_ptr<spool::Spool>> opened = spool::Spool::open(config_.spool, *this);
  if (opened.has_error()) return opened.error();
  spool_ = std::move(*opened);
  faults_->open_with(watch::spool_booker(*spool_));
  tell_of_crash();
  // A full spool of an earlier life may have room now; nobody else would say so.
  const spool::Snapshot now = spool_->snapshot();
  if (!now.is_full && now.used_bytes < now.quota_bytes / 10 * 9)
    faults_->report("", std::string(fault::spool_full), "", "the spool has room again", true);
  return {};
}

Status EdgeDaemon::open_uplink() {
  const std::optional<tunnel::Ipv6> centre = tunnel::centre_address(config_.tunnel);
  if (!centre && !config_.tunnel.enrols)
    return Failure(Errc::invalid_argument,
                   "tunnel.role: want \"box\" (enrolled by a ticket), or [tunnel.centre]");
  tunnel_ = std::make_shared<tunnel::TunnelClient>(context_, config_.tunnel.control_socket);
  tunnel_->start({});
  uplink::Config config;
  if (centre) config.centre.address = centre->to_string();
  config.centre.port = config_.tunnel.link_port;
  config.software = software;
  config.ledger_id_file = config_.state_directory + "/ledger-id";
  uplink::Callbacks callbacks;
  callbacks.on_link = [this](bool up, const std::string& reason) { on_link(up, reason); };
  callbacks.on_fault = [this](const std::string& code, const std::string& subject,
                              const std::string& reason) {
    faults_->event("", code, subject, reason);
  };
  callbacks.on_welcome = [this](const std::string& own_address) {
    if (keys_) keys_->welcomed(own_address);
  };
  callbacks.on_key_order = [this](const std::string& order) {
    if (keys_) keys_->ordered(order);
  };
  callbacks.on_key_taken = [this](const std::string& order) {
    if (keys_) keys_->taken(order);
  };
  uplink_ =
      std::make_unique<uplink::Uplink>(context_, *spool_, std::move(config), std::move(callbacks));
  if (centre) {
    uplink_->start();
    return {};
  }
  keys_ = std::make_unique<KeyChanger>(tunnel_, *uplink_);
  enroller_ = std::make_unique<Enroller>(
      context_, tunnel_,
      Enroller::Config{config_.tunnel.enrolment_port, config_.state_directory, software,
                       [this](TestAlarm::Done done) { test_alarm_->send(std::move(done)); }},
      [this](const std::string& address) { on_joined(address); });
  return {};
}

// A box that is enrolled anew elsewhere takes its next life for it: the spool is told of one
// ledger.
void EdgeDaemon::on_joined(const std::string& centre_address) {
  if (centre_address == centre_address_) return;
  if (!centre_address_.empty())
    log::write(EDGE_RESTART_NEEDED, {{"setting", "the centre of the new ticket"}});
  centre_address_ = centre_address;
  link::LinkClientConfig centre;
  centre.address = centre_address;
  centre.port = config_.tunnel.link_port;
  uplink_->start(centre);
}

Status EdgeDaemon::open_door() {
  intake_ = std::make_unique<SpoolIntake>(context_, *spool_, *uplink_, *faults_, config_.lanes,
                                          config_.ack_waits());
  test_alarm_ = std::make_unique<TestAlarm>(*intake_, config_.smtp.hostname);
  if (auto watch = NeighbourWatch::open(context_); watch.has_value())
    neighbours_ = std::move(*watch);
  else
    log::write(EDGE_NO_NEIGHBOURS, {{"reason", watch.error().diagnostics}});
  devices_ = with_site_devices(config_.devices, config_.state_directory);
  Result<std::unique_ptr<smtp::Door>> opened =
      smtp::Door::open(context_, config_.smtp, *intake_, directory(), sockets_);
  if (opened.has_error()) return opened.error();
  door_ = std::move(*opened);
  return {};
}

std::shared_ptr<smtp::DeviceDirectory> EdgeDaemon::directory() {
  const auto mac_of = [watch = neighbours_](const boost::asio::ip::address& address) {
    return watch ? watch->find(address) : std::nullopt;
  };
  return std::make_shared<LanDirectory>(devices_, mac_of);
}

Status EdgeDaemon::open_control() {
  Result<std::unique_ptr<control::Server>> opened =
      control::Server::open(context_, config_.control_socket, config_.control_group);
  if (opened.has_error()) return opened.error();
  control_ = std::move(*opened);
  commands_ = std::make_unique<status::BoxCommands>(
      context_, *spool_, *uplink_, [this] { return figures(); },
      [this](std::string_view device) { return door_->dialogues(device); });
  commands_->install(*control_);
  if (enroller_) enroller_->install(*control_);
  return {};
}

void EdgeDaemon::offer_metrics(int listening_fd) {
  if (listening_fd < 0) return;
  metrics_ = metrics::MetricsServer::open(
      context_, listening_fd,
      [this](const std::string& path, const metrics::MetricsServer::Done& done) {
        done(status::answer_at(path, figures()));
      });
}

Status EdgeDaemon::open_page() {
  if (page_sockets_.listening >= 0)
    page_ = std::make_unique<BoxPage>(
        context_, config_.page, config_.smtp.hostname, page_sockets_, [this] { return figures(); },
        enroller_.get());
  return {};
}

// --- sticks ---

Status EdgeDaemon::open_sticks() {
  if (!enroller_ || config_.stick_folders.empty()) return {};
  sticks_ = std::make_unique<StickWatch>(
      context_, config_.stick_folders,
      StickWatch::Callbacks{[this] { return stick_box(); },
                            [this](const auto& document) { take_stick(document); }});
  return {};
}

StickBox EdgeDaemon::stick_box() const {
  StickBox box;
  box.is_enrolled = enroller_->is_enrolled();
  box.ticket = enroller_->ticket_key();
  box.begun = enroller_->begun();
  box.view = enroller_->view();
  box.id = box.view.box;
  box.name = box.view.box_name;
  if (box.id.empty() && box.is_enrolled.value_or(false)) {  // after a restart
    box.id = enroller_->name().id;
    box.name = enroller_->name().name;
  }
  return box;
}

// The devices first: they are known then also if the power goes before the centre has answered.
void EdgeDaemon::take_stick(const provisioning::SiteDocument& document) {
  if (const Status kept = keep_site(config_.state_directory, document); !kept)
    log::write(EDGE_SITE_NOT_KEPT, {{"reason", kept.error().diagnostics}});
  devices_ = with_site_devices(config_.devices, config_.state_directory);
  static_cast<void>(door_->reconfigure(config_.smtp, directory()));  // the same listeners
  static_cast<void>(enroller_->begin(*document.ticket, false));      // fails at the end only
}

// --- what the spool says, from its own thread ---

void EdgeDaemon::on_record(const RecordKey& key) {
  boost::asio::post(context_, [this, key] {
    if (uplink_) uplink_->on_record(key);
    if (commands_) commands_->on_record(key);
  });
}

void EdgeDaemon::on_fault(const std::string& code, const std::string& subject,
                          const std::string& reason, bool over) {
  faults_->report("", code, subject, reason, over);
}

// No reply may leave this process any more: not even destructors run. The next start books the
// fault.
void EdgeDaemon::on_fatal(const Failure& failure) {
  log::write(EDGE_FATAL, {{"reason", failure.diagnostics}});
  leave_crash_note(config_.state_directory, failure.diagnostics);
  std::_Exit(daemon::exit_failed);
}

void EdgeDaemon::tell_of_crash() {
  const std::optional<std::string> reason = take_crash_note(config_.state_directory);
  if (reason) faults_->event("", std::string(fault::daemon_crashed), "alarmwire-edge", *reason);
}

// --- time, link and tunnel ---

void EdgeDaemon::on_link(bool up, const std::string& reason) {
  tunnel_->tell_stream(std::string(centre_box_id), up);
  if (enroller_) enroller_->link_changed(up);
  daemon::notify_status(up ? "link up" : "link down: " + reason);
}

// Is the way to the centre's ledger open, and does everybody know when that changes?
void EdgeDaemon::watch_way() {
  const status::BoxFigures now = signs();
  const bool is_up = now.link.state == uplink::LinkStatus::State::up;
  if (canary_.tick({is_up, now.spool.waiting_records, now.link.settled_records}, steady_now()))
    spool_->commit(watch::make_canary(now.now_us), [](const Result<spool::Spooled>&) {});
  const status::Verdict verdict = status::judge(now);
  if (verdict.colour == colour_) return;
  log::write(EDGE_STATE,
             {{"state", verdict.colour}, {"before", colour_}, {"reason", verdict.reason}});
  colour_ = verdict.colour;
}

void EdgeDaemon::tick() {
  watch_tunnel();
  watch_way();
  tick_timer_.expires_after(std::chrono::seconds(1));
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_) tick();
  });
}

void EdgeDaemon::watch_tunnel() {
  const std::string code(fault::tunnel_daemon);
  if (const auto& state = tunnel_->status()) {
    tunnel_heard_ = steady_now();
    faults_->report("", code, "alarmwire-tunnel", "answers again", true);
    if (enroller_) enroller_->tunnel_seen(*state);
    const std::int64_t age_ms = handshake_age_ms(*state);
    // The path has just come back: no need to wait for the next try.
    if (!uplink_->is_up() && age_ms >= 0 && age_ms < 1500) uplink_->hurry();
  } else if (steady_now() - tunnel_heard_ > tunnel_daemon_grace) {
    faults_->report("", code, "alarmwire-tunnel", "does not answer on its control socket", false);
  }
}

// --- signals ---

void EdgeDaemon::reload() {
  daemon::notify_reloading();
  Result<Config> fresh = load_config(config_path_);
  if (fresh.has_error()) {
    log::write(EDGE_RELOAD_REFUSED, {{"reason", fresh.error().diagnostics}});
    daemon::notify_ready("the new configuration was refused");
    return;
  }
  config_.devices = fresh->devices;
  devices_ = with_site_devices(config_.devices, config_.state_directory);
  log::set_level(fresh->log_level);
  config_.canary_every = fresh->canary_every;
  canary_.reconfigure(fresh->canary_every);
  intake_->reconfigure(fresh->lanes, fresh->ack_waits());
  spool_->reconfigure(fresh->spool.quota_bytes, fresh->spool.settled_ring);
  if (const Status door = door_->reconfigure(fresh->smtp, directory()); door.has_error())
    log::write(EDGE_RESTART_NEEDED,
               {{"setting", "smtp.listener"}, {"reason", door.error().diagnostics}});
  config_.smtp = fresh->smtp;
  const std::pair<const char*, bool> fixed[] = {
      {"edge.state_directory", fresh->state_directory != config_.state_directory},
      {"edge.control_socket", fresh->control_socket != config_.control_socket},
      {"edge.control_group", fresh->control_group != config_.control_group},
      {"edge.user", fresh->user.account != config_.user.account},
      {"tunnel.control_socket", fresh->tunnel.control_socket != config_.tunnel.control_socket},
      {"spool.directory", fresh->spool.directory != config_.spool.directory},
      {"spool.secure_delete", fresh->spool.secure_delete != config_.spool.secure_delete},
      {"metrics", fresh->metrics != config_.metrics},
      {"page", fresh->page.address != config_.page.address ||
                   fresh->page.port != config_.page.port ||
                   fresh->page.allowed != config_.page.allowed},
      {"stick.folders", fresh->stick_folders != config_.stick_folders},
      {"tunnel.centre",
       tunnel::centre_address(fresh->tunnel) != tunnel::centre_address(config_.tunnel)},
      {"tunnel.link_port", fresh->tunnel.link_port != config_.tunnel.link_port},
      {"tunnel.enrolment_port", fresh->tunnel.enrolment_port != config_.tunnel.enrolment_port},
  };
  for (const auto& [setting, changed] : fixed)
    if (changed) log::write(EDGE_RESTART_NEEDED, {{"setting", setting}});
  log::write(EDGE_RELOADED, {{"path", config_path_}});
  daemon::notify_ready("takes alarms");
}

void EdgeDaemon::stop() {
  if (stopping_) return;
  stopping_ = true;
  log::write(EDGE_STOPPING);
  daemon::notify_stopping();
  tick_timer_.cancel();
  // What is spooled is answered now: nobody may be told 421 for a mail that is safe.
  uplink_->release_waiters();
  door_->stop(stop_patience, [this] { faults_->drain([this] { finish(); }); });
}

void EdgeDaemon::finish() {
  metrics_.reset();
  sticks_.reset();
  page_.reset();
  if (enroller_) enroller_->stop();
  uplink_->stop();
  faults_->close();
  control_->close();
  tunnel_->stop();
  watchdog_.reset();
  signals_.reset();
  context_.stop();
}

status::BoxFigures EdgeDaemon::signs() const {
  status::BoxFigures figures;
  figures.tunnel = tunnel_->status();
  figures.link = uplink_->status();
  figures.spool = spool_->snapshot();
  figures.faults = faults_->open_faults();
  if (config_.canary_every.count() > 0)
    figures.acknowledged_within = canaries_missed_max * config_.canary_every + canary_travels_max;
  figures.now_us = wall_now_us();
  return figures;
}

status::BoxFigures EdgeDaemon::figures() const {
  status::BoxFigures figures = signs();
  figures.door = door_->snapshot();
  figures.devices = {devices_, &devices_->entries()};
  figures.uptime_s =
      std::chrono::duration_cast<std::chrono::seconds>(steady_now() - started_).count();
  return figures;
}

}  // namespace alarmwire::edge
