// The tunnel daemon's inside: carries the supervisor's wishes to the device, and the world's news
// to the supervisor. One io_context, one thread; device calls block it for at most a second.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "common/control.hpp"
#include "tunnel/config.hpp"
#include "tunnel/identity.hpp"
#include "tunnel/netlink.hpp"
#include "tunnel/network.hpp"
#include "tunnel/resolver.hpp"
#include "tunnel/supervisor.hpp"

namespace alarmwire::tunnel {

class Service {
 public:
  static constexpr std::chrono::milliseconds poll_every{1000};
  static constexpr std::chrono::milliseconds settle{200};  // before our own network is put right
  static constexpr std::chrono::milliseconds jump_least{2000};
  static constexpr std::chrono::milliseconds restart_wait_max{5000};
  static constexpr int failed_polls_max = 3;  // then the device counts as lost
  static constexpr std::size_t peer_name_bytes_max = 80;

  Service(boost::asio::io_context& context, std::string config_path, Settings settings,
          Secrets secrets);
  ~Service();

  Status start();
  // SIGHUP: reads and checks all of the new configuration, then swaps; else keeps the old one.
  void reload();
  // Takes the tunnel down; the `unreachable` route stays. Idempotent.
  void stop();
  boost::json::object status() const;

 private:
  // What the file says, with what a ticket or the receiver added to it.
  struct Plan {
    Settings settings;
    Secrets secrets;
  };
  // A peer that the receiver gave, beside those of the file. Not kept over a restart: the receiver
  // gives them again, and without it no alarm could be stored anyway.
  struct GivenPeer {
    PeerSettings settings;
    SecretKey preshared_key;
  };

  Plan plan(const Plan& file) const;
  Status raise();
  Status lower();
  Status take_identity(const std::optional<Identity>& identity);
  NetworkPlan network_plan() const;
  Status apply_firewall();
  std::vector<PeerSetup> peer_setups() const;
  PeerConfig peer_config(std::size_t index) const;
  DeviceConfig device_config() const;
  std::optional<std::size_t> index_of(const PublicKey& key) const;
  std::optional<PublicKey> key_of(std::string_view peer_name) const;
  void publish_public_key() const;
  Status open_control();
  void load_remembered();

  void poll();
  void poll_device();
  void watch_clock();
  void wait_for_poll();
  void wait_for_deadline();
  void wait_for_network();
  void wait_for_loss();
  void on_network();
  void put_network_right();
  void lose_device(const std::string& why);
  void restart_device();
  Status swap(const Plan& wanted);

  void act();
  void carry_out(const SetEndpoint& action);
  void carry_out(const Kick& action);
  void carry_out(const Resolve& action);
  void carry_out(const Persist& action);
  void note(const Status& done, const std::string& doing);
  static void note_state(const Status& done);

  boost::json::object peer_status(std::size_t index) const;
  void on_stream(const boost::json::object& request, control::Responder& responder);
  void on_kick(const boost::json::object& request, control::Responder& responder);
  void handle_enrolment();
  boost::json::object enrolment_status() const;
  Result<boost::json::object> on_peers(const boost::json::object& request);
  Result<boost::json::object> on_enrol_begin(const boost::json::object& request);
  Result<boost::json::object> on_enrol_commit(const boost::json::object& request);
  Result<boost::json::object> on_enrol_abandon(const boost::json::object& request);
  boost::json::object rotation_status() const;
  Result<boost::json::object> take_step(const Identity& next);
  Result<boost::json::object> on_rotate_begin(const boost::json::object& request);
  Result<boost::json::object> on_rotate_switch(const boost::json::object& request);
  Result<boost::json::object> on_rotate_welcomed(const boost::json::object& request);
  void watch_trial();

  boost::asio::io_context& context_;
  std::string config_path_;
  Plan file_;          // as configured
  Settings settings_;  // in effect, with secrets_
  Secrets secrets_;
  std::optional<Identity> identity_;       // of a box that enrols
  std::optional<SteadyTime> trial_since_;  // of a new key
  std::vector<GivenPeer> given_;           // at the centre
  std::vector<GivenPeer> arriving_;        // pages of the next given_
  bool was_given_ = false;
  std::string ruleset_;  // as applied last
  Supervisor supervisor_;
  Resolver resolver_;
  std::unique_ptr<TunnelDevice> device_;
  std::unique_ptr<control::Server> control_;
  std::optional<netlink::Monitor> monitor_;
  boost::asio::posix::stream_descriptor monitor_wait_;
  boost::asio::posix::stream_descriptor loss_wait_;
  boost::asio::steady_timer poll_timer_;
  boost::asio::steady_timer deadline_timer_;
  boost::asio::steady_timer network_timer_;
  boost::asio::steady_timer restart_timer_;
  std::map<PublicKey, Endpoint> remembered_;  // from the last run
  unsigned link_index_ = 0;
  std::uint16_t listen_port_ = 0;  // in use
  std::uint64_t restarts_ = 0;
  int failed_polls_ = 0;
  bool is_serving_ = false;
  bool is_apply_due_ = false;
  bool is_network_check_due_ = false;
  bool is_stopped_ = false;
  SteadyTime lost_at_;
  SteadyTime served_at_;
  std::chrono::milliseconds restart_wait_{0};
  SteadyTime clock_seen_at_;
  WallTimeUs clock_seen_ = 0;
};

}  // namespace alarmwire::tunnel
