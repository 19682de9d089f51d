// What becomes of a record, on its way into a ledger that answers when it wants.
#include "receiver/outlets/note_keeper.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "receiver/outlets/tests/fake_ledger.hpp"

namespace alarmwire::outlets {
namespace {

using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

// Writes down what it is asked for, in order, and answers each when told.
class SlowLedger final : public FakeLedger {
 public:
  void set_hand_over(const std::string& outlet, ledger::HandOver hand_over,
                     Callback<void> done) override {
    asked.push_back(outlet + " state " + std::string(to_string(hand_over.state)));
    waiting.push_back(std::move(done));
  }
  void mark_stage(BoxId, AlarmId, ledger::StageMark mark, Callback<void> done) override {
    asked.push_back(mark.outlet + " mark");
    waiting.push_back(std::move(done));
  }
  void answer_all(const Result<void>& result) {
    for (auto& done : std::exchange(waiting, {})) done(result);
  }
  Texts asked;
  std::vector<Callback<void>> waiting;
};

class NoteKeeperTest : public ::testing::Test {
 protected:
  std::shared_ptr<NoteKeeper> keeper(const std::string& outlet) {
    auto made = std::make_shared<NoteKeeper>(ledger_, outlet);
    made->set_callbacks([this, outlet](const BoxId&, Lane) { durable_.push_back(outlet); },
                        [this] { ++delayed_; });
    return made;
  }
  static Note note(const std::string& outlet, ledger::HandOverState state) {
    Note made;
    made.box = "site-a";
    made.lasting = state != ledger::HandOverState::waiting;
    if (made.lasting)
      made.mark = ledger::StageMark{ledger::Stage::handed_over, 42, outlet, "250 ok"};
    made.hand_over = ledger::HandOver{1, "site-a", Lane::alarm, state, 1, 42, "250 ok"};
    return made;
  }
  static Note taken(const std::string& outlet) {
    return note(outlet, ledger::HandOverState::taken);
  }

  SlowLedger ledger_;
  Texts durable_;
  int delayed_ = 0;
};

// A crash between the two offers the record again, and marks it again. The other way round it would
// count as taken, and nobody would ever see when.
TEST_F(NoteKeeperTest, TheMarkIsWrittenFirstAtEachOfTwoOutlets) {
  const auto ebues = keeper("ebues");
  const auto second = keeper("second");
  ebues->write(taken("ebues"));
  second->write(taken("second"));
  EXPECT_EQ(ledger_.asked,
            (Texts{"ebues mark", "ebues state taken", "second mark", "second state taken"}));
}

TEST_F(NoteKeeperTest, EachOutletHearsOfItsOwnLastingStateOnceItIsDurable) {
  const auto ebues = keeper("ebues");
  const auto second = keeper("second");
  ebues->write(taken("ebues"));
  second->write(taken("second"));
  ASSERT_EQ(ledger_.waiting.size(), 4u);
  ledger_.waiting[0]({});  // the mark alone says nothing
  EXPECT_EQ(durable_, Texts{});
  ledger_.waiting[3]({});
  EXPECT_EQ(durable_, Texts{"second"});
  EXPECT_FALSE(ebues->wait_idle(milliseconds(0)));
  EXPECT_FALSE(second->wait_idle(milliseconds(0))) << "its mark is not durable";
  ledger_.waiting[1]({});
  ledger_.waiting[2]({});
  EXPECT_EQ(durable_, (Texts{"second", "ebues"}));
  EXPECT_TRUE(ebues->wait_idle(milliseconds(0)));
  EXPECT_TRUE(second->wait_idle(milliseconds(0)));
}

TEST_F(NoteKeeperTest, WhatABusyLedgerPutOffIsWrittenAgainInOrderAndOnlyWhatLasts) {
  const auto ebues = keeper("ebues");
  ebues->write(note("ebues", ledger::HandOverState::waiting));  // a try: the next one says more
  ebues->write(taken("ebues"));
  ledger_.asked.clear();
  ledger_.answer_all(Failure(Errc::busy, "busy"));
  EXPECT_EQ(durable_, Texts{});
  EXPECT_EQ(delayed_, 2);
  ebues->write_delayed();
  EXPECT_EQ(ledger_.asked, (Texts{"ebues mark", "ebues state taken"}));
  ledger_.answer_all({});
  EXPECT_EQ(durable_, Texts{"ebues"});
  ebues->write_delayed();
  EXPECT_EQ(ledger_.asked.size(), 2u);
}

}  // namespace
}  // namespace alarmwire::outlets
