#include "grpc/link/box_session.hpp"

#include <algorithm>
#include <utility>

#include "grpc/link/beats.hpp"
#include "grpc/link/box_lane.hpp"
#include "grpc/link/lane_picker.hpp"
#include "grpc/link/write_ahead.hpp"

namespace alarmwire::link {

namespace {

constexpr std::chrono::milliseconds beat_interval_min{50};
constexpr std::chrono::milliseconds beat_interval_max{60000};
constexpr std::chrono::milliseconds retry_after_max{60000};

std::int64_t us_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

constexpr std::size_t lane_ranges_max = hello_ranges_max / lane_count;

struct Listing {
  std::vector<HeldRange> ranges;
  std::array<bool, lane_count> is_cut{};  // of the lane something that waits was left out
};

// A Hello must fit a frame. Each lane keeps its order: what waits longest goes first, and what does
// not fit, the current epoch's with it, is for a later stream. Lanes are cut each for itself, so
// that one with a long past delays no other.
Listing listed(std::vector<HeldRange> held) {
  if (held.size() <= hello_ranges_max) return {std::move(held), {}};
  Listing listing;
  std::array<std::size_t, lane_count> room{};
  room.fill(lane_ranges_max);
  std::vector<bool> is_listed(held.size());
  const auto take = [&](std::size_t i) {
    std::size_t& left = room[static_cast<std::size_t>(held[i].lane)];
    if (left == 0) return false;
    --left;
    is_listed[i] = true;
    return true;
  };
  for (std::size_t i = 0; i < held.size(); ++i) {
    const bool waits = held[i].first_unsettled <= held[i].last;
    if (!waits && held[i].epoch != held.back().epoch) continue;
    if (!take(i)) listing.is_cut[static_cast<std::size_t>(held[i].lane)] = true;
  }
  // Of what is settled the newest: it is what a centre restored from its backup lacks.
  for (std::size_t i = held.size(); i-- > 0;)
    if (!is_listed[i] && held[i].first_unsettled > held[i].last) take(i);
  for (std::size_t i = 0; i < held.size(); ++i)
    if (is_listed[i]) listing.ranges.push_back(held[i]);
  return listing;
}

}  // namespace

struct BoxSession::State {
  State(BoxConfig c, std::vector<HeldRange> held) : config(std::move(c)) {
    if (!held.empty()) current = held.back().epoch;
    Listing listing = listed(std::move(held));
    ranges = std::move(listing.ranges);
    is_cut = listing.is_cut;
    for (const Lane lane : all_lanes) lanes.emplace_back(lane);
    for (const HeldRange& range : ranges) lane(range.lane).add_range(range);
  }

  BoxLane& lane(Lane which) { return lanes[static_cast<std::size_t>(which)]; }
  void close(CloseCode code, const std::string& reason,
             std::chrono::milliseconds retry_after = std::chrono::milliseconds(0));
  void write(v1::BoxFrame frame);
  void say_bye(const std::string& reason);
  void hello(const std::string& last_ledger_id);
  void on_welcome(const v1::Welcome& welcome, Now now);
  bool take_cursors(const v1::Welcome& welcome);
  void on_settled(const v1::Settled& settled, Now now);
  void on_receipt(const v1::Receipt& receipt);
  void dispatch(const v1::CentreFrame& frame, Now now);
  void pump(Now now);
  bool is_cut_off() const;
  void finish_drain(Now now);
  bool send_beat(Now now);
  bool send_mark(Now now);
  bool send_key_news();
  void on_key_order(const std::string& order, bool is_taken);
  std::size_t in_flight() const;

  enum class Phase { greeting, up, closed };

