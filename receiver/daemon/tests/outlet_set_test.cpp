// Outlets that come, go and change while alarms are stored: on the real ledger, with real servers.
#include "receiver/daemon/outlet_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "receiver/ledger/tests/harness.hpp"
#include "receiver/outlets/tests/scripted_server.hpp"

namespace alarmwire::receiver {
namespace {

using ledger::HandOverState;
using outlets::ScriptedServer;
using outlets::SmtpConfig;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& holds) {
  for (const SteadyTime end = steady_now() + 10s; steady_now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return holds();
}

class Centre : public ledger::Observer, public outlets::OutletObserver {
 public:
  void on_stored(const ledger::Record& record) override {
    if (OutletSet* const running = set) running->stored(record);
  }
  void on_stage(const BoxId&, const AlarmId&, const ledger::StageMark&) override {}
  void on_fault(const std::string&, const std::string&, const std::string&, bool) override {}
  void on_fatal(const Failure& failure) override { ADD_FAILURE() << failure.diagnostics; }
  void on_fault(const BoxId&, const std::string& code, const std::string& subject,
                const std::string&, bool over) override {
    const std::lock_guard lock(mutex_);
    faults_.push_back(code + " " + subject + (over ? " over" : ""));
  }
  std::vector<std::string> faults() const {
    const std::lock_guard lock(mutex_);
    return faults_;
  }
  std::atomic<OutletSet*> set{nullptr};

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> faults_;
};

class OutletSetTest : public ::testing::Test {
 protected:
  ~OutletSetTest() override {
    if (set_) set_->stop();
    centre_.set = nullptr;
    ledger_.reset();
  }
  static SmtpConfig way(const std::string& name, const ScriptedServer& server) {
    return way(name, server.port());
  }
  static SmtpConfig way(const std::string& name, std::uint16_t port) {
    SmtpConfig config;
    config.name = name;
    config.port = port;
    config.warm_every = 0ms;
    config.stalled_after = 100ms;
    return config;
  }
  void start(const std::vector<SmtpConfig>& configs) {
    ledger::Config config;
    config.directory = folder_.path();
    for (const SmtpConfig& each : configs) config.outlets.push_back(each.name);
    ledger_ = ledger::open_sqlite_ledger(config, centre_).value();
    set_ = std::make_unique<OutletSet>(
        *ledger_, [] { return std::make_shared<const sites::Sites>(); }, centre_);
    centre_.set = set_.get();
    set_->start(configs);
  }
  void store(int count) {
    for (int i = 0; i < count; ++i) {
      ++last_;
      const std::string subject = "Subject: " + std::to_string(last_) + "\r\n\r\ntext\r\n";
      ASSERT_TRUE(
          ledger::testing::store(
              *ledger_, ledger::testing::alarm("site-a", EpochId{7}, Lane::alarm, last_, subject))
              .has_value());
    }
  }
  // The numbers of the alarms it took, as they came.
  static std::vector<int> taken(const ScriptedServer& server) {
    std::vector<int> numbers;
    for (const ScriptedServer::Mail& mail : server.mails()) {
      const std::string word = "\r\nSubject: ";
      numbers.push_back(std::stoi(mail.body.substr(mail.body.find(word) + word.size())));
    }
    return numbers;
  }
  std::uint64_t count(const std::string& outlet, HandOverState state) const {
    return ledger_->count_hand_overs(outlet, state).value();
  }

  ledger::testing::Folder folder_;
  Centre centre_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<OutletSet> set_;
  std::uint64_t last_ = 0;
};

TEST_F(OutletSetTest, what_did_not_change_runs_on_while_others_come_and_go) {
  ScriptedServer first, second;
  start({way("first", first)});
  const auto untouched = set_->named("first");
  store(1);
  ASSERT_TRUE(set_->swap({way("second", second), way("first", first)}).has_value());
  EXPECT_EQ(set_->named("first"), untouched);
  store(1);
  ASSERT_TRUE(first.wait_mails(2) && second.wait_mails(1));
  ASSERT_TRUE(set_->swap({way("second", second)}).has_value());
  EXPECT_EQ(set_->named("first"), nullptr);
  store(1);
  ASSERT_TRUE(second.wait_mails(2));
  EXPECT_THAT(taken(first), ElementsAre(1, 2));
  EXPECT_THAT(taken(second), ElementsAre(2, 3));
  EXPECT_TRUE(eventually([&] { return count("second", HandOverState::taken) == 2; }));
  EXPECT_EQ(ledger_->owed()->size(), 0u);
}

TEST_F(OutletSetTest, a_changed_one_takes_over_what_waits_in_its_order) {
  std::uint16_t closed = 0;
  { closed = ScriptedServer().port(); }
  start({way("ebues", closed)});
  store(20);
  ASSERT_TRUE(eventually([&] { return !centre_.faults().empty(); }));
  EXPECT_THAT(centre_.faults(), ElementsAre("outlet-stalled ebues"));
  ScriptedServer server;
  ASSERT_TRUE(set_->swap({way("ebues", server)}).has_value());
  store(5);
  ASSERT_TRUE(server.wait_mails(25));
  const std::vector<int> numbers = taken(server);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << "order";
  // Its successor never knew of the fault, and could not end it.
  EXPECT_THAT(centre_.faults(), Contains("outlet-stalled ebues over"));
}

TEST_F(OutletSetTest, a_mail_in_hand_is_finished_before_the_successor_starts) {
  std::atomic<bool> in_hand{false};
  ScriptedServer before([&](const ScriptedServer::Event& event) {
    if (event.step == "dot") {
      in_hand = true;
      std::this_thread::sleep_for(400ms);
    }
    return std::string();
  });
  ScriptedServer after;
  start({way("ebues", before)});
  store(6);
  ASSERT_TRUE(eventually([&] { return in_hand.load(); }));
  ASSERT_TRUE(set_->swap({way("ebues", after)}).has_value());
  ASSERT_TRUE(after.wait_mails(5));
  EXPECT_THAT(taken(before), ElementsAre(1));
  EXPECT_THAT(taken(after), ElementsAre(2, 3, 4, 5, 6));
}

TEST_F(OutletSetTest, what_a_removed_one_leaves_waits_until_it_is_named_again) {
  ScriptedServer server;
  std::uint16_t closed = 0;
  { closed = ScriptedServer().port(); }
  start({way("old", closed)});
  store(2);
  ASSERT_TRUE(set_->swap({way("ebues", server)}).has_value());
  store(1);
  ASSERT_TRUE(server.wait_mails(1));
  EXPECT_THAT(taken(server), ElementsAre(3)) << "what was stored before is not owed to a new one";
  EXPECT_EQ(count("old", HandOverState::waiting), 2u);
  ASSERT_TRUE(set_->swap({way("old", server)}).has_value());
  ASSERT_TRUE(server.wait_mails(3));
  EXPECT_THAT(taken(server), ElementsAre(3, 1, 2));
}

TEST_F(OutletSetTest, nothing_starts_after_the_stop) {
  ScriptedServer server;
  start({});
  set_->stop();
  ASSERT_TRUE(set_->swap({way("ebues", server)}).has_value());
  store(1);
  EXPECT_EQ(set_->named("ebues"), nullptr);
  EXPECT_EQ(count("ebues", HandOverState::waiting), 1u);  // for the next life
  EXPECT_THAT(taken(server), IsEmpty());
}

}  // namespace
}  // namespace alarmwire::receiver
