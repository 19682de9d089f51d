#include "receiver/ingest/hub.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace alarmwire::ingest {
namespace {

constexpr std::chrono::seconds tick_interval{5};

}  // namespace

// What gRPC's threads call: posts, nothing else. The slot is filled and read on the context.
class Door final : public link::StreamHandler {
 public:
  struct Slot {
    std::shared_ptr<Stream> stream;
  };
  Door(boost::asio::io_context& context, std::shared_ptr<Slot> slot)
      : context_(context), slot_(std::move(slot)) {}

  void on_frame(link::v1::BoxFrame frame) override {
    auto work = [slot = slot_, frame = std::move(frame)]() mutable {
      if (slot->stream) slot->stream->on_frame(std::move(frame));
    };
    boost::asio::post(context_, std::move(work));
  }
  void on_write_done() override {
    auto work = [slot = slot_] {
      if (slot->stream) slot->stream->on_write_done();
    };
    boost::asio::post(context_, std::move(work));
  }
  void on_closed(const std::string& reason) override {
    auto work = [slot = slot_, reason] {
      const std::shared_ptr<Stream> stream = std::exchange(slot->stream, nullptr);
      if (stream) stream->on_closed(reason);
    };
    boost::asio::post(context_, std::move(work));
  }

 private:
  boost::asio::io_context& context_;
  const std::shared_ptr<Slot> slot_;
};

Ingest::Hub::Hub(boost::asio::io_context& context, Config config, ledger::Ledger& ledger,
                 BoxOf box_of, Observer& observer)
    : context_(context),
      config_(std::move(config)),
      ledger_(ledger),
      box_of_(std::move(box_of)),
      observer_(observer),
      tick_timer_(context),
      drain_timer_(context) {}

std::shared_ptr<link::StreamHandler> Ingest::Hub::on_open(const std::string& peer_address,
                                                          std::shared_ptr<link::LinkStream> link) {
  auto slot = std::make_shared<Door::Slot>();
  auto handler = std::make_shared<Door>(context_, slot);
  auto work = [self = shared_from_this(), peer_address, link = std::move(link), slot]() mutable {
    slot->stream = self->open(peer_address, std::move(link));
  };
  boost::asio::post(context_, std::move(work));
  return handler;
}

std::shared_ptr<Stream> Ingest::Hub::open(const std::string& peer_address,
                                          std::shared_ptr<link::LinkStream> link) {
  if (stopped_ || draining_) {
    link->close(link::CloseCode::drained, "the receiver is restarting");
    return nullptr;
  }
  const std::optional<BoxId> box = box_of_(peer_address);
  if (!box || (boxes_.count(*box) == 0 && boxes_.size() >= boxes_max)) {
    log::write(INGEST_PEER_UNKNOWN, {{"peer_address", peer_address}});
    link->close(link::CloseCode::denied, "this address belongs to no box");
    return nullptr;
  }
  auto stream = std::make_shared<Stream>(shared_from_this(), box_state(*box), peer_address,
                                         std::move(link), session_config());
  streams_.insert(stream);
  bound_unwelcomed(stream->box(), stream);
  stream->pump();
  return stream;
}

// A box cannot pile up streams that never say Hello.
void Ingest::Hub::bound_unwelcomed(BoxState& box, const std::shared_ptr<Stream>& newest) {
  box.unwelcomed.push_back(newest);
  if (box.unwelcomed.size() <= unwelcomed_per_box_max) return;
  const std::shared_ptr<Stream> oldest = box.unwelcomed.front().lock();
  box.unwelcomed.pop_front();
  if (oldest && !oldest->was_up() && !oldest->is_over())
    oldest->close(link::CloseCode::stopped, "too many streams of this box");
}

std::shared_ptr<BoxState> Ingest::Hub::box_state(const BoxId& box) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<BoxState>& state = boxes_[box];
  if (!state) {
    state = std::make_shared<BoxState>();
    state->status.box = box;
  }
  return state;
}

