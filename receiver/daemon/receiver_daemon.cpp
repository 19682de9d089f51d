#include "receiver/daemon/receiver_daemon.hpp"

#include <net/if.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "common/files.hpp"
#include "receiver/daemon/messages.hpp"

namespace alarmwire::receiver {
namespace {

constexpr const char* software = "alarmwire " ALARMWIRE_VERSION;
constexpr std::chrono::minutes first_retention{1};

std::string text_at(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

ReceiverDaemon::ReceiverDaemon(std::string config_path, Config config)
    : config_path_(std::move(config_path)),
      config_(std::move(config)),
      started_(steady_now()),
      boxes_(started_, config_.silent_after),
      tunnel_heard_(started_),
      retention_due_(started_ + first_retention) {}

// Nobody may read or write the ledger when it goes, and it reports to outlets, alarms and ingest
// until it is gone.
ReceiverDaemon::~ReceiverDaemon() {
  if (outlets_) outlets_->stop();
  for (boost::asio::thread_pool* pool : {&chores_, &swaps_, &stoppers_}) pool->join();
  if (office_) office_->stop();
  if (ingest_) ingest_->stop();
  if (alarms_) alarms_->stop();
  ledger_.reset();
}

Status ReceiverDaemon::start() {
  log::set_level(config_.log_level);
  for (const auto step : {&ReceiverDaemon::open_ledger, &ReceiverDaemon::open_ingest,
                          &ReceiverDaemon::open_outlets, &ReceiverDaemon::open_control})
    if (Status done = (this->*step)(); done.has_error()) return done;
  // Last: what it books is reported to outlets and alarms, which must be there by then.
  faults_->open_with(
      [this](const FaultBook::Entry& entry, std::function<void(FaultDesk::Booked)> done) {
        const BoxId box = entry.box.empty() ? std::string(centre_box_id) : entry.box;
        ledger_->book_own(
            box, entry.id, entry.envelope,
            [done = std::move(done)](const Result<ledger::Record>& booked) {
              using Booked = FaultDesk::Booked;
              if (booked.has_value()) return done(Booked::yes);
              done(booked.error().is(Errc::invalid_argument) ? Booked::never : Booked::later);
            });
      });
  signals_ = daemon::Signals::install(
      context_, [this] { stop(); }, [this] { reload(); });
  watchdog_ = daemon::start_watchdog(context_);
  tick();
  log::write(RECEIVER_STARTED, {{"version", ALARMWIRE_VERSION}});
  daemon::notify_ready("takes alarms");
  return {};
}

int ReceiverDaemon::run() {
  context_.run();
  return daemon::exit_ok;
}

Status ReceiverDaemon::open_ledger() {
  for (const std::string& path : {config_.state_directory, config_.ledger.directory})
    if (Status made = make_directories(path); made.has_error()) return made;
  faults_ = std::make_unique<FaultDesk>(context_, config_.state_directory + "/faults.json");
  Result<std::unique_ptr<ledger::Ledger>> opened =
      ledger::open_sqlite_ledger(config_.ledger, *this);
  if (opened.has_error()) return opened.error();
  ledger_ = std::move(*opened);
  return {};
}

Status ReceiverDaemon::open_ingest() {
  ingest::Config config;
  config.software = software;
  const auto box_of = [this](const std::string& peer) { return this->box_of(peer); };
  ingest_ = std::make_unique<ingest::Ingest>(context_, config, *ledger_, box_of, *this);
  tunnel_ = std::make_shared<tunnel::TunnelClient>(context_, config_.tunnel.control_socket);
  // The listener needs the tunnel's interface and address: it opens as soon as they are known.
  tunnel_->start([this](bool reachable) {
    if (reachable && tunnel_->status()) listen(*tunnel_->status());
  });
  return open_office();
}

Status ReceiverDaemon::open_outlets() {
  outlets_ = std::make_unique<OutletSet>(
      *ledger_, [this] { return current_sites(); }, *this);
  judge_anew();
  judge_missing();
  tell_of_crash();
  outlets_->start(config_.outlets);
  return {};
}

std::shared_ptr<const sites::Sites> ReceiverDaemon::current_sites() const {
  const std::lock_guard lock(sites_mutex_);
  return sites_;
}

// --- what the rooms say ---

void ReceiverDaemon::on_stored(const ledger::Record& record) {
  outlets_->stored(record);
  alarms_->on_stored(record);
}

void ReceiverDaemon::on_stage(const BoxId& box, const AlarmId& id, const ledger::StageMark& mark) {
  ingest_->receipt(box, id, mark);
}

void ReceiverDaemon::on_fault(const std::string& code, const std::string& subject,
                              const std::string& reason, bool over) {
  faults_->report(std::string(centre_box_id), code, subject, reason, over);
}

void ReceiverDaemon::on_fault(const BoxId& box, const std::string& code, const std::string& subject,
                              const std::string& reason, bool over) {
  // Two signs of one fault: told when the first is there, over when both are gone.
  if (code == fault::box_cloned) return clones_.fencing(box, !over);
  faults_->report(box, code, subject, reason, over);
}

// Nothing may be acknowledged any more: not even destructors run. The next start books the fault.
void ReceiverDaemon::on_fatal(const Failure& failure) {
  log::write(RECEIVER_FATAL, {{"reason", failure.diagnostics}});
  leave_crash_note(config_.state_directory, failure.diagnostics);
  std::_Exit(daemon::exit_failed);
}

void ReceiverDaemon::tell_of_crash() {
  const std::optional<std::string> reason = take_crash_note(config_.state_directory);
  if (reason)
    faults_->event(std::string(centre_box_id), std::string(fault::daemon_crashed),
                   "alarmwire-receiver", *reason);
}

// Faults of an earlier life whose end only that life could have seen: they end here, and come again
// at once if they still hold. Otherwise they would stay open for ever, and the next real one would
// be no news.
void ReceiverDaemon::judge_anew() {
  for (const FaultBook::Open& open : faults_->open_faults()) {
    const bool is_watched_on =
        open.code == fault::tunnel_silent || open.code == fault::tunnel_daemon ||
        open.code == fault::outlet_parked || open.code == fault::outlet_missing;
    if (!is_watched_on)
      faults_->report(open.box, open.code, open.subject, "the centre was restarted: judged anew",
                      true);
  }
}

// Asked on the thread that swaps outlets: what it answers is never older than what was told before.
void ReceiverDaemon::judge_missing() {
  boost::asio::post(swaps_, [this] {
    boost::asio::post(context_, [this, owed = ledger_->owed()] { tell_missing(owed); });
  });
}

// The fault outlet-missing, about no outlet at all ("") or one that went with alarms still waiting.
void ReceiverDaemon::tell_missing(const Result<std::vector<ledger::Owed>>& owed) {
  if (owed.has_error()) {  // the outlets complain of the ledger
    swap_again_at_ = steady_now() + swap_again_after;
    return;
  }
  std::map<std::string, std::string> missing;
  if (config_.outlets.empty())
    missing[""] = "no [[outlet]] is configured: alarms are stored and shown, but handed to nobody";
  for (const ledger::Owed& at : *owed)
    if (!at.configured)
      missing[at.outlet] = std::to_string(at.waiting) + " alarms wait and " +
                           std::to_string(at.parked) + " are parked there: " + advice(at.outlet);
  const std::string centre(centre_box_id), code(fault::outlet_missing);
  for (const FaultBook::Open& open : faults_->open_faults())
    if (open.code == code && missing.count(open.subject) == 0)
      faults_->report(centre, code, open.subject, "nothing waits for a missing outlet any more",
                      true);
  for (const auto& [outlet, reason] : missing) faults_->report(centre, code, outlet, reason, false);
}

void ReceiverDaemon::on_box_up(const ingest::BoxStatus& status) {
  boxes_.on_heard(status.box, steady_now());
  tunnel_->tell_stream(status.box, true);
  take_place(status);
  const auto order = key_orders_.find(status.box);
  if (order != key_orders_.end()) ingest_->order_key(status.box, order->second);
}

void ReceiverDaemon::on_box_down(const BoxId& box, const std::string& reason, WallTimeUs) {
  boxes_.on_down(box, reason);
  tunnel_->tell_stream(box, false);
}

void ReceiverDaemon::on_heard(const BoxId& box) {
  boxes_.on_heard(box, steady_now());
}

void ReceiverDaemon::on_key_news(const BoxId& box, const link::KeyNews& news) {
  office_->key_news(box, news);
}

// --- time ---

void ReceiverDaemon::tick() {
  watch_boxes();
  watch_tunnel();
  order_keys_again();
  if (steady_now() - started_ > listen_grace)
    faults_->report(std::string(centre_box_id), std::string(fault::not_listening), "",
                    listening_on_ != 0 ? "boxes can connect"
                                       : "no listener on the tunnel: boxes cannot connect",
                    listening_on_ != 0);
  if (steady_now() >= retention_due_) apply_retention();
  if (swap_again_at_ && steady_now() >= *swap_again_at_) swap_outlets();
  tick_timer_.expires_after(std::chrono::seconds(1));
  tick_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_) tick();
  });
}

