#include "edge/uplink/uplink.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "common/files.hpp"
#include "edge/uplink/messages.hpp"

namespace alarmwire::uplink {
namespace {

link::Now now() {
  return {steady_now(), wall_now_us()};
}

std::string name_of(link::ReceiptStage stage) {
  switch (stage) {
    case link::ReceiptStage::handed_over:
      return "handed over";
    case link::ReceiptStage::displayed:
      return "displayed";
    case link::ReceiptStage::confirmed:
      return "confirmed";
    case link::ReceiptStage::refused:
      return "refused";
  }
  return "?";
}

template <typename T>
link::FetchResult verdict_of(const Result<T>& result) {
  if (result.has_value()) return link::FetchResult::ok;
  if (result.error().is(Errc::not_found)) return link::FetchResult::not_held;
  if (result.error().is(Errc::corrupt)) return link::FetchResult::unreadable;
  return link::FetchResult::failed;
}

}  // namespace

Uplink::Uplink(boost::asio::io_context& context, spool::Spool& spool, Config config,
               Callbacks callbacks)
    : context_(context),
      spool_(spool),
      config_(std::move(config)),
      callbacks_(std::move(callbacks)),
      session_timer_(context),
      waiters_timer_(context),
      reconnect_timer_(context),
      delay_(std::random_device{}()),
      alive_(std::make_shared<bool>(true)) {
  const Result<std::string> saved = read_file(config_.ledger_id_file);
  if (saved.has_value()) ledger_id_ = *saved;
}

Uplink::~Uplink() {
  stop();
  *alive_ = false;
  client_.reset();
}

void Uplink::start(const link::LinkClientConfig& centre) {
  if (client_ || stopped_) return;
  client_ = link::LinkClient::make(centre, *this);
  status_.since_us = wall_now_us();
  connect();
}

void Uplink::stop() {
  if (stopped_) return;
  if (session_) {
    session_->close("the box stops");
    pump();
  } else if (attempt_ != 0) {
    client_->cancel(attempt_);
  }
  stopped_ = true;
  attempt_ = 0;
  status_.state = LinkStatus::State::down;
  session_timer_.cancel();
  waiters_timer_.cancel();
  reconnect_timer_.cancel();
  waiters_.on_link(false);
}

template <typename Call>
void Uplink::post(std::uint64_t attempt, Call call) {
  boost::asio::post(context_, [this, alive = alive_, attempt, call = std::move(call)]() mutable {
    if (*alive && attempt == attempt_ && !stopped_) call();
  });
}

template <typename T, typename Call>
spool::Spool::Callback<T> Uplink::answer(Call call) {
  return [this, executor = context_.get_executor(), alive = alive_, attempt = attempt_,
          call = std::move(call)](Result<T> result) {
    auto handle = [this, alive, attempt, call, result = std::move(result)]() mutable {
      if (*alive && attempt == attempt_ && !stopped_) call(std::move(result));
    };
    boost::asio::post(executor, std::move(handle));
  };
}

void Uplink::connect() {
  if (stopped_) return;
  status_.state = LinkStatus::State::connecting;
  session_.reset();  // of a dialling given up
  session_timer_.cancel();
  session_armed_ = SteadyTime::max();
  dialled_at_ = steady_now();
  attempt_ = client_->connect();
  early_records_.clear();
  using Ranges = std::vector<spool::LaneRange>;
  spool_.ranges(answer<Ranges>([this](const Result<Ranges>& ranges) {
    if (ranges.has_error()) return client_->cancel(attempt_);
    begin_session(*ranges);
  }));
}

void Uplink::hurry() {
  const SteadyTime moment = steady_now();
  if (stopped_ || !client_ || is_up() || moment - hurried_at_ < hurry_gap) return;
  if (attempt_ != 0 && moment - dialled_at_ < dialling_is_young) return;
  hurried_at_ = moment;
  reconnect_timer_.cancel();
  client_->reset_backoff();
  connect();
}

void Uplink::release_waiters() {
  nobody_waits_ = true;
  waiters_.on_link(false);
}

// --- gRPC's side ---

void Uplink::on_frame(std::uint64_t attempt, link::v1::CentreFrame frame) {
  post(attempt, [this, attempt, frame = std::move(frame)]() mutable {
    client_->consumed(attempt);
    waiters_.heard(steady_now());
    if (!session_) return;
    session_->on_frame(std::move(frame), now());
    pump();
  });
}

void Uplink::on_write_done(std::uint64_t attempt) {
  post(attempt, [this] {
    if (!session_) return;
    session_->on_write_ready(now());
    pump();
  });
}

void Uplink::on_closed(std::uint64_t attempt, const std::string& reason) {
  post(attempt, [this, reason] { end_session(reason, {}); });
}

// --- the session ---

void Uplink::begin_session(const std::vector<spool::LaneRange>& ranges) {
  std::vector<link::HeldRange> held;
  held.reserve(ranges.size());
  for (const spool::LaneRange& range : ranges)
    held.push_back({range.epoch, range.lane, range.first_held, range.first_unsettled, range.last});
  session_ = std::make_unique<link::BoxSession>(link::BoxConfig{config_.software}, std::move(held),
                                                ledger_id_, now());
  for (const RecordKey& key : std::exchange(early_records_, {})) session_->on_record(key, now());
  report();
  pump();
}

void Uplink::on_record(const RecordKey& key) {
  if (!session_) {
    // Without an attempt under way nobody will ask: the next ranges hold it anyway.
    if (attempt_ != 0) early_records_.push_back(key);
    return;
  }
  session_->on_record(key, now());
  pump();
}

// Actions may lead to events that lead to actions: only the outermost call works them off.
void Uplink::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (session_) {
    std::vector<link::BoxAction> actions = session_->take_actions();
    if (actions.empty()) break;
    for (link::BoxAction& action : actions) std::visit([this](auto& one) { perform(one); }, action);
  }
  pumping_ = false;
  arm();
}