link::CentreConfig Ingest::Hub::session_config() const {
  link::CentreConfig config;
  config.software = config_.software;
  config.beat_interval = config_.beat_interval;
  config.record_bytes_max = config_.record_bytes_max;
  for (const Lane lane : all_lanes) {
    const bool is_urgent = lane == Lane::live_alarm || lane == Lane::fault;
    config.credits[static_cast<std::size_t>(lane)] = {
        credit_records_per_lane, is_urgent ? credit_bytes_urgent : credit_bytes_backlog};
  }
  return config;
}

template <typename F>
void Ingest::Hub::update(BoxState& box, F&& change) {
  const std::lock_guard lock(mutex_);
  change(box.status);
}

void Ingest::Hub::wants_state(Stream& stream) {
  BoxState& box = stream.box();
  const std::shared_ptr<Stream> older = std::exchange(box.current, stream.shared_from_this());
  box.loading = true;
  if (older && !older->is_over()) {
    log::write(INGEST_BOX_FENCED, {{"box", box.status.box},
                                   {"older_peer", older->peer_address()},
                                   {"newer_peer", stream.peer_address()}});
    older->fence();
    count_fence(box);
  }
  load_when_clear(box);
}

// What the older stream handed to the ledger must be through before the newer one is told where the
// lanes stand: else the box would send it all twice.
void Ingest::Hub::load_when_clear(BoxState& box) {
  if (!box.loading || box.writes_in_flight > 0) return;
  box.loading = false;
  // Grows with every stream, also over restarts: the wall clock is the floor.
  last_session_ = std::max(last_session_ + 1, static_cast<std::uint64_t>(wall_now_us()));
  update(box, [this](BoxStatus& status) { status.session = last_session_; });
  const std::shared_ptr<Stream> stream = box.current;
  stream->load_state(last_session_);
}

void Ingest::Hub::count_fence(BoxState& box) {
  if (!box.flaps.on_fence(steady_now())) return;
  const std::string reason = "streams of this box keep pushing each other out (" +
                             std::to_string(FlapWatch::fences_max) +
                             " times within a minute): is there a second box with the same key?";
  log::write(INGEST_BOX_CLONED, {{"box", box.status.box}});
  observer_.on_fault(box.status.box, "box-cloned", box.status.box, reason, false);
}

void Ingest::Hub::went_up(Stream& stream, const link::centre_action::Up& up) {
  BoxState& box = stream.box();
  const bool other_ledger = !up.last_ledger_id.empty() && up.last_ledger_id != ledger_.id();
  const auto change = [&](BoxStatus& status) {
    status.connected = true;
    status.since_us = status.last_heard_us = wall_now_us();
    ++status.sessions;
    status.peer_address = stream.peer_address();
    status.software = up.software;
    status.down_reason.clear();
    status.clock.reset();
  };
  update(box, change);
  log::write(INGEST_BOX_UP, {{"box", box.status.box},
                             {"peer_address", stream.peer_address()},
                             {"software", up.software},
                             {"session", box.status.session}});
  if (other_ledger) log::write(INGEST_LEDGER_CHANGED, {{"box", box.status.box}});
  observer_.on_box_up(box.status);
  for (link::Receipt& owed : owed_.take(box.status.box)) stream.receipt(std::move(owed));
}

void Ingest::Hub::heard(Stream& stream, const link::BoxReport& report) {
  const auto change = [&](BoxStatus& status) {
    status.last_heard_us = wall_now_us();
    if (report.clock) status.clock = report.clock;
    status.waiting_records = report.waiting_records;
    status.oldest_waiting_us = report.oldest_waiting_us;
    status.spool_used_bytes = report.spool_used_bytes;
    status.spool_quota_bytes = report.spool_quota_bytes;
  };
  update(stream.box(), change);
  observer_.on_heard(stream.box().status.box);
}

