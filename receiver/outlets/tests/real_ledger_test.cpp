// The outlet on the real ledger: what was taken stays taken over a restart, what was not goes then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "receiver/outlets/retry.hpp"
#include "receiver/outlets/smtp_outlet.hpp"
#include "receiver/outlets/tests/scripted_server.hpp"

namespace alarmwire::outlets {
namespace {

using ledger::HandOverState;
using ::testing::HasSubstr;

class Quiet : public ledger::Observer, public OutletObserver {
 public:
  void on_stored(const ledger::Record& record) override {
    Outlet* const out = outlet;
    if (out != nullptr) out->stored(record);
  }
  void on_stage(const BoxId&, const AlarmId&, const ledger::StageMark& mark) override {
    if (mark.stage == ledger::Stage::handed_over) ++handed_over;
  }
  void on_fault(const std::string&, const std::string&, const std::string&, bool) override {}
  void on_fault(const BoxId&, const std::string&, const std::string&, const std::string&,
                bool) override {}
  void on_fatal(const Failure& failure) override { ADD_FAILURE() << failure.diagnostics; }

  std::atomic<Outlet*> outlet{nullptr};
  std::atomic<int> handed_over{0};
};

class RealLedger : public ::testing::Test {
 protected:
  RealLedger() {
    directory_ = ::testing::TempDir() + "outlets_ledger_" + std::to_string(::getpid());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    config_.port = server_.port();
    config_.connections = 2;
  }
  ~RealLedger() override { std::filesystem::remove_all(directory_); }

  void open() {
    ledger::Config config;
    config.directory = directory_;
    config.outlets = outlets_;
    auto opened = ledger::open_sqlite_ledger(config, observer_);
    ASSERT_TRUE(opened) << opened.error().diagnostics;
    ledger_ = std::move(*opened);
  }
  void start() {
    outlet_ = make_smtp_outlet(
        config_, *ledger_, [] { return std::make_shared<const sites::Sites>(); }, observer_);
    observer_.outlet = outlet_.get();
    outlet_->start();
  }
  void close() {
    observer_.outlet = nullptr;
    if (outlet_) outlet_->stop();
    ledger_.reset();
    outlet_.reset();
  }
  AlarmId store(std::uint64_t seq, std::optional<AlarmId> replay_of = std::nullopt) {
    Envelope envelope;
    envelope.device = "cam1";
    envelope.recipients = {"cam1@site-a.internal"};
    ledger::Incoming incoming;
    incoming.box = "site-a";
    incoming.body = "Subject: " + std::to_string(seq) + "\n\ntext";
    RecordHeader& header = incoming.header;
    header.key = {EpochId{replay_of ? 8u : 7u}, Lane::alarm, seq};
    header.id = replay_of ? *replay_of : AlarmId::make(wall_now_us());
    incoming.replayed = replay_of.has_value();
    if (replay_of) incoming.body += ", again";
    header.envelope = encode_envelope(envelope);
    header.size = incoming.body.size();
    const AlarmId id = header.id;
    header.accepted_us = header.spooled_us = wall_now_us();
    RecordHasher hasher(header.envelope);
    hasher.update(incoming.body);
    header.hash = hasher.finish();
    std::promise<bool> done;
    auto on_done = [&done](const Result<ledger::StoreResult>& result) {
      done.set_value(result && result->verdict == ledger::StoreResult::Verdict::stored);
    };
    ledger_->store(std::move(incoming), on_done);
    EXPECT_TRUE(done.get_future().get());
    return id;
  }
  std::uint64_t count(HandOverState state) {
    return ledger_->count_hand_overs("ebues", state).value();
  }

