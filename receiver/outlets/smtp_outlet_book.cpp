// The SMTP outlet's book thread: reads from the ledger what stored() could not offer, keeps the
// times, raises what must be raised.
#include <algorithm>

#include "receiver/outlets/messages.hpp"
#include "receiver/outlets/smtp_outlet_class.hpp"

namespace alarmwire::outlets {
namespace {

constexpr std::chrono::milliseconds ledger_retry_after{500};  // reading or noting failed

}  // namespace

void SmtpOutlet::run_book() {
  Lock lock(mutex_);
  while (!stopping_) {
    read_forward(lock);
    read_again(lock);
    check_stalled(lock);
    check_ledger(lock);
    look_for_forgotten(lock);
    dispatch();
    sleep_book(lock);
    if (ledger_retry_at_ && steady_now() >= *ledger_retry_at_) {
      ledger_retry_at_.reset();
      look_again();
      lock.unlock();  // the keeper calls us under its own lock
      notes_->write_delayed();
      lock.lock();
    }
  }
}

void SmtpOutlet::sleep_book(Lock& lock) {
  if (poked_ || stopping_ || (order_.needs_refill() && !ledger_retry_at_)) return;
  SteadyTime until = audit_at_;
  if (const auto at = order_.wake_at()) until = std::min(until, *at);
  if (ledger_retry_at_) until = std::min(until, *ledger_retry_at_);
  book_sleeps_until_ = until;
  book_wake_.wait_until(lock, until);
  book_sleeps_until_ = {};
}

void SmtpOutlet::retry_ledger_later() {
  if (ledger_retry_at_) return;
  ledger_retry_at_ = steady_now() + ledger_retry_after;
  book_wake_.notify_one();
}

void SmtpOutlet::ledger_failed(const Failure& failure) {
  log::write(OUTLETS_LEDGER_UNREADABLE, {{"outlet", config_.name}, {"why", failure.diagnostics}});
  if (!ledger_failing_since_) ledger_failing_since_ = steady_now();
  ledger_failure_ = failure.diagnostics;
  retry_ledger_later();
}

// Raises the fault when reading has failed for too long, and ends it when it works again.
void SmtpOutlet::check_ledger(Lock& lock) {
  const bool failing = ledger_failing_since_.has_value();
  if (failing == ledger_reported_) return;
  if (failing && steady_now() - *ledger_failing_since_ < ledger_unreadable_after_) return;
  ledger_reported_ = failing;
  const std::string reason = failing ? ledger_failure_ : "the ledger can be read again";
  lock.unlock();
  observer_.on_fault(std::string(centre_box_id), "ledger-unreadable", config_.name, reason,
                     !failing);
  lock.lock();
}

void SmtpOutlet::read_forward(Lock& lock) {
  while (poked_ && !stopping_) {
    poked_ = false;
    for (bool more = true; more && !stopping_;) {
      const ledger::Position after = seen_;
      lock.unlock();
      const auto page =
          ledger_.hand_overs(config_.name, ledger::HandOverState::waiting, after, read_page_rows);
      lock.lock();
      if (!page) return ledger_failed(page.error());
      ledger_failing_since_.reset();
      for (const ledger::HandOver& waiting : *page) {
        order_.offer(waiting, waiting.position <= was_there_);
        seen_ = waiting.position;
      }
      more = page->size() == read_page_rows;
      dispatch();
    }
    behind_ = poked_;
  }
}

// While a page is read, new records may be stored: a lane that overflows does not take them, they
// are this scan's to read. It is at its end only when nothing came after the page was asked for.
void SmtpOutlet::read_again(Lock& lock) {
  std::optional<ledger::Position> from = order_.begin_refill();
  if (!from) return;
  bool reached_end = false;
  while (!reached_end && order_.refill_wants_more() && !stopping_) {
    const ledger::Position seen = seen_;
    lock.unlock();
    const auto page =
        ledger_.hand_overs(config_.name, ledger::HandOverState::waiting, *from, read_page_rows);
    lock.lock();
    if (!page) {
      ledger_failed(page.error());
      break;
    }
    for (const ledger::HandOver& waiting : *page) {
      from = waiting.position;
      if (*from > seen) break;
      order_.refill(waiting);
    }
    const bool all_read = page->size() < read_page_rows || *from > seen;
    if (all_read) from = seen;
    reached_end = all_read && seen == seen_;
    dispatch();
  }
  order_.end_refill(reached_end);
}

// A net under the above: what the ledger holds as waiting while the order holds nothing has been
// forgotten by a defect of ours. Better found late than never.
void SmtpOutlet::look_for_forgotten(Lock& lock) {
  if (steady_now() < audit_at_) return;
  audit_at_ = steady_now() + audit_every_;
  if (behind_ || !order_.is_empty()) return;
  const ledger::Position seen = seen_;
  lock.unlock();
  std::unique_lock no_retry(retry_mutex_, std::try_to_lock);  // a retry's are not forgotten
  std::vector<ledger::HandOver> found;
  if (no_retry) {
    auto page = ledger_.hand_overs(config_.name, ledger::HandOverState::waiting, 0, read_page_rows);
    if (page) found = std::move(*page);  // if not: whoever reads next says so
  }
  lock.lock();
  for (const ledger::HandOver& waiting : found) {
    if (waiting.position > seen) break;
    log::write(OUTLETS_RECORD_FORGOTTEN,
               {{"outlet", config_.name}, {"position", waiting.position}, {"box", waiting.box}});
    order_.offer_again(waiting);
  }
}

void SmtpOutlet::check_stalled(Lock& lock) {
  if (!order_.stalled(steady_now())) return;
  const std::string reason = config_.target() + ": " + counters_.last_error;
  lock.unlock();
  log::write(OUTLETS_STALLED, {{"outlet", config_.name}, {"why", reason}});
  observer_.on_fault(std::string(centre_box_id), "outlet-stalled", config_.name, reason, false);
  lock.lock();
}

}  // namespace alarmwire::outlets