// Where each key is heard from: two boxes with one key show by that.
void ReceiverDaemon::watch_places(const boost::json::object& tunnel) {
  const boost::json::value* const peers = tunnel.if_contains("peers");
  if (peers == nullptr || !peers->is_array()) return;
  for (const boost::json::value& peer : peers->get_array()) {
    if (!peer.is_object()) continue;
    const BoxId box = text_at(peer.get_object(), "box");
    if (boxes_known_.contains(box))
      clones_.heard_from(box, text_at(peer.get_object(), "endpoint"), steady_now());
  }
  for (const ingest::CloneWatch::Change& change : clones_.tick(steady_now()))
    faults_->report(change.box, std::string(fault::box_cloned), change.box, change.reason,
                    !change.cloned);
}

void ReceiverDaemon::watch_tunnel() {
  const std::string code(fault::tunnel_daemon);
  if (const auto& state = tunnel_->status()) {
    tunnel_heard_ = steady_now();
    faults_->report(std::string(centre_box_id), code, "alarmwire-tunnel", "answers again", true);
    listen(*state);
    watch_places(*state);
  } else if (steady_now() - tunnel_heard_ > tunnel_daemon_grace) {
    faults_->report(std::string(centre_box_id), code, "alarmwire-tunnel",
                    "does not answer on its control socket", false);
  }
}

