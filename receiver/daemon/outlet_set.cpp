#include "receiver/daemon/outlet_set.hpp"

#include <algorithm>
#include <future>
#include <thread>

#include "common/fault_book.hpp"

namespace alarmwire::receiver {
namespace {

// Side by side: each may take its 2.5 s.
template <typename Outlets>
void stop_all(const Outlets& outlets) {
  std::vector<std::thread> stopping;
  for (const auto& running : outlets)
    stopping.emplace_back([outlet = running.outlet] { outlet->stop(); });
  for (std::thread& thread : stopping) thread.join();
}

}  // namespace

void OutletSet::start(const std::vector<outlets::SmtpConfig>& wanted) {
  run(wanted);
}

Status OutletSet::swap(const std::vector<outlets::SmtpConfig>& wanted) {
  // First the ledger: what is stored from now on is owed to the new ones, and no more to those that
  // go.
  Status named = name_in_ledger(wanted);
  const std::vector<Running> gone = leaving(wanted);
  stop_all(gone);
  for (const Running& old : gone)
    for (const std::string_view code : {fault::outlet_stalled, fault::ledger_unreadable})
      observer_.on_fault(std::string(centre_box_id), std::string(code), old.config.name,
                         "the outlet was configured anew or removed", true);
  run(wanted);
  return named;
}

Status OutletSet::name_in_ledger(const std::vector<outlets::SmtpConfig>& wanted) {
  std::vector<std::string> names;
  for (const outlets::SmtpConfig& config : wanted) names.push_back(config.name);
  const auto answer = std::make_shared<std::promise<Status>>();
  std::future<Status> named = answer->get_future();
  ledger_.set_outlets(std::move(names),
                      [answer](const Result<void>& result) { answer->set_value(result); });
  if (named.wait_for(ledger_wait) != std::future_status::ready)
    return Failure(Errc::timed_out, "the ledger does not answer");
  return named.get();
}

std::vector<OutletSet::Running> OutletSet::leaving(
    const std::vector<outlets::SmtpConfig>& wanted) const {
  const std::lock_guard lock(mutex_);
  std::vector<Running> gone;
  for (const Running& running : running_)
    if (std::find(wanted.begin(), wanted.end(), running.config) == wanted.end())
      gone.push_back(running);
  return gone;
}

// What is wanted and runs already is kept; the rest is made. Started under the lock: a stop() in
// between would miss it.
void OutletSet::run(const std::vector<outlets::SmtpConfig>& wanted) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  std::vector<Running> next;
  std::vector<outlets::Outlet*> fresh;
  for (const outlets::SmtpConfig& config : wanted) {
    const auto kept = std::find_if(running_.begin(), running_.end(),
                                   [&](const Running& old) { return old.config == config; });
    if (kept != running_.end()) {
      next.push_back(*kept);
      continue;
    }
    next.push_back({config, outlets::make_smtp_outlet(config, ledger_, sites_, observer_)});
    fresh.push_back(next.back().outlet.get());
  }
  running_ = std::move(next);
  for (outlets::Outlet* const outlet : fresh) outlet->start();
}

void OutletSet::stop() {
  std::vector<Running> last;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    last = running_;
  }
  stop_all(last);
}

void OutletSet::stored(const ledger::Record& record) {
  const std::lock_guard lock(mutex_);
  for (const Running& running : running_) running.outlet->stored(record);
}

std::vector<outlets::OutletStatus> OutletSet::figures() const {
  std::vector<Running> all;
  {
    const std::lock_guard lock(mutex_);
    all = running_;
  }
  std::vector<outlets::OutletStatus> figures;
  for (const Running& running : all) figures.push_back(running.outlet->status());
  return figures;
}

std::shared_ptr<outlets::Outlet> OutletSet::named(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (const Running& running : running_)
    if (running.config.name == name) return running.outlet;
  return nullptr;
}

}  // namespace alarmwire::receiver
