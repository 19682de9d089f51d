#include "receiver/outlets/order.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace alarmwire::outlets {
namespace {

using namespace std::chrono_literals;
using ledger::HandOverState;

const Attempt taken{Verdict::taken, "250 ok", true, false};
const Attempt refused{Verdict::refused, "550 no", true, false};
const Attempt later{Verdict::later, "451 later", true, false};
const Attempt no_connection{Verdict::unreachable, "refused", false, false};
const Attempt lost_in_mail{Verdict::unreachable, "closed", true, false};
const Attempt lost_at_dot{Verdict::unreachable, "closed", true, true};

class OrderTest : public ::testing::Test {
 protected:
  explicit OrderTest(OrderLimits limits = {}) : order_(limits) {}

  void offer(const BoxId& box, Lane lane, ledger::Position position, bool from_before = false) {
    order_.offer(row(box, lane, position), from_before);
  }
  static ledger::HandOver row(const BoxId& box, Lane lane, ledger::Position position) {
    ledger::HandOver waiting;
    waiting.position = position;
    waiting.box = box;
    waiting.lane = lane;
    return waiting;
  }
  std::optional<Job> next() { return order_.next(now_); }
  Decision finish(const Job& job, const Attempt& attempt) {
    Decision decision = order_.finish(job, attempt, now_, 1);
    if (decision.lasting) order_.noted(job.box, job.lane);
    return decision;
  }
  // One after the other, all taken: the positions in the order they went.
  std::vector<ledger::Position> drain() {
    std::vector<ledger::Position> positions;
    while (const auto job = next()) {
      positions.push_back(job->position);
      finish(*job, taken);
    }
    return positions;
  }

  SteadyTime now_{1h};
  Order order_;
};

TEST_F(OrderTest, FirstInFirstOutInOneLane) {
  for (int i = 1; i <= 50; ++i) offer("a", Lane::alarm, i);
  std::vector<ledger::Position> expected;
  for (int i = 1; i <= 50; ++i) expected.push_back(i);
  EXPECT_EQ(drain(), expected);
  EXPECT_EQ(order_.held(), 0u);
}

TEST_F(OrderTest, OneUnderWayPerLaneButLanesAndBoxesGoAlongside) {
  offer("a", Lane::alarm, 1);
  offer("a", Lane::alarm, 2);
  offer("a", Lane::fault, 3);
  offer("b", Lane::alarm, 4);
  std::set<ledger::Position> under_way;
  while (const auto job = next()) under_way.insert(job->position);
  EXPECT_EQ(under_way, (std::set<ledger::Position>{1, 3, 4}));
}

TEST_F(OrderTest, NoMoreThanItsConnections) {
  for (int i = 1; i <= 10; ++i) offer("box" + std::to_string(i), Lane::alarm, i);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(next());
  EXPECT_FALSE(next());
}

TEST_F(OrderTest, LanesGoByPriority) {
  offer("a", Lane::routine, 1);
  offer("a", Lane::alarm, 2);
  offer("a", Lane::fault, 3);
  offer("a", Lane::live_alarm, 4);
  EXPECT_EQ(drain(), (std::vector<ledger::Position>{4, 3, 2, 1}));
}

TEST_F(OrderTest, LowerLanesKeepASmallShare) {
  for (int i = 1; i <= 200; ++i) offer("a", Lane::live_alarm, i);
  offer("b", Lane::routine, 1000);
  offer("b", Lane::alarm, 1001);
  const auto went = drain();
  const auto at = [&](ledger::Position p) {
    return std::find(went.begin(), went.end(), p) - went.begin();
  };
  EXPECT_LT(at(1000), 40);
  EXPECT_LT(at(1001), 40);
}

TEST_F(OrderTest, AFloodingBoxDoesNotDelayAnother) {
  for (int i = 1; i <= 200; ++i) offer("flood", Lane::live_alarm, i);
  for (int i = 0; i < 10; ++i) finish(*next(), taken);
  offer("b", Lane::live_alarm, 1000);
  EXPECT_EQ(next()->position, 11);
  EXPECT_EQ(next()->position, 1000);
}

TEST_F(OrderTest, ThousandsOfBoxesTakeTurns) {
  constexpr int boxes = 5000;
  ledger::Position position = 0;
  for (int round = 0; round < 3; ++round) {
    for (int box = 0; box < boxes; ++box)
      offer("box" + std::to_string(box), Lane::alarm, ++position);
  }
  const auto went = drain();
  ASSERT_EQ(went.size(), 3u * boxes);
  for (std::size_t i = 0; i < went.size(); ++i) {
    const auto box_round = static_cast<std::size_t>(went[i] - 1) / boxes;
    ASSERT_EQ(box_round, i / boxes);
  }
}

TEST_F(OrderTest, LaterHoldsOnlyItsBoxAndLane) {
  offer("a", Lane::alarm, 1);
  offer("a", Lane::alarm, 2);
  offer("a", Lane::fault, 3);
  offer("b", Lane::alarm, 4);
  const Job job = [&] {
    for (;;) {
      const Job one = *next();
      if (one.position == 1) return one;
      finish(one, taken);
    }
  }();
  const Decision decision = finish(job, later);
  EXPECT_EQ(decision.note->state, HandOverState::waiting);
  EXPECT_EQ(decision.note->tries, 1u);
  EXPECT_FALSE(decision.lasting);
  const auto went = drain();
  EXPECT_EQ(std::count(went.begin(), went.end(), 2), 0);
  EXPECT_EQ(order_.wake_at(), now_ + 5s);
  now_ += 5s;
  EXPECT_EQ(drain(), (std::vector<ledger::Position>{1, 2}));
}

TEST_F(OrderTest, LaterBacksOffAndIsParkedAfterTenTriesThenTheNextGoes) {
  offer("a", Lane::alarm, 1);
  offer("a", Lane::alarm, 2);
  std::vector<std::chrono::seconds> waits;
  for (int i = 1; i <= 10; ++i) {
    const auto job = next();
    ASSERT_TRUE(job && job->position == 1);
    const Decision decision = finish(*job, later);
    if (i == 10) {
      EXPECT_EQ(decision.note->state, HandOverState::parked);
      EXPECT_EQ(decision.note->tries, 10u);
      EXPECT_EQ(decision.note->text, "451 later");
      break;
    }
    EXPECT_EQ(decision.note->state, HandOverState::waiting);
    const auto wait = *order_.wake_at() - now_;
    waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(wait));
    EXPECT_FALSE(next());
    now_ += wait;
  }
  EXPECT_EQ(waits,
            (std::vector<std::chrono::seconds>{5s, 10s, 20s, 40s, 80s, 160s, 300s, 300s, 300s}));
  EXPECT_EQ(drain(), (std::vector<ledger::Position>{2}));
}