// On the tunnel's interface and address only. An interface that was made anew has another index,
// and a socket bound to the old one hears nothing any more.
void ReceiverDaemon::listen(const boost::json::object& tunnel) {
  if (const auto key = tunnel::PublicKey::parse(text_at(tunnel, "public_key")))
    office_->know_centre(*key);
  const std::string interface = text_at(tunnel, "interface");
  const std::string address = text_at(tunnel, "address");
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return;
  if (index != enrolling_on_ && listen_for_boxes(address, interface)) enrolling_on_ = index;
  if (index == listening_on_) return;
  const Result<int> fd = link::listen_tcp(address, config_.tunnel.link_port, interface);
  link::LinkServerConfig server;
  if (fd.has_value()) server.listen_fd = *fd;
  const Status listening = fd.has_error() ? Status(fd.error()) : ingest_->listen(server);
  if (listening.has_error()) {
    if (!listen_failed_)
      log::write(RECEIVER_LISTEN_FAILED, {{"interface", interface},
                                          {"address", address},
                                          {"reason", listening.error().diagnostics}});
    listen_failed_ = true;
    return;
  }
  listening_on_ = index;
  listen_failed_ = false;
  boxes_.on_listening(steady_now());
}

// For boxes that hold only a ticket: the tunnel's firewall lets nobody else come here.
bool ReceiverDaemon::listen_for_boxes(const std::string& address, const std::string& interface) {
  const Result<int> fd = link::listen_tcp(address, config_.tunnel.enrolment_port, interface);
  const Status listening = fd.has_error() ? Status(fd.error()) : office_->listen(*fd);
  if (listening.has_error() && !enrol_listen_failed_)
    log::write(RECEIVER_ENROL_LISTEN_FAILED, {{"port", config_.tunnel.enrolment_port},
                                              {"reason", listening.error().diagnostics}});
  enrol_listen_failed_ = listening.has_error();
  return listening.has_value();
}

void ReceiverDaemon::apply_retention() {
  retention_due_ = steady_now() + retention_every;
  office_->hourly();
  ledger_->apply_retention(config_.retention, wall_now_us(),
                           [](const Result<std::uint64_t>& deleted) {
                             if (deleted.has_value() && *deleted > 0)
                               log::write(RECEIVER_RETENTION, {{"deleted_records", *deleted}});
                           });
}

