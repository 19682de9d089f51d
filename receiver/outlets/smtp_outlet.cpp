#include "receiver/outlets/smtp_outlet.hpp"

#include <algorithm>
#include <boost/assert.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "receiver/outlets/courier.hpp"
#include "receiver/outlets/fault_mail.hpp"
#include "receiver/outlets/letters.hpp"
#include "receiver/outlets/messages.hpp"
#include "receiver/outlets/note_keeper.hpp"
#include "receiver/outlets/retry.hpp"
#include "receiver/outlets/smtp_outlet_class.hpp"

namespace alarmwire::outlets {
namespace {

using std::chrono::milliseconds;

// stop() takes 2.5 s at most: libcurl looks up once a second whether to give up.
constexpr milliseconds stop_wait{1'000};      // for the mail in hand
constexpr milliseconds stop_notes_wait{400};  // then for the notes
constexpr std::string_view own_fault_prefix = "outlet-";

}  // namespace

void SmtpOutlet::start() {
  const ledger::Position last = ledger_.snapshot().last_position;
  const Lock lock(mutex_);
  if (running_) return;
  running_ = true;
  look_again();
  was_there_ = last;
  auto on_durable = [this](const BoxId& box, Lane lane) {
    const Lock durable_lock(mutex_);
    order_.noted(box, lane);
    after_change();
  };
  auto on_delayed = [this] {
    const Lock delayed_lock(mutex_);
    retry_ledger_later();
  };
  notes_->set_callbacks(std::move(on_durable), std::move(on_delayed));
  for (std::size_t i = 0; i < config_.connections; ++i)
    workers_.push_back(std::make_unique<Worker>(config_));
  for (const auto& worker : workers_)
    worker->thread = std::thread([this, w = worker.get()] { run_worker(*w); });
  book_ = std::thread([this] { run_book(); });
}

void SmtpOutlet::stop() {
  {
    const Lock lock(mutex_);
    no_more_tests_ = true;
    if (test_courier_ != nullptr) test_courier_->abort_after(steady_now());
  }
  stop_threads();
  const std::lock_guard test_is_over(test_mutex_);
}

void SmtpOutlet::stop_threads() {
  {
    const Lock lock(mutex_);
    if (!running_ || stopping_) return;
    stopping_ = true;
    for (const auto& worker : workers_) {
      worker->courier.abort_after(steady_now() + stop_wait);
      worker->wake.notify_all();
    }
    book_wake_.notify_all();
  }
  book_.join();
  for (const auto& worker : workers_) worker->thread.join();
  notes_->wait_idle(stop_notes_wait);
  notes_->set_callbacks(nullptr, nullptr);
}

void SmtpOutlet::look_again() {
  poked_ = behind_ = true;
  book_wake_.notify_one();
}

// Whether a replayed one waits here at all, only the ledger knows.
void SmtpOutlet::stored(const ledger::Record& record) {
  const Lock lock(mutex_);
  if (behind_ || record.replayed) return look_again();
  if (record.position <= seen_) return;
  ledger::HandOver waiting;
  waiting.position = record.position;
  waiting.box = record.box;
  waiting.lane = record.header.key.lane;
  order_.offer(waiting, record.position <= was_there_);
  seen_ = record.position;
  after_change();
}

// --- the connections ---

void SmtpOutlet::dispatch() {
  while (!idle_.empty() && !stopping_) {
    std::optional<Job> job = order_.next(steady_now());
    if (!job) return;
    Worker* const worker = idle_.back();
    idle_.pop_back();
    worker->job = std::move(job);
    worker->wake.notify_one();
  }
}

// After anything that may make a record ready or move the next time to look.
void SmtpOutlet::after_change() {
  dispatch();
  const auto at = order_.wake_at();
  if ((at && *at < book_sleeps_until_) || order_.needs_refill()) book_wake_.notify_one();
}

void SmtpOutlet::wait_for_job(Lock& lock, Worker& worker) {
  const auto due = [&] { return worker.job.has_value() || stopping_; };
  const SteadyTime warm_at =
      steady_now() + (config_.warm_every.count() > 0 ? config_.warm_every : std::chrono::hours(1));
  idle_.push_back(&worker);
  if (worker.wake.wait_until(lock, warm_at, due)) return;
  idle_.erase(std::find(idle_.begin(), idle_.end(), &worker));
  if (config_.warm_every.count() == 0 || order_.is_stopped()) return;
  lock.unlock();
  worker.courier.keep_warm();
  lock.lock();
}

void SmtpOutlet::run_worker(Worker& worker) {
  if (config_.warm_every.count() > 0) worker.courier.keep_warm();
  Lock lock(mutex_);
  for (;;) {
    if (!worker.job && !stopping_) worker.job = order_.next(steady_now());
    if (!worker.job && !stopping_) wait_for_job(lock, worker);
    if (!worker.job && stopping_) return;
    if (!worker.job) continue;
    const Job job = *std::exchange(worker.job, std::nullopt);
    handle(lock, worker, job);
    after_change();
    if (stopping_) return;
  }
}

void SmtpOutlet::handle(Lock& lock, Worker& worker, const Job& job) {
  const auto settled = settled_addresses_.find(job.position);
  const std::set<std::string> skip_addresses =
      settled == settled_addresses_.end() ? std::set<std::string>() : settled->second;
  lock.unlock();
  Preparation preparation = prepare_letter(ledger_, *sites_(), config_, job, wall_now_us());
  if (auto* const no = std::get_if<NotToSend>(&preparation)) return skip(lock, job, no->why);
  Outcome outcome;
  Prepared prepared;
  if (auto* const failure = std::get_if<Failure>(&preparation)) {
    outcome.attempt = {Verdict::later, "ledger: " + failure->diagnostics};
    lock.lock();
    ledger_failed(*failure);  // the book thread tells one bad record from a bad ledger
    lock.unlock();
  } else {
    prepared = std::move(std::get<Prepared>(preparation));
    auto& to = prepared.letter.to;
    to.erase(std::remove_if(to.begin(), to.end(),
                            [&](const std::string& a) { return skip_addresses.count(a) != 0; }),
             to.end());
    if (to.empty()) {  // the address book changed in between: nobody is left to get it
      outcome.attempt = {Verdict::taken, "every address was settled before"};
    } else {
      outcome = worker.courier.send(prepared.letter);
    }
  }
  finish(lock, job, prepared, std::move(outcome));
}

void SmtpOutlet::skip(Lock& lock, const Job& job, const std::string& why) {
  log::write(
      OUTLETS_MAIL_SKIPPED,
      {{"outlet", config_.name}, {"position", job.position}, {"box", job.box}, {"why", why}});
  lock.lock();
  Decision decision = order_.skip(job, why, wall_now_us());
  lock.unlock();
  notes_->write({job.box, AlarmId{}, std::nullopt, std::move(decision.note), true});
  lock.lock();
}

// Turns answers for several addresses into one verdict. Called under the lock.
std::vector<Report> SmtpOutlet::settle_recipients(const Job& job, const Prepared& prepared,
                                                  Outcome& outcome) {
  std::vector<Report> reports;
  if (outcome.attempt.verdict != Verdict::taken || outcome.recipients.size() < 2) return reports;
  std::set<std::string>& settled = settled_addresses_[job.position];
  for (const RecipientAnswer& answer : outcome.recipients) {
    if (answer.reply.is_ok()) {
      settled.insert(answer.address);
    } else if (answer.reply.code / 100 == 5 && !answer.reply.is_about_the_session()) {
      settled.insert(answer.address);
      reports.push_back({job.box, "outlet-refused", fault_subject(prepared.record.header.id),
                         answer.address + ": " + answer.reply.text, false});
    } else {
      outcome.attempt.verdict = Verdict::later;
      outcome.attempt.text = answer.address + ": " + answer.reply.text;
    }
  }
  return reports;
}

std::optional<Report> SmtpOutlet::report_for(const Job& job, const Prepared& prepared,
                                             const Decision& decision) const {
  if (!decision.note || !decision.lasting) return std::nullopt;
  const bool refused = decision.note->state == ledger::HandOverState::refused;
  const bool parked = decision.note->state == ledger::HandOverState::parked;
  if (!refused && !parked) return std::nullopt;
  // A fault mail about a refused mail that is refused itself ends here: no endless chain.
  const std::string& code = prepared.envelope.fault_code;
  if (code.compare(0, own_fault_prefix.size(), own_fault_prefix) == 0) return std::nullopt;
  std::string about = prepared.envelope.kind == RecordKind::mail
                          ? "mail of " + prepared.envelope.device
                          : std::string(to_string(prepared.envelope.kind)) + " " + code;
  return Report{job.box, refused ? "outlet-refused" : "outlet-parked",
                fault_subject(prepared.record.header.id), about + ": " + decision.note->text,
                false};
}

void SmtpOutlet::log_attempt(const Job& job, const AlarmId& id, const Attempt& attempt,
                             const Decision& decision) const {
  const auto write = [&](const log::Event& event) {
    log::write(event, {{"outlet", config_.name},
                       {"box", job.box},
                       {"alarm", id.to_string()},
                       {"position", job.position},
                       {"tries", job.tries + 1},
                       {"reply", attempt.text}});
  };
  const bool parked = decision.note && decision.note->state == ledger::HandOverState::parked;
  if (parked) return write(OUTLETS_MAIL_PARKED);
  switch (attempt.verdict) {
    case Verdict::taken:
      return write(OUTLETS_MAIL_TAKEN);
    case Verdict::refused:
      return write(OUTLETS_MAIL_REFUSED);
    case Verdict::later:
      return write(OUTLETS_MAIL_LATER);
    case Verdict::unreachable:
      return write(OUTLETS_UNREACHABLE);
  }
}

void SmtpOutlet::finish(Lock& lock, const Job& job, const Prepared& prepared, Outcome outcome) {
  const WallTimeUs now_us = wall_now_us();
  lock.lock();
  std::vector<Report> reports = settle_recipients(job, prepared, outcome);
  const Attempt& attempt = outcome.attempt;
  const bool was_stopped = order_.is_stopped();
  Decision decision = order_.finish(job, attempt, steady_now(), now_us);
  if (decision.lasting) settled_addresses_.erase(job.position);
  if (!was_stopped && order_.is_stopped()) stopped_since_us_ = now_us;
  if (attempt.verdict != Verdict::taken) counters_.last_error = attempt.text;
  if (attempt.verdict == Verdict::taken) {
    ++counters_.taken;
    counters_.last_error.clear();
    counters_.last_taken_us = now_us;
  }
  if (attempt.verdict == Verdict::refused) ++counters_.refused;
  lock.unlock();

  const AlarmId id = prepared.record.header.id;
  Note note{job.box, id, std::nullopt, decision.note, decision.lasting};
  if (decision.lasting && attempt.verdict == Verdict::taken)
    note.mark = ledger::StageMark{ledger::Stage::handed_over, now_us, config_.name, attempt.text};
  if (decision.lasting && attempt.verdict == Verdict::refused)
    note.mark = ledger::StageMark{ledger::Stage::refused, now_us, config_.name, attempt.text};
  if (note.hand_over) notes_->write(std::move(note));

  for (const Report& refused : reports)
    log::write(OUTLETS_RECIPIENT_REFUSED,
               {{"outlet", config_.name}, {"box", job.box}, {"why", refused.reason}});
  log_attempt(job, id, attempt, decision);
  if (auto report = report_for(job, prepared, decision)) reports.push_back(std::move(*report));
  if (decision.back) {
    log::write(OUTLETS_BACK, {{"outlet", config_.name}});
    reports.push_back({std::string(centre_box_id), "outlet-stalled", config_.name,
                       config_.target() + " answers again", true});
  }
  for (const Report& report : reports)
    observer_.on_fault(report.box, report.code, report.subject, report.reason, report.over);
  lock.lock();
}

// --- questions ---

OutletStatus SmtpOutlet::status() const {
  OutletStatus status;
  {
    const Lock lock(mutex_);
    status = counters_;
    status.stopped = order_.is_stopped();
    status.stopped_since_us = status.stopped ? stopped_since_us_ : 0;
  }
  status.name = config_.name;
  status.kind = "smtp";
  status.target = config_.target();
  using State = ledger::HandOverState;
  const auto count = [this](State state) {
    const auto counted = ledger_.count_hand_overs(config_.name, state);
    return counted ? *counted : 0;
  };
  status.waiting = count(State::waiting);
  status.parked = count(State::parked);
  if (status.waiting == 0) return status;
  const auto oldest = ledger_.hand_overs(config_.name, State::waiting, 0, 1);
  if (!oldest || oldest->empty()) return status;
  const auto record = ledger_.at(oldest->front().position);
  if (record) status.oldest_waiting_us = record->stored_us;
  return status;
}

Result<std::string> SmtpOutlet::test() {
  if (config_.test_address.empty())
    return Failure(Errc::unsupported, "outlet '" + config_.name + "' has no test_address");
  const WallTimeUs now_us = wall_now_us();
  Letter letter;
  letter.from = config_.test_address;
  letter.to = {config_.test_address};
  letter.open = open_text(test_mail(config_.ehlo_name, config_.test_address, AlarmId::make(now_us),
                                    config_.language, now_us));
  const std::lock_guard one_at_a_time(test_mutex_);
  Courier courier(config_);  // its own: what is tried is a fresh connection with all its steps
  {
    const Lock lock(mutex_);
    if (no_more_tests_) return Failure(Errc::closed, "the outlet has stopped");
    test_courier_ = &courier;
  }
  const Outcome outcome = courier.send(letter);
  {
    const Lock lock(mutex_);
    test_courier_ = nullptr;
  }
  if (outcome.attempt.verdict == Verdict::taken) return outcome.attempt.text;
  return Failure(Errc::io, config_.target() + ": " + outcome.attempt.text);
}

Result<std::uint64_t> SmtpOutlet::retry(const std::string& box) {
  const auto on_waiting = [this](const ledger::HandOver& waiting) {
    const Lock lock(mutex_);
    // What lies ahead of the reading is found by it.
    if (waiting.position <= seen_) order_.offer_again(waiting);
    after_change();
  };
  const auto on_unparked = [this](const BoxId& of, const AlarmId& id) {
    observer_.on_fault(of, "outlet-parked", fault_subject(id), "tried again", true);
  };
  // Two at once could make a record waiting again that the outlet has taken in between.
  const std::lock_guard one_at_a_time(retry_mutex_);
  return retry_hand_overs(ledger_, config_.name, box, on_waiting, on_unparked);
}

std::unique_ptr<Outlet> make_smtp_outlet(const SmtpConfig& config, ledger::Ledger& ledger,
                                         SitesSource sites, OutletObserver& observer,
                                         OrderLimits limits) {
  BOOST_ASSERT(config.connections > 0 && config.connections <= connections_max);
  return std::make_unique<SmtpOutlet>(config, ledger, std::move(sites), observer, limits);
}

}  // namespace alarmwire::outlets
