#include "grpc/link/centre_session.hpp"

#include <algorithm>
#include <utility>

#include "grpc/link/beats.hpp"
#include "grpc/link/centre_lane.hpp"

namespace alarmwire::link {

namespace {

constexpr std::size_t software_bytes_max = 128;
constexpr std::size_t ledger_id_bytes_max = 64;
constexpr std::size_t receipts_frame_bytes = 16 * 1024;  // the last one may go over it
constexpr std::size_t receipt_fixed_bytes = 32;

}  // namespace

struct CentreSession::State {
  State(CentreConfig c, Now now) : config(std::move(c)), opened_at(now.steady) {
    for (const Lane lane : all_lanes) {
      lanes.emplace_back(lane, config.credits[static_cast<std::size_t>(lane)],
                         config.record_bytes_max, next_token);
    }
  }

  void close(CloseCode code, const std::string& reason);
  void complain(const CentreLane::Complaint& complaint, CloseCode code = CloseCode::protocol);
  void on_hello(const v1::Hello& hello, Now now);
  void welcome(const CentreState& known, Now now);
  void repeat_verdicts(const CentreState& known, v1::Welcome& said);
  void dispatch(v1::BoxFrame& frame, Now now);
  void on_beat(const v1::Beat& beat, Now now);
  void on_key_news(const v1::KeyNews& said);
  CentreLane* lane_of(std::uint32_t number);
  CentreLane* lane_with(std::uint64_t token);
  void on_answer(std::uint64_t token, const CentreLane::Answer& answer, Now now);
  bool next_frame(v1::CentreFrame& frame, Now now);
  bool take_receipts(v1::Receipts& frame, Now now);
  void pump(Now now);
  std::int64_t clock_offset_us() const;

  enum class Phase { greeting, loading, up, closed };