void Ingest::Hub::ended(Stream& stream, const std::string& reason) {
  BoxState& box = stream.box();
  const std::shared_ptr<Stream> self = stream.shared_from_this();
  streams_.erase(self);
  const bool was_current = box.current == self;
  if (was_current) {
    box.current = nullptr;
    box.loading = false;
  }
  const WallTimeUs time_us = wall_now_us();
  // A newer stream that is still loading takes over in a moment; if it never does, its own end
  // says so.
  if (was_current && box.status.connected) {
    const auto change = [&](BoxStatus& status) {
      status.connected = false;
      status.since_us = time_us;
      status.down_reason = reason;
    };
    update(box, change);
    log::write(INGEST_BOX_DOWN, {{"box", box.status.box}, {"reason", reason}});
    observer_.on_box_down(box.status.box, reason, time_us);
  } else if (!stream.was_up()) {
    log::write(INGEST_STREAM_ENDED, {{"box", box.status.box}, {"reason", reason}});
  }
  for (link::Receipt& unheard : stream.take_unheard()) receipt(box.status.box, std::move(unheard));
  check_drained();
}

void Ingest::Hub::write_begun(BoxState& box) {
  ++box.writes_in_flight;
}

void Ingest::Hub::write_ended(BoxState& box) {
  --box.writes_in_flight;
  load_when_clear(box);
  check_drained();
}

void Ingest::Hub::was_stored(BoxState& box, const ledger::StoreResult& result) {
  using Verdict = ledger::StoreResult::Verdict;
  const auto change = [&](BoxStatus& status) {
    if (result.verdict == Verdict::stored) {
      ++status.stored;
      status.last_stored_us = result.stored_us;
    }
    if (result.verdict == Verdict::stored || result.verdict == Verdict::noted ||
        result.verdict == Verdict::duplicate || result.verdict == Verdict::known)
      status.last_acknowledged_us = wall_now_us();
    status.duplicates +=
        result.verdict == Verdict::duplicate || result.verdict == Verdict::known ? 1 : 0;
    status.conflicts += result.verdict == Verdict::conflict ? 1 : 0;
  };
  update(box, change);
}

void Ingest::Hub::was_tombstoned(BoxState& box, const link::centre_action::Tombstone& tombstone) {
  update(box, [](BoxStatus& status) { ++status.refused; });
  const std::string first =
      RecordKey{tombstone.epoch, tombstone.lane, tombstone.first_seq}.to_string();
  const std::uint64_t count = tombstone.last_seq - tombstone.first_seq + 1;
  const std::string alarm = tombstone.id ? tombstone.id->to_string() : "unknown";
  log::write(tombstone.refused ? INGEST_RECORD_REFUSED : INGEST_SEQS_VOID,
             {{"box", box.status.box},
              {"first", first},
              {"count", count},
              {"alarm_id", alarm},
              {"reason", tombstone.reason}});
}

void Ingest::Hub::was_held(BoxState& box, const std::string& why) {
  update(box, [](BoxStatus& status) { ++status.held; });
  log::write(INGEST_LEDGER_HELD, {{"box", box.status.box}, {"reason", why}});
}

void Ingest::Hub::told_key(BoxState& box, const link::KeyNews& news) {
  observer_.on_key_news(box.status.box, news);
}

// The one that is up; nullptr: none.
std::shared_ptr<Stream> Ingest::Hub::stream_of(const BoxId& box) const {
  const auto found = boxes_.find(box);
  const auto stream = found != boxes_.end() ? found->second->current : nullptr;
  return stream && stream->is_up() ? stream : nullptr;
}

void Ingest::Hub::order_key(const BoxId& box, const std::string& order) {
  if (const auto stream = stream_of(box)) stream->order_key(order);
}

void Ingest::Hub::key_taken(const BoxId& box, const std::string& order) {
  if (const auto stream = stream_of(box)) stream->key_taken(order);
}

