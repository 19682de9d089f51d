// The SMTP outlet's own class: what its book thread and its connections share. Only
// smtp_outlet.cpp and smtp_outlet_book.cpp include it. Thread-safety: see smtp_outlet.hpp; `mutex_`
// guards what is changed.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "receiver/outlets/courier.hpp"
#include "receiver/outlets/letters.hpp"
#include "receiver/outlets/note_keeper.hpp"
#include "receiver/outlets/retry.hpp"
#include "receiver/outlets/smtp_outlet.hpp"

namespace alarmwire::outlets {

struct Worker {
  explicit Worker(const SmtpConfig& config) : courier(config) {}
  Courier courier;
  std::condition_variable wake;
  std::optional<Job> job;
  std::thread thread;
};

// What is said to the daemon after the lock is let go.
struct Report {
  BoxId box;
  std::string code;
  std::string subject;
  std::string reason;
  bool over = false;
};

class SmtpOutlet final : public Outlet {
 public:
  SmtpOutlet(const SmtpConfig& config, ledger::Ledger& ledger, SitesSource sites,
             OutletObserver& observer, OrderLimits limits)
      : config_(config),
        ledger_(ledger),
        sites_(std::move(sites)),
        observer_(observer),
        ledger_unreadable_after_(limits.ledger_unreadable_after),
        audit_every_(limits.audit_every),
        order_(as_configured(limits, config)),
        notes_(std::make_shared<NoteKeeper>(ledger, config.name)) {}

  ~SmtpOutlet() override { stop(); }

  void start() override;
  void stop() override;
  void stored(const ledger::Record& record) override;
  OutletStatus status() const override;
  Result<std::string> test() override;
  Result<std::uint64_t> retry(const std::string& box) override;

 private:
  static OrderLimits as_configured(OrderLimits limits, const SmtpConfig& config) {
    limits.connections = config.connections;
    limits.stalled_after = config.stalled_after;
    return limits;
  }
  using Lock = std::unique_lock<std::mutex>;

  void run_book();
  void sleep_book(Lock& lock);
  void look_again();
  void read_forward(Lock& lock);
  void read_again(Lock& lock);
  void look_for_forgotten(Lock& lock);
  void check_stalled(Lock& lock);
  void retry_ledger_later();
  void ledger_failed(const Failure& failure);
  void check_ledger(Lock& lock);
  void stop_threads();

  void run_worker(Worker& worker);
  void wait_for_job(Lock& lock, Worker& worker);
  void dispatch();
  void after_change();
  void handle(Lock& lock, Worker& worker, const Job& job);
  void finish(Lock& lock, const Job& job, const Prepared& prepared, Outcome outcome);
  void skip(Lock& lock, const Job& job, const std::string& why);
  std::vector<Report> settle_recipients(const Job& job, const Prepared& prepared, Outcome& outcome);
  void log_attempt(const Job& job, const AlarmId& id, const Attempt& attempt,
                   const Decision& decision) const;
  std::optional<Report> report_for(const Job& job, const Prepared& prepared,
                                   const Decision& decision) const;
  std::string fault_subject(const AlarmId& id) const {
    return outlets::fault_subject(config_.name, id);
  }

  const SmtpConfig config_;
  ledger::Ledger& ledger_;
  const SitesSource sites_;
  OutletObserver& observer_;
  const std::chrono::milliseconds ledger_unreadable_after_;
  const std::chrono::milliseconds audit_every_;

  mutable std::mutex mutex_;  // guards everything below
  Order order_;
  std::condition_variable book_wake_;
  bool poked_ = false;
  bool behind_ = true;  // the ledger may hold records behind seen_: it must be read
  bool running_ = false;
  bool stopping_ = false;
  ledger::Position was_there_ = 0;  // records up to here were stored before the start
  ledger::Position seen_ = 0;       // read up to here
  std::optional<SteadyTime> ledger_retry_at_;
  std::optional<SteadyTime> ledger_failing_since_;
  std::string ledger_failure_;
  bool ledger_reported_ = false;
  SteadyTime book_sleeps_until_{};
  SteadyTime audit_at_{};  // when to look for forgotten records
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> idle_;  // the last one to fall idle goes first: it is the warmest
  std::map<ledger::Position, std::set<std::string>> settled_addresses_;
  OutletStatus counters_;
  WallTimeUs stopped_since_us_ = 0;
  Courier* test_courier_ = nullptr;  // of the test() under way, for stop() to abort
  bool no_more_tests_ = false;

  const std::shared_ptr<NoteKeeper> notes_;
  std::thread book_;
  std::mutex retry_mutex_;  // held for a whole retry(); no other lock is taken before it
  std::mutex test_mutex_;   // held for a whole test(); likewise
};

}  // namespace alarmwire::outlets
