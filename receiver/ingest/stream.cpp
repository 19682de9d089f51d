#include "receiver/ingest/stream.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "receiver/ingest/hub.hpp"

namespace alarmwire::ingest {
namespace {

using StoreVerdict = ledger::StoreResult::Verdict;

// busy and full are told apart; every other failure means that the outcome is unknown.
template <typename Outcome, typename T>
typename Outcome::Verdict failure_of(const Result<T>& result) {
  if (result.error().is(Errc::full)) return Outcome::Verdict::full;
  if (result.error().is(Errc::busy)) return Outcome::Verdict::busy;
  return Outcome::Verdict::failed;
}

link::StoreOutcome outcome_of(const Result<ledger::StoreResult>& result) {
  using Verdict = link::StoreOutcome::Verdict;
  link::StoreOutcome outcome;
  if (result.has_error()) {
    outcome.verdict = failure_of<link::StoreOutcome>(result);
    return outcome;
  }
  outcome.stored_us = result->stored_us;
  outcome.cursor = result->cursor;
  switch (result->verdict) {
    case StoreVerdict::stored:
    case StoreVerdict::noted:
      outcome.verdict = Verdict::stored;
      break;
    case StoreVerdict::duplicate:
      outcome.verdict = Verdict::duplicate;
      break;
    case StoreVerdict::known:
      outcome.verdict = Verdict::known;
      break;
    case StoreVerdict::conflict:
      outcome.verdict = Verdict::conflict;
      break;
    case StoreVerdict::gap:
      outcome.verdict = Verdict::gap;
      break;
    case StoreVerdict::hash_mismatch:
      outcome.verdict = Verdict::hash_mismatch;
      break;
  }
  return outcome;
}

link::StageOutcome outcome_of(const Result<std::uint64_t>& result) {
  link::StageOutcome outcome;
  if (result.has_value()) return outcome;
  outcome.verdict = result.error().is(Errc::invalid_argument)
                        ? link::StageOutcome::Verdict::wrong_offset
                        : failure_of<link::StageOutcome>(result);
  return outcome;
}

template <typename T>
Hold::Answer hold_answer(const Result<T>& result) {
  if (result.has_error())
    return result.error().is(Errc::invalid_argument) ? Hold::Answer::neutral
           : result.error().is(Errc::busy)           ? Hold::Answer::busy
                                                     : Hold::Answer::full;
  if constexpr (std::is_same_v<T, ledger::StoreResult>) {
    if (result->verdict == StoreVerdict::gap || result->verdict == StoreVerdict::hash_mismatch)
      return Hold::Answer::neutral;
  }
  return Hold::Answer::fine;
}

}  // namespace

link::Now now() {
  return {steady_now(), wall_now_us()};
}

Stream::Stream(std::shared_ptr<StreamHome> home, std::shared_ptr<BoxState> box,
               std::string peer_address, std::shared_ptr<link::LinkStream> link,
               const link::CentreConfig& config)
    : home_(std::move(home)),
      box_(std::move(box)),
      peer_address_(std::move(peer_address)),
      link_(std::move(link)),
      credits_(config.credits),
      session_(config, now()),
      timer_(home_->context()) {}

void Stream::on_frame(link::v1::BoxFrame frame) {
  if (over_) return;
  announce(frame);
  session_.on_frame(std::move(frame), now());
  link_->consumed();
  pump();
}

// A record that will be staged: the ledger can hash it while it arrives. Nothing here is believed;
// the session checks the frame, the ledger the hash.
void Stream::announce(const link::v1::BoxFrame& frame) {
  if (frame.frame_case() != link::v1::BoxFrame::kRecord || !session_.is_up()) return;
  const link::v1::Record& record = frame.record();
  const std::optional<Lane> lane = lane_from_number(record.lane());
  RecordHeader header;
  if (!lane) return;
  const link::LaneCredit& window = credits_[static_cast<std::size_t>(*lane)];
  if (record.size() <= link::assembled_up_to(window)) return;
  if (record.envelope().size() > envelope_size_max) return;
  if (!hash_from_bytes(record.hash(), header.hash)) return;
  header.key = RecordKey{EpochId{record.epoch()}, *lane, record.seq()};
  header.envelope = record.envelope();
  header.size = record.size();
  home_->ledger().announce(box_->status.box, header);
}

void Stream::on_write_done() {
  if (over_) return;
  session_.on_write_ready(now());
  pump();
}

void Stream::on_closed(const std::string& reason) {
  if (over_) return;
  end(reason);
}

void Stream::load_state(std::uint64_t session) {
  if (over_) return;
  const BoxId& box = box_->status.box;
  const Result<std::vector<ledger::Cursor>> cursors = home_->ledger().cursors(box);
  const Result<std::vector<ledger::StagedBody>> staged = home_->ledger().staged(box);
  const Result<std::vector<ledger::Tombstone>> refused = home_->ledger().refused(box, unsettled_);
  if (cursors.has_error() || staged.has_error() || refused.has_error()) {
    const Failure& failure = cursors.has_error()  ? cursors.error()
                             : staged.has_error() ? staged.error()
                                                  : refused.error();
    log::write(INGEST_STATE_FAILED, {{"box", box}, {"reason", failure.diagnostics}});
    session_.on_state_failed(failure.diagnostics);
    pump();
    return;
  }
  link::CentreState state;
  state.session = session;
  state.ledger_id = home_->ledger().id();
  state.peer_address = peer_address_;
  for (const ledger::Cursor& cursor : *cursors)
    state.cursors.push_back({cursor.epoch, cursor.lane, cursor.seq});
  for (const ledger::StagedBody& body : *staged)
    state.staged.push_back({body.key, body.hash, body.bytes});
  for (const ledger::Tombstone& stone : *refused)
    state.verdicts.push_back({{stone.epoch, stone.lane, stone.first_seq},
                              stone.id.value_or(AlarmId{}),
                              stone.kind == ledger::Tombstone::Kind::conflict,
                              stone.reason});
  session_.on_state(std::move(state), now());
  pump();
}

void Stream::fence() {
  session_.fence();
  pump();
}

void Stream::receipt(link::Receipt receipt) {
  session_.receipt(std::move(receipt), now());
  pump();
}

void Stream::order_key(const std::string& order) {
  session_.order_key(order, now());
  pump();
}

void Stream::key_taken(const std::string& order) {
  session_.key_taken(order, now());
  pump();
}

void Stream::drain(std::chrono::milliseconds retry_after, const std::string& reason) {
  session_.drain(retry_after, reason, now());
  pump();
}

void Stream::close(link::CloseCode code, const std::string& reason) {
  session_.close(code, reason);
  pump();
}

void Stream::pump() {
  if (pumping_ || over_) return;
  const std::shared_ptr<Stream> self = shared_from_this();  // Close lets the hub drop us
  pumping_ = true;
  while (!over_) {
    std::vector<link::CentreAction> actions = session_.take_actions();
    if (actions.empty()) break;
    for (link::CentreAction& action : actions) {
      const auto perform_it = [this](auto& which) { perform(which); };
      std::visit(perform_it, action);
      if (over_) break;
    }
  }
  pumping_ = false;
  if (!over_) arm();
}

void Stream::perform(link::centre_action::Write& write) {
  link_->write(write.frame);
}

void Stream::perform(link::centre_action::LoadState& load) {
  for (const auto& range : load.unsettled)
    unsettled_.push_back({range.epoch, range.lane, range.first_seq, range.last_seq});
  // Not from inside the pump: the answer may come at once.
  auto ask = [self = shared_from_this()] {
    if (!self->over_) self->home_->wants_state(*self);
  };
  boost::asio::post(home_->context(), std::move(ask));
}

// Wraps `handle` so that it runs on the context, after the write has been counted off.
template <typename T, typename F>
ledger::Ledger::Callback<T> Stream::answer_to(F&& handle) {
  home_->write_begun(*box_);
  return [self = shared_from_this(), handle = std::forward<F>(handle)](Result<T> result) mutable {
    auto on_context = [self, handle = std::move(handle), result = std::move(result)] {
      handle(*self, result);
      self->home_->write_ended(*self->box_);
    };
    boost::asio::post(self->home_->context(), std::move(on_context));
  };
}

// Hands the session its answer, now or when the lane is released.
template <typename T>
void Stream::deliver(Lane lane, const Result<T>& result, std::function<void()> answer) {
  if (over_) return;
  Hold& hold = holds_[static_cast<std::size_t>(lane)];
  const bool was_held = hold.is_held();
  if (hold.admit(hold_answer(result), steady_now(), answer)) answer();
  if (!was_held && hold.is_held())
    home_->was_held(*box_, result.has_error() ? result.error().diagnostics : "");
  pump();
}

void Stream::perform(link::centre_action::Stage& stage) {
  const Lane lane = stage.key.lane;
  auto handle = [token = stage.token, lane](Stream& self, const Result<std::uint64_t>& result) {
    auto answer = [&self, token, outcome = outcome_of(result)] {
      self.session_.on_staged(token, outcome, now());
    };
    self.deliver(lane, result, std::move(answer));
  };
  home_->ledger().stage(box_->status.box, stage.key, stage.hash, stage.offset,
                        std::move(stage.bytes), answer_to<std::uint64_t>(std::move(handle)));
}

void Stream::perform(link::centre_action::Store& store) {
  const Lane lane = store.header.key.lane;
  auto handle = [token = store.token, lane](Stream& self,
                                            const Result<ledger::StoreResult>& result) {
    if (result.has_value()) self.home_->was_stored(*self.box_, *result);
    auto answer = [&self, token, outcome = outcome_of(result)] {
      self.session_.on_stored(token, outcome, now());
    };
    self.deliver(lane, result, std::move(answer));
  };
  ledger::Incoming incoming;
  incoming.box = box_->status.box;
  incoming.header = std::move(store.header);
  incoming.body = std::move(store.body);
  incoming.staged = store.staged;
  incoming.replayed = store.replayed;
  incoming.receipted = std::move(store.receipted);
  incoming.clock_offset_us = store.clock_offset_us;
  home_->ledger().store(std::move(incoming), answer_to<ledger::StoreResult>(std::move(handle)));
}

void Stream::perform(link::centre_action::Tombstone& tombstone) {
  ledger::Tombstone stone;
  stone.box = box_->status.box;
  stone.epoch = tombstone.epoch;
  stone.lane = tombstone.lane;
  stone.first_seq = tombstone.first_seq;
  stone.last_seq = tombstone.last_seq;
  stone.id = tombstone.id;
  stone.reason = tombstone.reason;
  if (tombstone.refused) stone.kind = ledger::Tombstone::Kind::never;
  stone.time_us = wall_now_us();
  auto handle = [asked = std::move(tombstone)](Stream& self, const Result<std::uint64_t>& result) {
    link::TombstoneOutcome outcome;
    if (result.has_error())
      outcome.verdict = failure_of<link::TombstoneOutcome>(result);
    else
      outcome.cursor = *result;
    // Where the cursor stood elsewhere nothing was laid, and nothing is new.
    if (result.has_value() && *result == asked.last_seq)
      self.home_->was_tombstoned(*self.box_, asked);
    auto answer = [&self, token = asked.token, outcome] {
      self.session_.on_tombstoned(token, outcome, now());
    };
    self.deliver(asked.lane, result, std::move(answer));
  };
  home_->ledger().tombstone(std::move(stone), answer_to<std::uint64_t>(std::move(handle)));
}

void Stream::perform(link::centre_action::Up& up) {
  was_up_ = true;
  home_->went_up(*this, up);
}

void Stream::perform(link::centre_action::Report& report) {
  home_->heard(*this, report.report);
}

void Stream::perform(link::centre_action::KeyTold& told) {
  home_->told_key(*box_, told.news);
}

void Stream::perform(link::centre_action::Close& close) {
  link_->close(close.code, close.reason);
  end(std::string(link::to_string(close.code)) + ": " + close.reason);
}

void Stream::end(const std::string& reason) {
  const std::shared_ptr<Stream> self = shared_from_this();
  over_ = true;
  timer_.cancel();
  home_->ended(*this, reason);
}

void Stream::arm() {
  SteadyTime deadline = session_.next_deadline();
  for (const Hold& hold : holds_) deadline = std::min(deadline, hold.until());
  if (deadline >= armed_for_) return;  // the earlier one looks again
  armed_for_ = deadline;
  timer_.expires_at(deadline);
  auto fired = [weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Stream> self = weak.lock();
    if (self && !error && !self->over_) self->on_timer();
  };
  timer_.async_wait(std::move(fired));
}

void Stream::on_timer() {
  armed_for_ = SteadyTime::max();
  const SteadyTime time = steady_now();
  for (Hold& hold : holds_)
    for (const std::function<void()>& answer : hold.release(time)) answer();
  if (time >= session_.next_deadline()) session_.on_timer(now());
  pump();
}

}  // namespace alarmwire::ingest
