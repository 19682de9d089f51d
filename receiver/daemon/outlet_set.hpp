// The outlets of the running centre, made from the configuration, and made anew where it changes.
//
// Promises of swap(): an outlet whose table did not change runs on untouched. One that goes or
// changes finishes the mail in hand (or leaves it waiting, as at a stop) before its successor
// starts, so that the order per box and lane stays; what is waiting or parked stays in the ledger.
// Faults only the old one could have ended are ended. Thread-safety: any thread, but swap() one at
// a time; what named() gave may be used as long as it is held.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "receiver/outlets/smtp_outlet.hpp"

namespace alarmwire::receiver {

class OutletSet {
 public:
  static constexpr std::chrono::seconds ledger_wait{2};  // for the new names to be durable

  // All of them must outlive the set.
  OutletSet(ledger::Ledger& ledger, outlets::SitesSource sites, outlets::OutletObserver& observer)
      : ledger_(ledger), sites_(std::move(sites)), observer_(observer) {}
  ~OutletSet() { stop(); }

  // The ledger was opened with these names.
  void start(const std::vector<outlets::SmtpConfig>& wanted);
  // Waits for the ledger and for what stops: under 5 s. A failure: the ledger has not taken the new
  // names (full, busy); the outlets run as wanted, and swap() is to be called again.
  Status swap(const std::vector<outlets::SmtpConfig>& wanted);
  void stop();  // for good; under 3 s

  void stored(const ledger::Record& record);  // after its commit, in order of positions
  std::vector<outlets::OutletStatus> figures() const;
  std::shared_ptr<outlets::Outlet> named(const std::string& name) const;

 private:
  struct Running {
    outlets::SmtpConfig config;
    std::shared_ptr<outlets::Outlet> outlet;
  };
  Status name_in_ledger(const std::vector<outlets::SmtpConfig>& wanted);
  std::vector<Running> leaving(const std::vector<outlets::SmtpConfig>& wanted) const;
  void run(const std::vector<outlets::SmtpConfig>& wanted);

  ledger::Ledger& ledger_;
  const outlets::SitesSource sites_;
  outlets::OutletObserver& observer_;
  mutable std::mutex mutex_;
  std::vector<Running> running_;  // guarded by mutex_
  bool stopped_ = false;          // guarded by mutex_
};

}  // namespace alarmwire::receiver