TEST_F(OrderTest, TriesOfAnEarlierLifeCount) {
  ledger::HandOver waiting = row("a", Lane::alarm, 1);
  waiting.tries = 9;
  order_.offer(waiting, true);
  EXPECT_EQ(finish(*next(), later).note->state, HandOverState::parked);
}

TEST_F(OrderTest, RefusedIsLastingAndTheNextGoes) {
  offer("a", Lane::alarm, 1);
  offer("a", Lane::alarm, 2);
  const Decision decision = finish(*next(), refused);
  EXPECT_EQ(decision.note->state, HandOverState::refused);
  EXPECT_TRUE(decision.lasting);
  EXPECT_EQ(drain(), (std::vector<ledger::Position>{2}));
}

TEST_F(OrderTest, UnreachableStopsTheOutletAndProbesForEver) {
  for (int i = 1; i <= 5; ++i) offer("box" + std::to_string(i), Lane::alarm, i);
  std::vector<std::chrono::seconds> waits;
  for (int i = 0; i < 8; ++i) {
    order_.stalled(now_);
    const auto job = next();
    ASSERT_TRUE(job);
    EXPECT_FALSE(finish(*job, no_connection).note) << "unreachable is not a try";
    EXPECT_TRUE(order_.is_stopped());
    EXPECT_FALSE(next());
    SteadyTime probe_at = *order_.wake_at();
    if (order_.stalled(probe_at)) probe_at = *order_.wake_at();  // that was the report's time
    waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(probe_at - now_));
    now_ = probe_at;
  }
  EXPECT_EQ(waits, (std::vector<std::chrono::seconds>{1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}));
}

TEST_F(OrderTest, OneProbeAtATimeThenAllGo) {
  for (int i = 1; i <= 6; ++i) offer("box" + std::to_string(i), Lane::alarm, i);
  finish(*next(), no_connection);
  now_ += 1s;
  const auto probe = next();
  ASSERT_TRUE(probe);
  EXPECT_FALSE(next());
  finish(*probe, taken);
  EXPECT_FALSE(order_.is_stopped());
  EXPECT_TRUE(next());
  EXPECT_TRUE(next());
}

TEST_F(OrderTest, StalledIsReportedOnceAfterAMinuteAndItsEnd) {
  offer("a", Lane::alarm, 1);
  finish(*next(), no_connection);
  now_ += 59s;
  EXPECT_FALSE(order_.stalled(now_));
  finish(*next(), no_connection);
  now_ += 1s;
  EXPECT_TRUE(order_.stalled(now_));
  EXPECT_FALSE(order_.stalled(now_));
  now_ += 30s;
  EXPECT_TRUE(finish(*next(), later).back);
  EXPECT_FALSE(order_.stalled(now_ + 1h));
}

TEST_F(OrderTest, AShortStopIsNotReported) {
  offer("a", Lane::alarm, 1);
  finish(*next(), no_connection);
  now_ += 1s;
  EXPECT_FALSE(finish(*next(), taken).back);
}

TEST_F(OrderTest, AConnectionTooManyIsGivenUpForAWhile) {
  for (int i = 1; i <= 20; ++i) offer("box" + std::to_string(i), Lane::alarm, i);
  const Job first = *next();
  const Job second = *next();
  finish(second, no_connection);
  finish(first, taken);
  EXPECT_TRUE(next());
  EXPECT_FALSE(next()) << "one worked, two did not";
  now_ += 31s;
  EXPECT_TRUE(next());
}