void Uplink::perform(link::box_action::Write& action) {
  client_->write(attempt_, action.frame);
}

void Uplink::perform(link::box_action::Fetch& action) {
  auto fetched = [this, key = action.key](Result<spool::StoredRecord> result) {
    if (!session_) return;
    link::FetchedRecord record;
    if (result.has_value()) {
      record = {std::move(result->header), std::move(result->head),
                result->state == spool::RowState::parked, std::move(result->receipted)};
    }
    session_->on_fetched(key, verdict_of(result), std::move(record), now());
    pump();
  };
  spool_.fetch(action.key, action.head_bytes_max, answer<spool::StoredRecord>(std::move(fetched)));
}

void Uplink::perform(link::box_action::FetchBody& action) {
  auto fetched = [this, key = action.key, offset = action.offset](Result<std::string> result) {
    if (!session_) return;
    std::string bytes;
    if (result.has_value()) bytes = std::move(*result);
    session_->on_body(key, offset, verdict_of(result), std::move(bytes), now());
    pump();
  };
  spool_.fetch_body(action.key, action.offset, action.bytes_max,
                    answer<std::string>(std::move(fetched)));
}

void Uplink::perform(link::box_action::Verify& action) {
  auto verified = [this, key = action.key](const Status& result) {
    if (!session_) return;
    session_->on_verified(key, verdict_of(result), now());
    pump();
  };
  spool_.verify(action.key, answer<void>(std::move(verified)));
}

void Uplink::perform(link::box_action::Up& action) {
  delay_.reset();
  status_.state = LinkStatus::State::up;
  status_.since_us = wall_now_us();
  status_.session = action.session;
  status_.centre_software = action.software;
  log::write(UPLINK_UP, {{"session", action.session}, {"centre", action.software}});
  waiters_.on_link(!nobody_waits_);
  if (callbacks_.on_link) callbacks_.on_link(true, "");
  if (callbacks_.on_welcome) callbacks_.on_welcome(action.peer_address);
  if (action.ledger_id == ledger_id_) return;
  if (!ledger_id_.empty())
    log::write(UPLINK_LEDGER_ID, {{"before", ledger_id_}, {"now", action.ledger_id}});
  ledger_id_ = action.ledger_id;
  if (const Status saved = write_file_atomically(config_.ledger_id_file, ledger_id_);
      saved.has_error())
    log::write(UPLINK_STATE_FILE, {{"reason", saved.error().diagnostics}});
}

void Uplink::perform(link::box_action::Sent& action) {
  stages_.note(action.id, {"sent", wall_now_us(), false, {}, {}});
}

void Uplink::perform(link::box_action::Settled& action) {
  status_.last_settled_us = wall_now_us();
  status_.settled_records += action.stored.size();
  // The device first: its 250 waits for this.
  waiters_.settle(action.epoch, action.lane, action.up_to, action.stored);
  spool_.settle(action.epoch, action.lane, action.up_to);
  for (const AlarmId& id : action.ids) stages_.note(id, {"stored", action.stored_us, true, {}, {}});
}

void Uplink::perform(link::box_action::Park& action) {
  log::write(UPLINK_PARKED, {{"record", action.key.to_string()}, {"reason", action.reason}});
  spool_.park(action.key, action.reason);
}

