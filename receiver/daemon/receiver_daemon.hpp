// The centre put together: ingest → ledger → outlets, with the watch over silent boxes, the fault
// desk, the control socket and the way to alarmwire-tunnel beside them. One io_context, one thread;
// ledger, outlets and gRPC bring their own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/daemon.hpp"
#include "common/fault_desk.hpp"
#include "receiver/daemon/alarm_commands.hpp"
#include "receiver/daemon/box_office.hpp"
#include "receiver/daemon/centre_status.hpp"
#include "receiver/daemon/config.hpp"
#include "receiver/daemon/outlet_set.hpp"
#include "receiver/fleet/box_watch.hpp"
#include "receiver/fleet/loss_book.hpp"
#include "receiver/fleet/stuck_watch.hpp"
#include "receiver/ingest/clone_watch.hpp"
#include "tunnel/client/tunnel_client.hpp"

namespace alarmwire::receiver {

class ReceiverDaemon final : public ledger::Observer,
                             public ingest::Observer,
                             public outlets::OutletObserver {
 public:
  static constexpr std::chrono::seconds tunnel_daemon_grace{15};
  static constexpr std::chrono::seconds listen_grace{20};  // after a start, before it is a fault
  static constexpr std::chrono::milliseconds come_back_after{
      1000};  // told to the boxes when stopping
  static constexpr std::chrono::hours retention_every{1};
  static constexpr std::chrono::seconds key_order_again{5};   // until it is heard how it ended
  static constexpr std::chrono::seconds swap_again_after{5};  // the ledger took no new names

  ReceiverDaemon(std::string config_path, Config config);
  ~ReceiverDaemon() override;

  // Before start(). `listening_fd`: of metrics::listen_at(), -1 for none.
  void offer_metrics(int listening_fd);
  Status start();
  int run();  // until SIGTERM; the exit code

 private:
  // ledger::Observer, on its writer thread
  void on_stored(const ledger::Record& record) override;
  void on_stage(const BoxId& box, const AlarmId& id, const ledger::StageMark& mark) override;
  void on_fault(const std::string& code, const std::string& subject, const std::string& reason,
                bool over) override;
  void on_fatal(const Failure& failure) override;
  // ingest::Observer, on our thread
  void on_box_up(const ingest::BoxStatus& status) override;
  void on_box_down(const BoxId& box, const std::string& reason, WallTimeUs time_us) override;
  void on_heard(const BoxId& box) override;
  void on_key_news(const BoxId& box, const link::KeyNews& news) override;
  // ingest::Observer and outlets::OutletObserver
  void on_fault(const BoxId& box, const std::string& code, const std::string& subject,
                const std::string& reason, bool over) override;

  Status open_ledger();
  Status open_outlets();
  Status open_ingest();
  Status open_control();
  Status open_office();
  void know_boxes(const std::string& why_gone);
  void take_place(const ingest::BoxStatus& status);
  void order_keys();
  void order_keys_again();
  void watch_box(const BoxId& id);
  void forget_box(const BoxId& id, const std::string& why_gone);
  std::optional<BoxId> box_of(const std::string& peer_address) const;
  void tick();
  void watch_boxes();
  std::map<BoxId, fleet::Verdict> tell_states();
  void report(std::string_view code, std::string_view code_of_many,
              const std::vector<fleet::LossBook::Report>& reports);
  void watch_tunnel();
  void watch_places(const boost::json::object& tunnel);
  void listen(const boost::json::object& tunnel);
  bool listen_for_boxes(const std::string& address, const std::string& interface);
  void apply_retention();
  void tell_of_crash();
  void judge_anew();
  void judge_missing();
  void tell_missing(const Result<std::vector<ledger::Owed>>& owed);
  void swap_outlets();
  void reload();
  void warn_of_fixed(const Config& fresh) const;
  void stop();
  void one_has_stopped();
  void finish();
  std::shared_ptr<const sites::Sites> current_sites() const;
  CentreFigures figures_without_outlets() const;
  void add_outlet_figures(CentreFigures& figures) const;
  using Reply = std::shared_ptr<control::Responder>;
  using AnswerLater = std::function<void(const boost::json::object&, const Reply&)>;
  void answer_later(std::string_view command, boost::asio::thread_pool& on, AnswerLater answer);
  void handle_status();
  void handle_outlets();
  std::string why_no_outlet(const std::string& name) const;
  Status must_have_left(const std::string& outlet) const;
  Result<std::uint64_t> drop_stranded(const std::string& name);

  const std::string config_path_;
  Config config_;
  const SteadyTime started_;
  boost::asio::io_context context_{1};
  boost::asio::steady_timer tick_timer_{context_};
  boost::asio::thread_pool chores_{4};    // what may block: tests, figures
  boost::asio::thread_pool swaps_{1};     // what changes outlets or hand-overs: one at a time
  boost::asio::thread_pool stoppers_{1};  // nothing else may keep a stop waiting
  mutable std::mutex sites_mutex_;
  std::shared_ptr<const sites::Sites>
      sites_;  // behind sites_mutex_: outlets ask from their threads
  std::unique_ptr<FaultDesk> faults_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<OutletSet> outlets_;
  std::unique_ptr<ingest::Ingest> ingest_;
  fleet::BoxWatch boxes_;
  ingest::CloneWatch clones_;
  fleet::LossBook losses_;
  fleet::VerdictBook verdicts_;
  fleet::StuckWatch stuck_watch_;
  std::set<BoxId> stuck_;  // told of in stuck_book_
  fleet::LossBook stuck_book_{
      {"are connected and were acknowledged last", "no longer stuck", "still stuck"}};
  std::shared_ptr<tunnel::TunnelClient> tunnel_;
  std::vector<provisioning::BoxRow> enrolled_;  // by tickets, and approved
  std::set<BoxId> boxes_known_;                 // those and the configured
  std::map<std::string, BoxId> box_at_;         // by tunnel address; a box may have two
  std::map<BoxId, std::string> key_orders_;     // under way: the box shall change its key
  SteadyTime key_orders_due_{};
  std::unique_ptr<BoxOffice> office_;
  std::unique_ptr<AlarmCommands> alarms_;
  std::unique_ptr<control::Server> control_;
  std::unique_ptr<metrics::MetricsServer> metrics_;
  std::unique_ptr<daemon::Signals> signals_;
  std::shared_ptr<void> watchdog_;
  SteadyTime tunnel_heard_;
  SteadyTime retention_due_;
  unsigned listening_on_ = 0;  // index of the interface; 0: not listening
  bool listen_failed_ = false;
  unsigned enrolling_on_ = 0;  // the same, for boxes that hold only a ticket
  bool enrol_listen_failed_ = false;
  std::optional<SteadyTime> swap_again_at_;
  std::size_t still_stopping_ = 0;  // the outlets, and the streams of the boxes
  bool stopping_ = false;
};

}  // namespace alarmwire::receiver