// --- signals ---

void ReceiverDaemon::warn_of_fixed(const Config& fresh) const {
  const std::pair<const char*, bool> fixed[] = {
      {"receiver.state_directory", fresh.state_directory != config_.state_directory},
      {"receiver.control_socket", fresh.control_socket != config_.control_socket},
      {"receiver.control_group", fresh.control_group != config_.control_group},
      {"receiver.user", fresh.user.account != config_.user.account},
      {"metrics", fresh.metrics != config_.metrics},
      {"receiver.silent_after", fresh.silent_after != config_.silent_after},
      {"ledger.directory", fresh.ledger.directory != config_.ledger.directory},
      {"tunnel.link_port", fresh.tunnel.link_port != config_.tunnel.link_port},
      {"tunnel.enrolment_port", fresh.tunnel.enrolment_port != config_.tunnel.enrolment_port},
      {"tunnel.prefix", fresh.tunnel.prefix != config_.tunnel.prefix},
      {"tunnel.control_socket", fresh.tunnel.control_socket != config_.tunnel.control_socket},
  };
  for (const auto& [setting, changed] : fixed)
    if (changed) log::write(RECEIVER_RESTART_NEEDED, {{"setting", setting}});
}

void ReceiverDaemon::reload() {
  daemon::notify_reloading();
  Result<Config> fresh = load_config(config_path_);
  if (fresh.has_error()) {
    log::write(RECEIVER_RELOAD_REFUSED, {{"reason", fresh.error().diagnostics}});
    daemon::notify_ready("the new configuration was refused");
    return;
  }
  warn_of_fixed(*fresh);
  log::set_level(fresh->log_level);
  config_.sites = std::move(fresh->sites);
  config_.retention = fresh->retention;
  config_.metrics_of_boxes = fresh->metrics_of_boxes;
  config_.report_after = fresh->report_after;
  config_.report_after_at = std::move(fresh->report_after_at);
  config_.acknowledged_within = fresh->acknowledged_within;
  config_.tunnel.peers = std::move(fresh->tunnel.peers);
  config_.provisioning = std::move(fresh->provisioning);
  office_->configure(config_.provisioning);
  know_boxes("no longer in the configuration");
  const bool other_outlets = fresh->outlets != config_.outlets;
  config_.outlets = std::move(fresh->outlets);
  if (other_outlets) swap_outlets();
  log::write(RECEIVER_RELOADED, {{"path", config_path_}});
  daemon::notify_ready("takes alarms");
}

void ReceiverDaemon::swap_outlets() {
  swap_again_at_.reset();
  boost::asio::post(swaps_, [this, wanted = config_.outlets] {
    const Status named = outlets_->swap(wanted);
    if (named.has_error())
      log::write(RECEIVER_OUTLETS_UNNAMED, {{"reason", named.error().diagnostics}});
    boost::asio::post(context_, [this, failed = named.has_error()] {
      if (failed && !swap_again_at_) swap_again_at_ = steady_now() + swap_again_after;
      log::write(RECEIVER_OUTLETS_SWAPPED, {{"outlets", config_.outlets.size()}});
    });
  });
  judge_missing();
}

void ReceiverDaemon::stop() {
  if (stopping_) return;
  stopping_ = true;
  log::write(RECEIVER_STOPPING);
  daemon::notify_stopping();
  tick_timer_.cancel();
  // Side by side: the boxes are told to come back, the outlets finish the mails in hand.
  still_stopping_ = 2;
  boost::asio::post(stoppers_, [this] {
    outlets_->stop();
    boost::asio::post(context_, [this] { one_has_stopped(); });
  });
  ingest_->drain(come_back_after, "the centre stops", [this] { one_has_stopped(); });
}

void ReceiverDaemon::one_has_stopped() {
  if (--still_stopping_ == 0) faults_->drain([this] { finish(); });
}

void ReceiverDaemon::finish() {
  metrics_.reset();
  office_->stop();
  ingest_->stop();
  faults_->close();
  control_->close();
  tunnel_->stop();
  watchdog_.reset();
  signals_.reset();
  context_.stop();
}

}  // namespace alarmwire::receiver