TEST_F(OrderTest, APoisonousMailDoesNotStopTheOthersAndIsParked) {
  offer("bad", Lane::alarm, 1);
  ledger::Position position = 1;
  int losses = 0;
  std::chrono::milliseconds others_waited{0};
  for (int step = 0; step < 5000 && losses < 12; ++step) {
    if (order_.held() < 3) offer("good", Lane::alarm, ++position);
    const auto job = next();
    if (!job) {
      now_ += 100ms;
      others_waited += 100ms;
      continue;
    }
    if (job->position != 1) {
      now_ += 1s;
      finish(*job, taken);
      continue;
    }
    ++losses;
    const Decision decision = finish(*job, lost_in_mail);
    ASSERT_TRUE(decision.note);
    if (decision.note->state == HandOverState::parked) break;
  }
  EXPECT_EQ(losses, 10);
  EXPECT_EQ(others_waited.count(), 0);
}

TEST_F(OrderTest, WhenAllAreLostNothingIsParked) {
  for (int i = 1; i <= 3; ++i) offer("box" + std::to_string(i), Lane::alarm, i);
  for (int step = 0; step < 2000; ++step) {
    if (const auto job = next()) {
      EXPECT_FALSE(finish(*job, lost_in_mail).lasting);
    } else {
      now_ += 1s;
    }
  }
  EXPECT_EQ(order_.held(), 3u);
}

TEST_F(OrderTest, UnknownOutcomeIsOfferedAgainAsAPossibleRepeat) {
  offer("a", Lane::alarm, 1);
  const Job job = *next();
  EXPECT_FALSE(job.maybe_repeat);
  finish(job, lost_at_dot);
  now_ += 1s;
  EXPECT_TRUE(next()->maybe_repeat);
}

TEST_F(OrderTest, OnlyTheFirstOnesAfterAStartMayBeRepeats) {
  for (int i = 1; i <= 40; ++i) offer("a", Lane::alarm, i, true);
  offer("b", Lane::alarm, 41);
  int repeats = 0;
  while (const auto job = next()) {
    repeats += job->maybe_repeat ? 1 : 0;
    finish(*job, taken);
  }
  EXPECT_EQ(repeats, 32);
}

TEST_F(OrderTest, UnnotedOnesAreBounded) {
  for (int i = 1; i <= 40; ++i) offer("a", Lane::alarm, i);
  for (int i = 0; i < 32; ++i) order_.finish(*next(), taken, now_, 1);
  EXPECT_FALSE(next());
  order_.noted("a", Lane::alarm);
  EXPECT_TRUE(next());
}

TEST_F(OrderTest, RetriedOnesGoWhereTheyBelong) {
  offer("a", Lane::alarm, 5);
  offer("a", Lane::alarm, 9);
  order_.offer_again(row("a", Lane::alarm, 7));
  order_.offer_again(row("a", Lane::alarm, 7));
  order_.offer_again(row("a", Lane::alarm, 1));
  EXPECT_EQ(drain(), (std::vector<ledger::Position>{1, 5, 7, 9}));
}

TEST_F(OrderTest, SkippedIsLasting) {
  offer("a", Lane::alarm, 1);
  const Decision decision = order_.skip(*next(), "gone", 7);
  EXPECT_EQ(decision.note->state, HandOverState::skipped);
  EXPECT_EQ(decision.note->text, "gone");
  EXPECT_EQ(order_.held(), 0u);
}

// A ledger of many waiting records, read as the driver reads it.
TEST_F(OrderTest, MemoryStaysBoundedAndOrderHoldsWithAMillionWaiting) {
  constexpr ledger::Position total = 1'000'000;
  const auto box_of = [](ledger::Position p) {
    return p % 1000 == 0 ? BoxId("rare") : BoxId("flood");
  };
  for (ledger::Position p = 1; p <= total; ++p) offer(box_of(p), Lane::alarm, p);
  std::map<BoxId, ledger::Position> last;
  std::size_t went = 0;
  for (;;) {
    EXPECT_LE(order_.held(), 2u * 257u);
    while (const auto job = next()) {
      ASSERT_GT(job->position, last[job->box]);
      last[job->box] = job->position;
      finish(*job, taken);
      ++went;
      if (order_.needs_refill()) break;
    }
    const auto from = order_.begin_refill();
    if (!from) {
      if (order_.held() == 0) break;
      continue;
    }
    ledger::Position p = *from;
    while (p < total && order_.refill_wants_more()) {
      ++p;
      // Between two pages mails go on being taken.
      if (p % 777 == 0) {
        if (const auto job = next()) {
          ASSERT_GT(job->position, last[job->box]);
          last[job->box] = job->position;
          finish(*job, taken);
          ++went;
        }
      }
      order_.refill(row(box_of(p), Lane::alarm, p));
    }
    order_.end_refill(p == total);
  }
  EXPECT_EQ(went, static_cast<std::size_t>(total));
}

}  // namespace
}  // namespace alarmwire::outlets