void Uplink::perform(link::box_action::Reenter& action) {
  log::write(UPLINK_CONFLICT, {{"record", action.key.to_string()}});
  spool_.reenter(action.key, {});  // it comes again through the spool's observer
}

void Uplink::perform(link::box_action::Fault& action) {
  if (callbacks_.on_fault) callbacks_.on_fault(action.code, action.subject, action.reason);
}

void Uplink::perform(link::box_action::Received& action) {
  link::Receipt& receipt = action.receipt;
  if (receipt.stage == link::ReceiptStage::handed_over) spool_.receipt(receipt.id, receipt.outlet);
  stages_.note(receipt.id, {name_of(receipt.stage), receipt.time_us, true,
                            std::move(receipt.outlet), std::move(receipt.text)});
}

void Uplink::perform(link::box_action::KeyOrdered& action) {
  if (callbacks_.on_key_order) callbacks_.on_key_order(action.order);
}

void Uplink::perform(link::box_action::KeyTaken& action) {
  if (callbacks_.on_key_taken) callbacks_.on_key_taken(action.order);
}

void Uplink::say_key(const link::KeyNews& news) {
  if (!session_) return;
  session_->say_key(news, now());
  pump();
}

void Uplink::redial(const std::string& why) {
  if (stopped_ || !client_) return;
  client_->leave_connection();
  end_session(why, {});
  reconnect_timer_.cancel();
  connect();
}

void Uplink::perform(link::box_action::Close& action) {
  client_->finish(attempt_);
  end_session(action.reason, action.retry_after);
}

void Uplink::end_session(const std::string& reason, std::chrono::milliseconds retry_after) {
  const bool was_up = status_.state == LinkStatus::State::up;
  attempt_ = 0;  // what gRPC still has to say of it is no news
  session_.reset();
  session_timer_.cancel();
  session_armed_ = SteadyTime::max();
  early_records_.clear();
  status_.last_error = reason;
  if (was_up) {
    status_.since_us = wall_now_us();
    ++status_.reconnects;
    log::write(UPLINK_DOWN, {{"reason", reason}});
  } else {
    log::write(UPLINK_RETRY, {{"reason", reason}});
  }
  status_.state = LinkStatus::State::connecting;
  waiters_.on_link(false);
  if (was_up && callbacks_.on_link) callbacks_.on_link(false, reason);
  if (stopped_) return;
  reconnect_timer_.expires_after(std::max(delay_.next(), retry_after));
  reconnect_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive && attempt_ == 0) connect();
  });
}

// --- time ---

void Uplink::report() {
  const spool::Snapshot held = spool_.snapshot();
  link::BoxReport report;
  report.waiting_records = held.waiting_records;
  report.oldest_waiting_us = held.oldest_waiting_us;
  report.spool_used_bytes = held.used_bytes;
  report.spool_quota_bytes = held.quota_bytes;
  session_->report(report);
}

void Uplink::arm() {
  if (!session_ || stopped_) return;
  const SteadyTime deadline = session_->next_deadline();
  if (deadline >= session_armed_) return;  // the earlier one looks again
  session_armed_ = deadline;
  session_timer_.expires_at(deadline);
  session_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive || !session_) return;
    session_armed_ = SteadyTime::max();
    report();
    session_->on_timer(now());
    pump();
  });
}

bool Uplink::is_up() const {
  return status_.state == LinkStatus::State::up;
}

void Uplink::wait_stored(const RecordKey& key, std::chrono::milliseconds ack_wait,
                         std::function<void(bool)> done) {
  const SteadyTime moment = steady_now();
  const std::optional<bool> at_once = waiters_.wait(key, moment, moment + ack_wait, done);
  if (!at_once) return arm_waiters(moment + std::min(ack_wait, ask_after));
  boost::asio::post(context_, [done = std::move(done), stored = *at_once] { done(stored); });
}

// A timer that fires for a device answered long ago does no harm; one that fires late would.
void Uplink::arm_waiters(SteadyTime deadline) {
  if (deadline == SteadyTime::max() || waiters_armed_ <= deadline) return;
  waiters_armed_ = deadline;
  waiters_timer_.expires_at(deadline);
  waiters_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive) return;
    waiters_armed_ = SteadyTime::max();
    if (waiters_.on_timer(steady_now()) && session_) {
      session_->ask(now());
      pump();
    }
    arm_waiters(waiters_.next_deadline());
  });
}

LinkStatus Uplink::status() const {
  LinkStatus now_is = status_;
  now_is.ledger_id = ledger_id_;
  if (session_) {
    now_is.clock = session_->clock();
    now_is.in_flight = session_->records_in_flight();
  }
  return now_is;
}

}  // namespace alarmwire::uplink