  CentreConfig config;
  SteadyTime opened_at;
  std::uint64_t next_token = 1;
  std::vector<CentreLane> lanes;
  Beats beats{Beats::Side::centre};
  Phase phase = Phase::greeting;
  bool may_write = true;
  Now hello_at;
  v1::Hello hello;
  std::deque<v1::CentreFrame> first;  // Welcome, Drain: before anything else
  std::deque<Receipt> receipts;
  struct Unread {
    Receipt receipt;
    std::uint64_t before_beat;  // whose echo proves that it was read
  };
  std::deque<Unread> unread;
  SteadyTime receipts_at{};           // not before
  std::optional<std::uint64_t> mark;  // to be sent back
  std::size_t key_orders = 0;         // not answered yet
  std::vector<CentreAction> actions;
};

void CentreSession::State::close(CloseCode code, const std::string& reason) {
  if (phase == Phase::closed) return;
  phase = Phase::closed;
  actions.emplace_back(centre_action::Close{code, reason});
}

void CentreSession::State::complain(const CentreLane::Complaint& complaint, CloseCode code) {
  if (complaint) close(code, *complaint);
}

CentreLane* CentreSession::State::lane_of(std::uint32_t number) {
  if (number < lane_count) return &lanes[number];
  close(CloseCode::protocol, "a lane that does not exist");
  return nullptr;
}

CentreLane* CentreSession::State::lane_with(std::uint64_t token) {
  const auto found = std::find_if(lanes.begin(), lanes.end(),
                                  [&](const CentreLane& lane) { return lane.has(token); });
  return found == lanes.end() ? nullptr : &*found;
}

void CentreSession::State::on_hello(const v1::Hello& said, Now now) {
  if (said.major() != protocol_major || said.minor() < protocol_minor_min ||
      said.minor_min() > protocol_minor) {
    close(CloseCode::version,
          "the box speaks protocol " + std::to_string(said.major()) + "." +
              std::to_string(said.minor_min()) + " to ." + std::to_string(said.minor()) +
              ", this centre " + std::to_string(protocol_major) + "." +
              std::to_string(protocol_minor_min) + " to ." + std::to_string(protocol_minor));
    return;
  }
  if (said.software().size() > software_bytes_max ||
      said.ledger_id().size() > ledger_id_bytes_max ||
      static_cast<std::size_t>(said.ranges_size()) > hello_ranges_max) {
    close(CloseCode::protocol, "a Hello that is too large");
    return;
  }
  for (const v1::LaneRange& range : said.ranges()) {
    if (lane_of(range.lane()) == nullptr) return;
    if (range.epoch() == 0 || range.epoch() >> 63 != 0) {
      close(CloseCode::protocol, "an epoch out of bounds");
      return;
    }
  }
  hello = said;
  hello_at = now;
  phase = Phase::loading;
  centre_action::LoadState load;
  for (const v1::LaneRange& range : said.ranges()) {
    if (range.first_unsettled() > range.last()) continue;
    load.unsettled.push_back({EpochId{range.epoch()}, *lane_from_number(range.lane()),
                              range.first_unsettled(), range.last()});
  }
  actions.emplace_back(std::move(load));
}

// What was refused and is not confirmed goes out again right behind the Welcome, lane by lane in
// order; the box is told where it begins, so that it settles nothing past it before.
void CentreSession::State::repeat_verdicts(const CentreState& known, v1::Welcome& said) {
  for (v1::Cursor& cursor : *said.mutable_cursors()) {
    CentreLane& lane = lanes[cursor.lane()];
    for (const CentreState::Verdict& verdict : known.verdicts) {
      const RecordKey& key = verdict.key;
      const bool is_here = key.epoch.value == cursor.epoch() &&
                           static_cast<std::uint32_t>(key.lane) == cursor.lane();
      if (!is_here || key.seq > cursor.seq()) continue;
      if (cursor.first_verdict() == 0) cursor.set_first_verdict(key.seq);
      lane.repeat(verdict);
    }
    if (cursor.first_verdict() > 0) lane.repeated(EpochId{cursor.epoch()});
  }
}

void CentreSession::State::welcome(const CentreState& known, Now now) {
  for (const v1::LaneRange& range : hello.ranges()) {
    for (CentreLane& lane : lanes) lane.know(EpochId{range.epoch()}, 0);
  }
  const auto is_listed = [&](EpochId epoch) {
    return std::any_of(hello.ranges().begin(), hello.ranges().end(),
                       [&](const v1::LaneRange& range) { return range.epoch() == epoch.value; });
  };
  // Of the current epoch, the last one, also for lanes that have no row of it yet. All cursors of
  // all epochs that were listed would not always fit a frame.
  const auto is_asked = [&](const CentreState::Cursor& cursor) {
    const auto& ranges = hello.ranges();
    return std::any_of(ranges.begin(), ranges.end(), [&](const v1::LaneRange& range) {
      return range.epoch() == cursor.epoch.value &&
             (range.lane() == static_cast<std::uint32_t>(cursor.lane) ||
              range.epoch() == ranges.rbegin()->epoch());
    });
  };
  v1::CentreFrame frame;
  v1::Welcome& said = *frame.mutable_welcome();
  said.set_major(protocol_major);
  said.set_minor(std::min(hello.minor(), protocol_minor));
  said.set_software(config.software);
  said.add_features(feature_marks);
  said.add_features(feature_zstd);
  said.set_session(known.session);
  said.set_ledger_id(known.ledger_id);
  for (const CentreState::Cursor& cursor : known.cursors) {
    if (!is_asked(cursor)) continue;
    lanes[static_cast<std::size_t>(cursor.lane)].know(cursor.epoch, cursor.seq);
    v1::Cursor& one = *said.add_cursors();
    one.set_epoch(cursor.epoch.value);
    one.set_lane(static_cast<std::uint32_t>(cursor.lane));
    one.set_seq(cursor.seq);
  }
  repeat_verdicts(known, said);
  for (const CentreState::Staged& staged : known.staged) {
    if (!is_listed(staged.key.epoch)) continue;
    lanes[static_cast<std::size_t>(staged.key.lane)].know_staged(staged);
    v1::Staged& one = *said.add_staged();
    one.set_epoch(staged.key.epoch.value);
    one.set_lane(static_cast<std::uint32_t>(staged.key.lane));
    one.set_seq(staged.key.seq);
    one.set_offset(staged.bytes);
    one.set_hash(std::string(view(staged.hash)));
  }
  for (std::uint32_t lane = 0; lane < lane_count; ++lane) {
    v1::Credit& credit = *said.add_credits();
    credit.set_lane(lane);
    credit.set_records(config.credits[lane].records);
    credit.set_bytes(config.credits[lane].bytes);
  }
  said.set_beat_interval_ms(static_cast<std::uint32_t>(config.beat_interval.count()));
  said.set_centre_time_us(now.wall_us);
  said.set_echo_box_time_us(hello.box_time_us());
  said.set_record_bytes_max(config.record_bytes_max);
  said.set_peer_address(known.peer_address);
  first.push_back(std::move(frame));
  beats.start(config.beat_interval, now);
  phase = Phase::up;
  actions.emplace_back(centre_action::Up{hello.software(), said.minor(), hello.ledger_id()});
}

// Until the first echo, the Hello's time stands in: off by the way here.
std::int64_t CentreSession::State::clock_offset_us() const {
  const auto reading = beats.clock();
  return reading ? reading->offset_us : hello_at.wall_us - hello.box_time_us();
}

void CentreSession::State::on_beat(const v1::Beat& beat, Now now) {
  beats.on_beat(beat, now);
  while (!unread.empty() && unread.front().before_beat <= beat.echo_number()) unread.pop_front();
  BoxReport report;
  report.waiting_records = beat.waiting_records();
  report.oldest_waiting_us = beat.oldest_waiting_us();
  report.spool_used_bytes = beat.spool_used_bytes();
  report.spool_quota_bytes = beat.spool_quota_bytes();
  report.clock = beats.clock();
  actions.emplace_back(centre_action::Report{report});
}

void CentreSession::State::on_key_news(const v1::KeyNews& said) {
  const int state = said.state();
  const bool has_key = said.public_key().size() == public_key_bytes;
  if (key_orders == 0 || said.order().size() != key_order_bytes || state < v1::KeyNews::OFFERED ||
      state > v1::KeyNews::FAILED || has_key == (state == v1::KeyNews::FAILED))
    return close(CloseCode::protocol, "news of a key that make no sense");
  --key_orders;
  actions.emplace_back(centre_action::KeyTold{
      {said.order(), static_cast<KeyState>(state), has_key ? said.public_key() : ""}});
}

void CentreSession::State::dispatch(v1::BoxFrame& frame, Now now) {
  using Frame = v1::BoxFrame;
  const auto kind = frame.frame_case();
  if (kind == Frame::FRAME_NOT_SET) {
    if (!frame.ignorable()) close(CloseCode::protocol, "an unknown frame");
    return;
  }
  if (kind == Frame::kBye)
    return close(CloseCode::stopped, "the box said: " + frame.bye().reason());
  const Phase due = kind == Frame::kHello ? Phase::greeting : Phase::up;
  if (phase != due) return close(CloseCode::protocol, "a frame out of its turn");
  switch (kind) {
    case Frame::kHello:
      return on_hello(frame.hello(), now);
    case Frame::kRecord:
      if (CentreLane* lane = lane_of(frame.record().lane())) {
        complain(lane->on_record(*frame.mutable_record(), clock_offset_us(), actions));
      }
      return;
    case Frame::kChunk:
      if (CentreLane* lane = lane_of(frame.chunk().lane())) {
        complain(lane->on_chunk(*frame.mutable_chunk(), actions));
      }
      return;
    case Frame::kVoid:
      if (CentreLane* lane = lane_of(frame.void_().lane())) {
        complain(lane->on_void(frame.void_(), actions));
      }
      return;
    case Frame::kBeat:
      return on_beat(frame.beat(), now);
    case Frame::kMark:
      mark = frame.mark().number();
      return;
    case Frame::kKeyNews:
      return on_key_news(frame.key_news());
    case Frame::kBye:
    case Frame::FRAME_NOT_SET:
      return;
  }
}

void CentreSession::State::on_answer(std::uint64_t token, const CentreLane::Answer& answer,
                                     Now now) {
  CentreLane* lane = lane_with(token);
  if (phase == Phase::closed || lane == nullptr) return;
  complain(lane->on_answer(token, answer), CloseCode::failed);
  pump(now);
}

bool CentreSession::State::next_frame(v1::CentreFrame& frame, Now now) {
  if (!first.empty()) {
    frame = std::move(first.front());
    first.pop_front();
    return true;
  }
  if (phase != Phase::up) return false;
  if (beats.is_due(now)) {
    *frame.mutable_beat() = beats.make(now);
    return true;
  }
  if (mark) {
    frame.mutable_mark()->set_number(*std::exchange(mark, std::nullopt));
    return true;
  }
  v1::Settled settled;
  for (CentreLane& lane : lanes) {
    if (!lane.take_settled(settled)) continue;
    *frame.mutable_settled() = std::move(settled);
    return true;
  }
  v1::Credit credit;
  for (CentreLane& lane : lanes) {
    if (!lane.take_grant(credit)) continue;
    *frame.mutable_grant()->mutable_credit() = std::move(credit);
    return true;
  }
  return take_receipts(*frame.mutable_receipts(), now);
}

bool CentreSession::State::take_receipts(v1::Receipts& frame, Now now) {
  if (receipts.empty() || now.steady < receipts_at) return false;
  for (std::size_t bytes = 0; !receipts.empty() && bytes < receipts_frame_bytes;) {
    Receipt& receipt = receipts.front();
    bytes += receipt.outlet.size() + receipt.text.size() + receipt_fixed_bytes;
    v1::Receipt& one = *frame.add_receipt();
    one.set_alarm_id(std::string(receipt.id.view()));
    one.set_stage(static_cast<v1::Receipt::Stage>(receipt.stage));
    one.set_time_us(receipt.time_us);
    one.set_outlet(receipt.outlet);
    one.set_text(receipt.text);
    unread.push_back({std::move(receipt), beats.next_number()});
    receipts.pop_front();
  }
  while (unread.size() > receipts_waiting_max) unread.pop_front();
  receipts_at = now.steady + receipts_gather;
  return true;
}

void CentreSession::State::pump(Now now) {
  if (phase == Phase::closed || !may_write) return;
  v1::CentreFrame frame;
  if (!next_frame(frame, now)) return;
  may_write = false;
  actions.emplace_back(centre_action::Write{std::move(frame)});
}

// --- the session's face ---

CentreSession::CentreSession(CentreConfig config, Now now)
    : state_(std::make_unique<State>(std::move(config), now)) {}

CentreSession::~CentreSession() = default;

void CentreSession::on_frame(v1::BoxFrame frame, Now now) {
  if (is_closed()) return;
  state_->beats.heard(now);
  state_->dispatch(frame, now);
  state_->pump(now);
}

void CentreSession::on_state(CentreState state, Now now) {
  if (state_->phase != State::Phase::loading) return;
  state_->welcome(state, now);
  state_->pump(now);
}

void CentreSession::on_state_failed(const std::string& reason) {
  state_->close(CloseCode::failed, reason);
}

void CentreSession::on_staged(std::uint64_t token, const StageOutcome& outcome, Now now) {
  state_->on_answer(token, outcome, now);
}

void CentreSession::on_stored(std::uint64_t token, const StoreOutcome& outcome, Now now) {
  state_->on_answer(token, outcome, now);
}

void CentreSession::on_tombstoned(std::uint64_t token, const TombstoneOutcome& outcome, Now now) {
  state_->on_answer(token, outcome, now);
}

void CentreSession::on_write_ready(Now now) {
  state_->may_write = true;
  state_->pump(now);
}

void CentreSession::on_timer(Now now) {
  if (is_closed()) return;
  if (!state_->beats.is_started()) {
    if (now.steady >= state_->opened_at + state_->config.hello_timeout) {
      state_->close(CloseCode::silent, "no Hello in time");
    }
    return;
  }
  if (state_->beats.is_silent(now)) {
    state_->close(CloseCode::silent, "nothing was heard from the box for three beats");
    return;
  }
  state_->pump(now);
}

void CentreSession::receipt(Receipt receipt, Now now) {
  if (!is_up()) return;
  state_->receipts.push_back(std::move(receipt));
  if (state_->receipts.size() > receipts_waiting_max) state_->receipts.pop_front();
  state_->pump(now);
}

std::vector<Receipt> CentreSession::take_unheard() {
  std::vector<Receipt> unheard;
  for (State::Unread& one : std::exchange(state_->unread, {}))
    unheard.push_back(std::move(one.receipt));
  for (Receipt& one : std::exchange(state_->receipts, {})) unheard.push_back(std::move(one));
  return unheard;
}

void CentreSession::drain(std::chrono::milliseconds retry_after, const std::string& reason,
                          Now now) {
  if (!is_up()) return close(CloseCode::stopped, reason);
  v1::CentreFrame frame;
  frame.mutable_drain()->set_retry_after_ms(static_cast<std::uint32_t>(retry_after.count()));
  frame.mutable_drain()->set_reason(reason);
  state_->first.push_back(std::move(frame));
  state_->pump(now);
}

void CentreSession::order_key(const std::string& order, Now now) {
  if (!is_up()) return;
  v1::CentreFrame frame;
  frame.set_ignorable(true);
  frame.mutable_key_order()->set_order(order);
  ++state_->key_orders;
  state_->first.push_back(std::move(frame));
  state_->pump(now);
}

void CentreSession::key_taken(const std::string& order, Now now) {
  if (!is_up()) return;
  v1::CentreFrame frame;
  frame.mutable_key_taken()->set_order(order);
  state_->first.push_back(std::move(frame));
  state_->pump(now);
}

void CentreSession::fence() {
  state_->close(CloseCode::fenced, "a newer stream of this box took over");
}

void CentreSession::close(CloseCode code, const std::string& reason) {
  state_->close(code, reason);
}

SteadyTime CentreSession::next_deadline() const {
  const State& state = *state_;
  if (is_closed()) return SteadyTime::max();
  if (!state.beats.is_started()) return state.opened_at + state.config.hello_timeout;
  const SteadyTime beat = state.beats.deadline(state.may_write);
  if (!state.may_write || state.receipts.empty()) return beat;
  return std::min(beat, state.receipts_at);
}

std::vector<CentreAction> CentreSession::take_actions() {
  return std::exchange(state_->actions, {});
}

bool CentreSession::is_up() const {
  return state_->phase == State::Phase::up;
}

bool CentreSession::is_closed() const {
  return state_->phase == State::Phase::closed;
}

std::optional<ClockReading> CentreSession::clock() const {
  return state_->beats.clock();
}

std::size_t CentreSession::stores_in_flight() const {
  std::size_t sum = 0;
  for (const CentreLane& lane : state_->lanes) sum += lane.in_flight();
  return sum;
}

}  // namespace alarmwire::link