void Ingest::Hub::receipt(const BoxId& box, link::Receipt receipt) {
  if (const auto stream = stream_of(box))
    stream->receipt(std::move(receipt));
  else
    owed_.add(box, std::move(receipt));
}

void Ingest::Hub::disconnect(const std::string& peer_address, const std::string& reason) {
  const std::set<std::shared_ptr<Stream>> all = streams_;
  for (const std::shared_ptr<Stream>& stream : all)
    if (stream->peer_address() == peer_address) stream->close(link::CloseCode::denied, reason);
}

std::vector<BoxStatus> Ingest::Hub::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<BoxStatus> all;
  all.reserve(boxes_.size());
  for (const auto& [name, state] : boxes_) all.push_back(state->status);
  return all;
}

std::optional<BoxStatus> Ingest::Hub::status(const BoxId& box) const {
  const std::lock_guard lock(mutex_);
  const auto found = boxes_.find(box);
  if (found == boxes_.end()) return std::nullopt;
  return found->second->status;
}

void Ingest::Hub::start() {
  tick_timer_.expires_after(tick_interval);
  auto fired = [weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Hub> self = weak.lock();
    if (self && !error && !self->stopped_) self->tick();
  };
  tick_timer_.async_wait(std::move(fired));
}

void Ingest::Hub::tick() {
  const SteadyTime time = steady_now();
  for (const auto& [name, state] : boxes_)
    if (state->flaps.on_tick(time))
      observer_.on_fault(name, "box-cloned", name, "its streams stay", true);
  start();
}

void Ingest::Hub::drain(std::chrono::milliseconds retry_after, const std::string& reason,
                        std::function<void()> done) {
  drained_ = std::move(done);
  draining_ = true;
  drain_timer_.expires_after(drain_max);
  auto late = [weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Hub> self = weak.lock();
    if (self && !error) self->finish_drain();
  };
  drain_timer_.async_wait(std::move(late));
  const std::set<std::shared_ptr<Stream>> all = streams_;
  for (const std::shared_ptr<Stream>& stream : all) stream->drain(retry_after, reason);
  check_drained();
}

void Ingest::Hub::check_drained() {
  if (!draining_ || !drained_) return;
  if (streams_.empty()) {
    // Not from inside an event of a stream.
    auto finish = [self = shared_from_this()] { self->finish_drain(); };
    boost::asio::post(context_, std::move(finish));
    return;
  }
  for (const auto& [name, state] : boxes_)
    if (state->writes_in_flight > 0) {
      settling_ = false;
      return;
    }
  if (settling_) return;
  settling_ = true;
  auto settled = [weak = weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<Hub> self = weak.lock();
    if (self && !error && self->settling_) self->finish_drain();
  };
  tick_timer_.expires_after(drain_settle);  // the tick is not needed any more
  tick_timer_.async_wait(std::move(settled));
}

void Ingest::Hub::finish_drain() {
  if (!drained_) return;
  const std::function<void()> done = std::exchange(drained_, nullptr);
  drain_timer_.cancel();
  const std::set<std::shared_ptr<Stream>> all = streams_;
  for (const std::shared_ptr<Stream>& stream : all)
    stream->close(link::CloseCode::drained, "the receiver is restarting");
  log::write(INGEST_DRAINED);
  done();
}

void Ingest::Hub::stop() {
  if (std::exchange(stopped_, true)) return;
  tick_timer_.cancel();
  drain_timer_.cancel();
  drained_ = nullptr;
  const std::set<std::shared_ptr<Stream>> all = streams_;
  for (const std::shared_ptr<Stream>& stream : all)
    stream->close(link::CloseCode::stopped, "the receiver stops");
  streams_.clear();
  for (const auto& [name, state] : boxes_) state->current = nullptr;
}

}  // namespace alarmwire::ingest
