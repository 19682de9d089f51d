// The box put together: door → intake → spool → uplink, with the fault desk, the control socket and
// the way to alarmwire-tunnel beside them. One io_context, one thread; the spool and gRPC bring
// their own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "common/daemon.hpp"
#include "common/fault_desk.hpp"
#include "edge/daemon/box_page.hpp"
#include "edge/daemon/config.hpp"
#include "edge/daemon/enroller.hpp"
#include "edge/daemon/key_changer.hpp"
#include "edge/daemon/neighbour_watch.hpp"
#include "edge/daemon/stick_watch.hpp"
#include "edge/daemon/test_alarm.hpp"
#include "edge/status/box_commands.hpp"
#include "edge/watch/canary.hpp"
#include "tunnel/client/tunnel_client.hpp"

namespace alarmwire::edge {

class EdgeDaemon final : private spool::Observer {
 public:
  // Mails under way may finish this long after SIGTERM; all is over within 5 s.
  static constexpr std::chrono::milliseconds stop_patience{2500};
  static constexpr std::chrono::seconds tunnel_daemon_grace{15};
  // Two canaries may be missed, and the second has a minute to arrive.
  static constexpr int canaries_missed_max = 2;
  static constexpr std::chrono::seconds canary_travels_max{60};

  // `sockets`: the door's (smtp::listening_sockets).
  EdgeDaemon(std::string config_path, Config config, std::vector<smtp::InheritedSocket> sockets,
             PageSockets page_sockets);
  ~EdgeDaemon() override;

  // Before start(). `listening_fd`: of metrics::listen_at(), -1 for none.
  void offer_metrics(int listening_fd);
  Status start();
  int run();  // until SIGTERM; the exit code

 private:
  void on_record(const RecordKey& key) override;
  void on_fault(const std::string& code, const std::string& subject, const std::string& reason,
                bool over) override;
  void on_fatal(const Failure& failure) override;

  Status open_spool();
  Status open_uplink();
  Status open_door();
  Status open_control();
  Status open_page();
  Status open_sticks();
  StickBox stick_box() const;
  void take_stick(const provisioning::SiteDocument& document);
  std::shared_ptr<smtp::DeviceDirectory> directory();  // of the configuration in force
  void on_joined(const std::string& centre_address);
  void on_link(bool up, const std::string& reason);
  void tick();
  void watch_tunnel();
  void tell_of_crash();
  void reload();
  void stop();
  void finish();
  status::BoxFigures signs() const;  // what the verdict takes
  status::BoxFigures figures() const;
  void watch_way();

  const std::string config_path_;
  Config config_;
  const std::vector<smtp::InheritedSocket> sockets_;
  const PageSockets page_sockets_;
  const SteadyTime started_;
  boost::asio::io_context context_{1};
  boost::asio::steady_timer tick_timer_{context_};
  std::unique_ptr<FaultDesk> faults_;
  std::unique_ptr<spool::Spool> spool_;
  std::shared_ptr<tunnel::TunnelClient> tunnel_;
  std::unique_ptr<uplink::Uplink> uplink_;
  std::unique_ptr<KeyChanger> keys_;    // of the same
  std::unique_ptr<Enroller> enroller_;  // of a box whose centre comes by a ticket
  std::string centre_address_;          // of that one; "": none yet
  std::unique_ptr<SpoolIntake> intake_;
  std::unique_ptr<TestAlarm> test_alarm_;
  std::shared_ptr<NeighbourWatch> neighbours_;  // null: MACs are not known
  std::shared_ptr<const Devices> devices_;
  std::unique_ptr<smtp::Door> door_;
  std::unique_ptr<status::BoxCommands> commands_;
  std::unique_ptr<control::Server> control_;
  std::unique_ptr<BoxPage> page_;
  std::unique_ptr<metrics::MetricsServer> metrics_;
  std::unique_ptr<StickWatch> sticks_;
  std::unique_ptr<daemon::Signals> signals_;
  std::shared_ptr<void> watchdog_;
  SteadyTime tunnel_heard_;
  watch::Canary canary_;
  std::string_view colour_;  // of the last verdict
  bool stopping_ = false;
};

}  // namespace alarmwire::edge