  std::string directory_;
  std::vector<std::string> outlets_{"ebues"};
  Quiet observer_;
  ScriptedServer server_;
  SmtpConfig config_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<Outlet> outlet_;
};

TEST_F(RealLedger, TakenStaysTakenOverARestart) {
  open();
  start();
  for (std::uint64_t seq = 1; seq <= 20; ++seq) store(seq);
  ASSERT_TRUE(server_.wait_mails(20));
  close();
  open();
  EXPECT_EQ(count(HandOverState::taken), 20u);
  EXPECT_EQ(observer_.handed_over, 20);
  for (std::uint64_t seq = 21; seq <= 25; ++seq) store(seq);
  start();
  ASSERT_TRUE(server_.wait_mails(25));
  close();
  open();
  EXPECT_EQ(count(HandOverState::taken), 25u);
  const auto mails = server_.mails();
  ASSERT_EQ(mails.size(), 25u);
  for (std::size_t i = 0; i < mails.size(); ++i)
    EXPECT_THAT(mails[i].body, HasSubstr("\r\nSubject: " + std::to_string(i + 1) + "\r\n"));
  close();
}

TEST_F(RealLedger, RefusedBecomesWaitingByRetry) {
  server_.set_rule([](const ScriptedServer::Event& event) {
    return event.step == "RCPT" && event.count == 1 ? "550 no" : "";
  });
  open();
  start();
  store(1);
  for (int i = 0; i < 5000 && count(HandOverState::refused) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(count(HandOverState::refused), 1u);
  EXPECT_EQ(outlet_->retry("site-a").value(), 1u);
  ASSERT_TRUE(server_.wait_mails(1));
  close();
  open();
  EXPECT_EQ(count(HandOverState::taken), 1u);
  close();
}

TEST_F(RealLedger, WhatIsDroppedIsSkippedAndNothingElse) {
  open();
  std::vector<AlarmId> ids;
  for (std::uint64_t seq = 1; seq <= 300; ++seq) ids.push_back(store(seq));  // more than a page
  const auto set = [&](ledger::Position position, HandOverState state) {
    ledger_->set_hand_over("ebues", {position, "site-a", Lane::alarm, state, 1, 1, "250"}, nullptr);
  };
  set(1, HandOverState::taken);
  set(2, HandOverState::parked);
  set(3, HandOverState::refused);
  store(301);  // commits come in order: all are noted now
  std::vector<AlarmId> unparked;
  const auto on_unparked = [&](const BoxId&, const AlarmId& id) { unparked.push_back(id); };
  EXPECT_EQ(drop_hand_overs(*ledger_, "ebues", "not wanted", on_unparked).value(), 299u);
  EXPECT_EQ(count(HandOverState::skipped), 299u);
  EXPECT_EQ(count(HandOverState::taken), 1u);
  EXPECT_EQ(count(HandOverState::refused), 1u);
  EXPECT_EQ(ledger_->hand_overs("ebues", HandOverState::skipped, 0, 1)->front().text, "not wanted");
  EXPECT_EQ(unparked, std::vector<AlarmId>{ids[1]});
  close();
}

TEST_F(RealLedger, AReplayThatOneOutletTookIsStillHandedOverByTheOther) {
  outlets_ = {"ebues", "second"};
  open();
  start();
  const AlarmId id = store(1);
  ASSERT_TRUE(server_.wait_mails(1));
  for (int i = 0; i < 5000 && count(HandOverState::taken) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  store(1, id);
  EXPECT_EQ(count(HandOverState::skipped), 1u) << "the first has it";
  close();
  open();
  config_.name = "second";
  start();
  ASSERT_TRUE(server_.wait_mails(3));
  close();
  open();
  EXPECT_EQ(ledger_->count_hand_overs("second", HandOverState::taken).value(), 2u);
  EXPECT_EQ(count(HandOverState::taken), 1u);
  EXPECT_THAT(server_.mails()[2].body, HasSubstr("text, again"));
  EXPECT_THAT(server_.mails()[2].body, HasSubstr("X-Alarmwire-Mark: repeat\r\n"));
  close();
}

}  // namespace
}  // namespace alarmwire::outlets
