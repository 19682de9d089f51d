// What ingest's tests share: a ledger with a gate in front, a gRPC stream without gRPC, a box made
// of frames, and an observer that remembers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <thread>

#include "receiver/ingest/ingest.hpp"
#include "receiver/ledger/tests/harness.hpp"

namespace alarmwire::ingest::testing {

namespace v1 = link::v1;

inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  const SteadyTime end = steady_now() + patience;
  while (!holds()) {
    if (steady_now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// A real ledger whose store() answers can be kept back, or be failures.
class GatedLedger : public ledger::Ledger {
 public:
  explicit GatedLedger(ledger::Ledger& real) : real_(real) {}

  void keep_answers() { keeping_ = true; }
  void let_answers_go() {
    std::vector<std::function<void()>> kept;
    {
      const std::lock_guard lock(mutex_);
      keeping_ = false;
      kept.swap(kept_);
    }
    for (const auto& answer : kept) answer();
  }
  std::size_t kept() const {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }
  void fail_stores(int count, Errc code) {
    code_ = code;
    failures_ = count;
  }
  int stores() const { return stores_; }
  int announced() const { return announced_; }

  void store(ledger::Incoming incoming, Callback<ledger::StoreResult> done) override {
    ++stores_;
    if (failures_ > 0) {
      --failures_;
      done(Failure(code_, "as the test wants it"));
      return;
    }
    auto answer = [this, done](Result<ledger::StoreResult> result) {
      {
        const std::lock_guard lock(mutex_);
        if (keeping_) {
          kept_.push_back([done, result] { done(result); });
          return;
        }
      }
      done(std::move(result));
    };
    real_.store(std::move(incoming), std::move(answer));
  }
  void announce(const BoxId& box, const RecordHeader& header) override {
    ++announced_;
    real_.announce(box, header);
  }
  std::string id() const override { return real_.id(); }
  void stage(BoxId box, RecordKey key, Hash hash, std::uint64_t offset, std::string bytes,
             Callback<std::uint64_t> done) override {
    real_.stage(std::move(box), key, hash, offset, std::move(bytes), std::move(done));
  }
  void tombstone(ledger::Tombstone stone, Callback<std::uint64_t> done) override {
    real_.tombstone(std::move(stone), std::move(done));
  }
  void book_own(BoxId box, AlarmId id, Envelope envelope, Callback<ledger::Record> done) override {
    real_.book_own(std::move(box), id, std::move(envelope), std::move(done));
  }
  void set_outlets(std::vector<std::string> names, Callback<void> done) override {
    real_.set_outlets(std::move(names), std::move(done));
  }
  void set_hand_over(const std::string& outlet, ledger::HandOver hand_over,
                     Callback<void> done) override {
    real_.set_hand_over(outlet, std::move(hand_over), std::move(done));
  }
  void mark_stage(BoxId box, AlarmId id, ledger::StageMark mark, Callback<void> done) override {
    real_.mark_stage(std::move(box), id, std::move(mark), std::move(done));
  }
  void apply_retention(ledger::RetentionRule rule, WallTimeUs now_us,
                       Callback<std::uint64_t> done) override {
    real_.apply_retention(rule, now_us, std::move(done));
  }
  Result<std::vector<ledger::Cursor>> cursors(const BoxId& box) const override {
    return real_.cursors(box);
  }
  Result<std::vector<ledger::StagedBody>> staged(const BoxId& box) const override {
    return real_.staged(box);
  }
  Result<std::vector<ledger::Record>> read_after(ledger::Position position,
                                                 std::size_t limit) const override {
    return real_.read_after(position, limit);
  }
  Result<std::vector<ledger::Record>> list(const ledger::ListFilter& filter) const override {
    return real_.list(filter);
  }
  Result<ledger::Record> find(const AlarmId& id) const override { return real_.find(id); }
  Result<ledger::Record> at(ledger::Position position) const override { return real_.at(position); }
  Result<std::string> body(ledger::Position position, std::uint64_t offset,
                           std::size_t bytes_max) const override {
    return real_.body(position, offset, bytes_max);
  }
  Result<std::vector<ledger::StageMark>> stages(const AlarmId& id) const override {
    return real_.stages(id);
  }
  Result<std::vector<ledger::Tombstone>> tombstones(const BoxId& box,
                                                    std::size_t limit) const override {
    return real_.tombstones(box, limit);
  }
  Result<std::vector<ledger::Tombstone>> refused(
      const BoxId& box, const std::vector<ledger::SeqRange>& ranges) const override {
    return real_.refused(box, ranges);
  }
  Result<std::vector<ledger::HandOver>> hand_overs(const std::string& outlet,
                                                   ledger::HandOverState state,
                                                   ledger::Position after,
                                                   std::size_t limit) const override {
    return real_.hand_overs(outlet, state, after, limit);
  }
  Result<std::uint64_t> count_hand_overs(const std::string& outlet,
                                         ledger::HandOverState state) const override {
    return real_.count_hand_overs(outlet, state);
  }
  Result<std::vector<ledger::Owed>> owed() const override { return real_.owed(); }
  Result<std::vector<std::pair<std::string, ledger::HandOver>>> hand_overs_of(
      ledger::Position position) const override {
    return real_.hand_overs_of(position);
  }
  ledger::Snapshot snapshot() const override { return real_.snapshot(); }

 private:
  ledger::Ledger& real_;
  mutable std::mutex mutex_;
  std::vector<std::function<void()>> kept_;
  std::atomic<bool> keeping_{false};
  std::atomic<int> failures_{0};
  std::atomic<Errc> code_{Errc::full};
  std::atomic<int> stores_{0};
  std::atomic<int> announced_{0};
};

class Witness : public Observer {
 public:
  void on_box_up(const BoxStatus& status) override { note("up " + status.box); }
  void on_box_down(const BoxId& box, const std::string& reason, WallTimeUs) override {
    note("down " + box + " " + reason);
  }
  void on_heard(const BoxId& box) override {
    static_cast<void>(box);
    ++heard;
  }
  void on_key_news(const BoxId& box, const link::KeyNews& news) override {
    note("key of " + box + " " + std::to_string(static_cast<int>(news.state)) + " " +
         news.public_key);
  }
  void on_fault(const BoxId& box, const std::string& code, const std::string&, const std::string&,
                bool over) override {
    note("fault " + box + " " + code + (over ? " over" : ""));
  }
  std::vector<std::string> notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  long count(const std::string& note) const {
    const std::vector<std::string> all = notes();
    return std::count(all.begin(), all.end(), note);
  }
  std::atomic<int> heard{0};

 private:
  void note(std::string text) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
};

// The far end of a stream: what the centre wrote, and how it was ended.
class FakeLink : public link::LinkStream {
 public:
  void write(const v1::CentreFrame& frame) override {
    std::shared_ptr<link::StreamHandler> handler;
    {
      const std::lock_guard lock(mutex_);
      frames_.push_back(frame);
      handler = handler_;
    }
    if (handler) handler->on_write_done();
  }
  void consumed() override { ++consumed_; }
  void close(link::CloseCode code, const std::string&) override {
    std::shared_ptr<link::StreamHandler> handler;
    {
      const std::lock_guard lock(mutex_);
      closed_ = code;
      handler = std::exchange(handler_, nullptr);
    }
    if (handler) handler->on_closed("closed by the centre");
  }
  void attach(std::shared_ptr<link::StreamHandler> handler) {
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
  }
  std::shared_ptr<link::StreamHandler> handler() const {
    const std::lock_guard lock(mutex_);
    return handler_;
  }
  std::vector<v1::CentreFrame> frames() const {
    const std::lock_guard lock(mutex_);
    return frames_;
  }
  std::optional<link::CloseCode> closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  int consumed_frames() const { return consumed_; }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<link::StreamHandler> handler_;
  std::vector<v1::CentreFrame> frames_;
  std::optional<link::CloseCode> closed_;
  std::atomic<int> consumed_{0};
};

inline v1::BoxFrame hello(EpochId epoch, const std::string& ledger_id = "") {
  v1::BoxFrame frame;
  v1::Hello& hello = *frame.mutable_hello();
  hello.set_major(link::protocol_major);
  hello.set_minor_min(link::protocol_minor_min);
  hello.set_minor(link::protocol_minor);
  hello.set_software("test box");
  hello.set_box_time_us(wall_now_us());
  hello.set_ledger_id(ledger_id);
  for (const Lane lane : all_lanes) {
    v1::LaneRange& range = *hello.add_ranges();
    range.set_epoch(epoch.value);
    range.set_lane(static_cast<std::uint32_t>(lane));
    range.set_first_unsettled(1);
  }
  return frame;
}

inline v1::BoxFrame record(const ledger::Incoming& incoming, std::size_t data_bytes) {
  const RecordHeader& header = incoming.header;
  v1::BoxFrame frame;
  v1::Record& record = *frame.mutable_record();
  record.set_epoch(header.key.epoch.value);
  record.set_lane(static_cast<std::uint32_t>(header.key.lane));
  record.set_seq(header.key.seq);
  record.set_alarm_id(std::string(header.id.view()));
  record.set_hash(std::string(view(header.hash)));
  record.set_envelope(header.envelope);
  record.set_size(header.size);
  record.set_data(incoming.body.substr(0, data_bytes));
  record.set_accepted_us(header.accepted_us);
  record.set_spooled_us(header.spooled_us);
  return frame;
}

inline v1::BoxFrame record(const ledger::Incoming& incoming) {
  return record(incoming, incoming.body.size());
}

inline v1::BoxFrame chunk(const ledger::Incoming& incoming, std::size_t offset, std::size_t bytes) {
  v1::BoxFrame frame;
  v1::Chunk& chunk = *frame.mutable_chunk();
  chunk.set_lane(static_cast<std::uint32_t>(incoming.header.key.lane));
  chunk.set_offset(offset);
  chunk.set_data(incoming.body.substr(offset, bytes));
  return frame;
}

// One stream of a box, spoken by hand.
class BoxEnd {
 public:
  BoxEnd(Ingest& ingest, const std::string& address) : link_(std::make_shared<FakeLink>()) {
    handler_ = ingest.on_open(address, 0, link_);
    link_->attach(handler_);
  }
  void send(v1::BoxFrame frame) { handler_->on_frame(std::move(frame)); }
  void hang_up(const std::string& reason) { handler_->on_closed(reason); }

  std::optional<v1::Welcome> welcome() {
    std::optional<v1::Welcome> found;
    eventually([&] {
      for (const v1::CentreFrame& frame : link_->frames())
        if (frame.has_welcome()) found = frame.welcome();
      return found.has_value() || link_->closed().has_value();
    });
    return found;
  }
  bool has_welcome() const {
    for (const v1::CentreFrame& frame : link_->frames())
      if (frame.has_welcome()) return true;
    return false;
  }
  // Settled up to here, in any frame so far.
  std::uint64_t settled(Lane lane) const {
    std::uint64_t seq = 0;
    for (const v1::CentreFrame& frame : link_->frames())
      if (frame.has_settled() && frame.settled().lane() == static_cast<std::uint32_t>(lane) &&
          frame.settled().verdict() != v1::Settled::AGAIN)
        seq = std::max(seq, static_cast<std::uint64_t>(frame.settled().seq()));
    return seq;
  }
  // All bytes granted so far, those of the Welcome included.
  std::uint64_t credit(Lane lane) const {
    std::uint64_t bytes = 0;
    const auto add = [&](const v1::Credit& credit) {
      if (credit.lane() == static_cast<std::uint32_t>(lane)) bytes += credit.bytes();
    };
    for (const v1::CentreFrame& frame : link_->frames()) {
      for (const v1::Credit& credit : frame.welcome().credits()) add(credit);
      add(frame.grant().credit());
    }
    return bytes;
  }
  int agains() const {
    int count = 0;
    for (const v1::CentreFrame& frame : link_->frames())
      count += frame.has_settled() && frame.settled().verdict() == v1::Settled::AGAIN;
    return count;
  }
  std::vector<v1::Receipt> receipts() const {
    std::vector<v1::Receipt> found;
    for (const v1::CentreFrame& frame : link_->frames())
      for (const v1::Receipt& receipt : frame.receipts().receipt()) found.push_back(receipt);
    return found;
  }
  bool has_drain() const {
    for (const v1::CentreFrame& frame : link_->frames())
      if (frame.has_drain()) return true;
    return false;
  }
  bool wait_settled(Lane lane, std::uint64_t seq) {
    return eventually([&] { return settled(lane) >= seq; });
  }
  bool wait_closed(link::CloseCode code) {
    return eventually([&] { return link_->closed() == code; });
  }
  FakeLink& link() { return *link_; }

 private:
  std::shared_ptr<FakeLink> link_;
  std::shared_ptr<link::StreamHandler> handler_;
};

// A whole centre without gRPC: site-a is fd00::a, site-b is fd00::b.
class Centre : public ::testing::Test {
 protected:
  Centre() : guard_(context.get_executor()) {
    ledger::Config config;
    config.directory = folder.path();
    config.outlets = {"ebues"};
    Result<std::unique_ptr<ledger::Ledger>> opened = ledger::open_sqlite_ledger(config, memory);
    real = std::move(*opened);
    gate = std::make_unique<GatedLedger>(*real);
    auto box_of = [](const std::string& address) -> std::optional<BoxId> {
      if (address == "fd00::a") return "site-a";
      if (address == "fd00::b") return "site-b";
      if (address == "127.0.0.1" || address == "::1") return "site-loop";
      return std::nullopt;
    };
    ingest = std::make_unique<Ingest>(context, Config{"test centre"}, *gate, box_of, witness);
    thread_ = std::thread([this] { context.run(); });
  }
  ~Centre() override {
    gate->let_answers_go();
    guard_.reset();
    context.stop();
    thread_.join();
    ingest.reset();
    real.reset();
  }
  ledger::Incoming alarm(std::uint64_t seq, std::string body = "Subject: x\r\n\r\n",
                         Lane lane = Lane::live_alarm, const BoxId& box = "site-a") {
    return ledger::testing::alarm(box, epoch, lane, seq, std::move(body));
  }
  std::vector<std::string> fault_codes() const {
    std::vector<std::string> codes;
    for (const ledger::Record& one : memory.stored())
      if (const auto envelope = decode_envelope(one.header.envelope);
          envelope.has_value() && envelope->kind == RecordKind::fault)
        codes.push_back(envelope->fault_code);
    return codes;
  }

  const EpochId epoch{77};
  ledger::testing::Folder folder;
  ledger::testing::Memory memory;
  Witness witness;
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::unique_ptr<ledger::Ledger> real;
  std::unique_ptr<GatedLedger> gate;
  std::unique_ptr<Ingest> ingest;
  std::thread thread_;
};

}  // namespace alarmwire::ingest::testing