  BoxConfig config;
  EpochId current;
  std::vector<HeldRange> ranges;          // those of the Hello
  std::array<bool, lane_count> is_cut{};  // lanes whose newer records are for a later stream
  std::vector<BoxLane> lanes;
  LanePicker picker;
  Beats beats{Beats::Side::box};
  WriteAhead ahead;
  Phase phase = Phase::greeting;
  bool may_write = true;
  Now hello_at;
  BoxReport box_report;
  std::optional<KeyNews> key_news;  // to be told
  bool draining = false;
  SteadyTime drain_until{};
  std::string drain_reason;
  std::chrono::milliseconds retry_after{0};
  std::vector<BoxAction> actions;
};

void BoxSession::State::close(CloseCode code, const std::string& reason,
                              std::chrono::milliseconds after) {
  if (phase == Phase::closed) return;
  phase = Phase::closed;
  actions.emplace_back(box_action::Close{code, reason, after});
}

void BoxSession::State::write(v1::BoxFrame frame) {
  may_write = false;
  actions.emplace_back(box_action::Write{std::move(frame)});
}

void BoxSession::State::say_bye(const std::string& reason) {
  if (!may_write || phase != Phase::up) return;
  v1::BoxFrame frame;
  frame.mutable_bye()->set_reason(reason);
  write(std::move(frame));
}

void BoxSession::State::hello(const std::string& last_ledger_id) {
  v1::BoxFrame frame;
  v1::Hello& hello = *frame.mutable_hello();
  hello.set_major(protocol_major);
  hello.set_minor_min(protocol_minor_min);
  hello.set_minor(protocol_minor);
  hello.set_software(config.software);
  hello.set_ledger_id(last_ledger_id);
  hello.set_box_time_us(hello_at.wall_us);
  for (const HeldRange& held : ranges) {
    v1::LaneRange& range = *hello.add_ranges();
    range.set_epoch(held.epoch.value);
    range.set_lane(static_cast<std::uint32_t>(held.lane));
    range.set_first_held(held.first_held);
    range.set_first_unsettled(held.first_unsettled);
    range.set_last(held.last);
  }
  write(std::move(frame));
}

// Cursors stand for what is settled; false: the centre knows more of the current epoch than there
// is, so that going on could pass over a record.
bool BoxSession::State::take_cursors(const v1::Welcome& welcome) {
  for (const v1::Cursor& cursor : welcome.cursors()) {
    const auto which = lane_from_number(cursor.lane());
    if (!which) return false;
    for (const HeldRange& held : ranges) {
      const bool is_it = held.epoch.value == cursor.epoch() && held.lane == *which;
      const bool is_current = held.epoch == current;
      if (is_it && is_current && cursor.seq() > held.last) return false;
    }
    lane(*which).set_cursor(cursor, actions);
  }
  for (const v1::Staged& staged : welcome.staged()) {
    const auto which = lane_from_number(staged.lane());
    if (!which) return false;
    lane(*which).set_staged(staged);
  }
  for (const v1::Credit& credit : welcome.credits()) {
    const auto which = lane_from_number(credit.lane());
    if (!which) return false;
    lane(*which).add_credit(credit);
  }
  return true;
}

void BoxSession::State::on_welcome(const v1::Welcome& welcome, Now now) {
  if (welcome.major() != protocol_major || welcome.minor() > protocol_minor ||
      welcome.minor() < protocol_minor_min) {
    close(CloseCode::version, "the centre speaks protocol " + std::to_string(welcome.major()) +
                                  "." + std::to_string(welcome.minor()) + ", this box " +
                                  std::to_string(protocol_major) + "." +
                                  std::to_string(protocol_minor));
    return;
  }
  const std::chrono::milliseconds interval(welcome.beat_interval_ms());
  if (interval < beat_interval_min || interval > beat_interval_max) {
    close(CloseCode::protocol, "the centre's beat interval is out of bounds");
    return;
  }
  // First of all the box is up: what the cursors settle is told after it.
  actions.emplace_back(box_action::Up{welcome.session(), welcome.ledger_id(), welcome.software(),
                                      welcome.peer_address()});
  phase = Phase::up;
  if (!take_cursors(welcome)) {
    close(CloseCode::protocol, "the centre's cursors do not fit this spool");
    return;
  }
  const auto offers = [&features = welcome.features()](const char* feature) {
    return std::find(features.begin(), features.end(), feature) != features.end();
  };
  for (BoxLane& one : lanes) {
    one.set_record_bytes_max(welcome.record_bytes_max());
    one.set_packs(offers(feature_zstd));
    one.begin();
  }
  beats.start(interval, now);
  const std::int64_t rtt_us = us_between(hello_at.steady, now.steady);
  if (offers(feature_marks)) ahead.start(std::chrono::microseconds(rtt_us));
  if (welcome.echo_box_time_us() == hello_at.wall_us) {
    beats.sample(rtt_us, welcome.centre_time_us() + rtt_us / 2 - now.wall_us);
  }
}

void BoxSession::State::on_settled(const v1::Settled& settled, Now now) {
  const auto which = lane_from_number(settled.lane());
  if (!which || !lane(*which).on_settled(settled, now, actions)) {
    close(CloseCode::protocol, "the centre settled what was never sent");
  }
}

void BoxSession::State::on_receipt(const v1::Receipt& receipt) {
  const auto id = AlarmId::from_bytes(receipt.alarm_id());
  const int stage = receipt.stage();
  if (!id || stage < v1::Receipt::HANDED_OVER || stage > v1::Receipt::REFUSED) return;
  actions.emplace_back(box_action::Received{{*id, static_cast<ReceiptStage>(stage),
                                             receipt.time_us(), receipt.outlet(), receipt.text()}});
}

void BoxSession::State::dispatch(const v1::CentreFrame& frame, Now now) {
  using Frame = v1::CentreFrame;
  const auto kind = frame.frame_case();
  if (kind == Frame::FRAME_NOT_SET) {
    if (!frame.ignorable()) close(CloseCode::protocol, "the centre sent an unknown frame");
    return;
  }
  if (kind == Frame::kBye) {
    close(CloseCode::stopped, "the centre said: " + frame.bye().reason());
    return;
  }
  if ((kind == Frame::kWelcome) != (phase == Phase::greeting)) {
    close(CloseCode::protocol, "the centre sent a frame out of its turn");
    return;
  }
  switch (kind) {
    case Frame::kWelcome:
      return on_welcome(frame.welcome(), now);
    case Frame::kSettled:
      return on_settled(frame.settled(), now);
    case Frame::kReceipts:
      for (const v1::Receipt& receipt : frame.receipts().receipt()) on_receipt(receipt);
      return;
    case Frame::kBeat:
      return beats.on_beat(frame.beat(), now);
    case Frame::kMark:
      if (ahead.on_mark(frame.mark().number(), now.steady)) return;
      return close(CloseCode::protocol, "the centre sent back a mark that was never sent");
    case Frame::kKeyOrder:
      return on_key_order(frame.key_order().order(), false);
    case Frame::kKeyTaken:
      return on_key_order(frame.key_taken().order(), true);
    case Frame::kGrant: {
      const auto which = lane_from_number(frame.grant().credit().lane());
      if (which) return lane(*which).add_credit(frame.grant().credit());
      return close(CloseCode::protocol, "the centre granted for a lane that does not exist");
    }
    case Frame::kDrain:
      draining = true;
      drain_reason = "the centre restarts";
      retry_after =
          std::min(std::chrono::milliseconds(frame.drain().retry_after_ms()), retry_after_max);
      drain_until = now.steady + drain_wait_max;
      return;
    case Frame::kBye:
    case Frame::FRAME_NOT_SET:
      return;
  }
}

std::size_t BoxSession::State::in_flight() const {
  std::size_t sum = 0;
  for (const BoxLane& one : lanes) sum += one.in_flight();
  return sum;
}

// All that a lane listed is kept there, and more waits behind it.
bool BoxSession::State::is_cut_off() const {
  return std::any_of(lanes.begin(), lanes.end(), [this](const BoxLane& one) {
    return is_cut[static_cast<std::size_t>(one.lane())] && one.is_all_settled();
  });
}

// The centre wants to restart, or a lane was cut: what is begun is finished, then we come back.
void BoxSession::State::finish_drain(Now now) {
  const bool is_mid_record = std::any_of(lanes.begin(), lanes.end(),
                                         [](const BoxLane& one) { return one.is_mid_record(); });
  if ((is_mid_record || in_flight() > 0) && now.steady < drain_until) return;
  say_bye("drained");
  close(CloseCode::drained, drain_reason, retry_after);
}

bool BoxSession::State::send_beat(Now now) {
  if (!beats.is_due(now)) return false;
  v1::BoxFrame frame;
  v1::Beat& beat = *frame.mutable_beat();
  beat = beats.make(now);
  beat.set_waiting_records(box_report.waiting_records);
  beat.set_oldest_waiting_us(box_report.oldest_waiting_us);
  beat.set_spool_used_bytes(box_report.spool_used_bytes);
  beat.set_spool_quota_bytes(box_report.spool_quota_bytes);
  write(std::move(frame));
  return true;
}

bool BoxSession::State::send_mark(Now now) {
  if (!ahead.is_mark_due()) return false;
  v1::BoxFrame frame;
  frame.mutable_mark()->set_number(ahead.mark(now.steady));
  write(std::move(frame));
  return true;
}

bool BoxSession::State::send_key_news() {
  if (!key_news) return false;
  v1::BoxFrame frame;
  v1::KeyNews& said = *frame.mutable_key_news();
  said.set_order(key_news->order);
  said.set_state(static_cast<v1::KeyNews::State>(key_news->state));
  said.set_public_key(key_news->public_key);
  key_news.reset();
  write(std::move(frame));
  return true;
}

void BoxSession::State::on_key_order(const std::string& order, bool is_taken) {
  if (order.size() != key_order_bytes)
    return close(CloseCode::protocol, "the centre's order of a key makes no sense");
  if (is_taken)
    actions.emplace_back(box_action::KeyTaken{order});
  else
    actions.emplace_back(box_action::KeyOrdered{order});
}

void BoxSession::State::pump(Now now) {
  if (phase != Phase::up) return;
  for (BoxLane& one : lanes) one.fetch_ahead(now, actions);
  if (!draining && is_cut_off()) {
    draining = true;
    drain_until = now.steady + drain_wait_max;
    drain_reason = "the next of many epochs go with the next stream";
  }
  if (draining) finish_drain(now);
  if (phase != Phase::up || !may_write || send_beat(now) || send_mark(now) || send_key_news())
    return;
  std::array<std::size_t, lane_count> frame_bytes{};
  for (const Lane lane_id : all_lanes) {
    const bool is_urgent = lane_id == Lane::live_alarm || lane_id == Lane::fault;
    if (!ahead.may_write(is_urgent)) continue;
    BoxLane& one = lane(lane_id);
    one.set_frame_data_bytes_max(ahead.frame_data_bytes_max());
    frame_bytes[static_cast<std::size_t>(lane_id)] = one.frame_bytes(now, !draining);
  }
  const auto chosen = picker.pick(frame_bytes);
  if (!chosen) return;
  v1::BoxFrame frame;
  std::vector<BoxAction> after;
  lanes[*chosen].take_frame(frame, after);
  ahead.wrote(frame.ByteSizeLong());
  write(std::move(frame));
  std::move(after.begin(), after.end(), std::back_inserter(actions));
  for (BoxLane& one : lanes) one.fetch_ahead(now, actions);
}

// --- the session's face ---

BoxSession::BoxSession(BoxConfig config, std::vector<HeldRange> ranges, std::string last_ledger_id,
                       Now now)
    : state_(std::make_unique<State>(std::move(config), std::move(ranges))) {
  state_->hello_at = now;
  state_->hello(last_ledger_id);
}

BoxSession::~BoxSession() = default;

void BoxSession::on_frame(v1::CentreFrame frame, Now now) {
  if (is_closed()) return;
  state_->beats.heard(now);
  state_->dispatch(frame, now);
  state_->pump(now);
}

void BoxSession::on_record(const RecordKey& key, Now now) {
  if (is_closed() || state_->is_cut[static_cast<std::size_t>(key.lane)]) return;
  state_->lane(key.lane).on_record(key);
  state_->pump(now);
}

void BoxSession::on_fetched(const RecordKey& key, FetchResult result, FetchedRecord record,
                            Now now) {
  if (is_closed()) return;
  state_->lane(key.lane).on_fetched(key, result, std::move(record), now, state_->actions);
  state_->pump(now);
}

void BoxSession::on_body(const RecordKey& key, std::uint64_t offset, FetchResult result,
                         std::string bytes, Now now) {
  if (is_closed()) return;
  state_->lane(key.lane).on_body(key, offset, result, std::move(bytes), now, state_->actions);
  state_->pump(now);
}

void BoxSession::on_verified(const RecordKey& key, FetchResult result, Now now) {
  if (is_closed()) return;
  state_->lane(key.lane).on_verified(key, result, now, state_->actions);
  state_->pump(now);
}

void BoxSession::on_write_ready(Now now) {
  if (is_closed()) return;
  state_->may_write = true;
  state_->pump(now);
}

void BoxSession::on_timer(Now now) {
  if (is_closed()) return;
  if (state_->phase == State::Phase::greeting) {
    if (now.steady >= state_->hello_at.steady + state_->config.welcome_timeout) {
      state_->close(CloseCode::silent, "the centre did not answer the Hello");
    }
    return;
  }
  if (state_->beats.is_silent(now)) {
    state_->close(CloseCode::silent, "nothing was heard from the centre for three beats");
    return;
  }
  state_->pump(now);
}

void BoxSession::ask(Now now) {
  if (is_closed()) return;
  state_->ahead.ask();
  state_->pump(now);
}

void BoxSession::report(const BoxReport& report) {
  state_->box_report = report;
}

void BoxSession::say_key(const KeyNews& news, Now now) {
  if (is_closed()) return;
  state_->key_news = news;
  state_->pump(now);
}

void BoxSession::close(const std::string& reason) {
  state_->say_bye(reason);
  state_->close(CloseCode::stopped, reason);
}

SteadyTime BoxSession::next_deadline() const {
  const State& state = *state_;
  if (state.phase == State::Phase::closed) return SteadyTime::max();
  if (state.phase == State::Phase::greeting) {
    return state.hello_at.steady + state.config.welcome_timeout;
  }
  SteadyTime first = state.beats.deadline(state.may_write);
  for (const BoxLane& lane : state.lanes) first = std::min(first, lane.deadline());
  if (state.draining) first = std::min(first, state.drain_until);
  return first;
}

std::vector<BoxAction> BoxSession::take_actions() {
  return std::exchange(state_->actions, {});
}

bool BoxSession::is_up() const {
  return state_->phase == State::Phase::up;
}

bool BoxSession::is_closed() const {
  return state_->phase == State::Phase::closed;
}

std::optional<ClockReading> BoxSession::clock() const {
  return state_->beats.clock();
}

std::size_t BoxSession::records_in_flight() const {
  return state_->in_flight();
}

}  // namespace alarmwire::link
