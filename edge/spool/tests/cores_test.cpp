// The parts of the spool that do no I/O.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "edge/spool/desk.hpp"
#include "edge/spool/fair_queue.hpp"
#include "edge/spool/lanes.hpp"
#include "edge/spool/quota.hpp"
#include "edge/spool/recent.hpp"

namespace alarmwire::spool {
namespace {

using testing::ElementsAre;

std::vector<int> take(FairQueue<int>& queue, std::size_t rows, std::size_t bytes) {
  GroupRoom room{rows, bytes};
  std::vector<int> group;
  queue.take(room, group);
  return group;
}

TEST(FairQueue, OneOfEachDeviceInTurnAndInOrderWithinADevice) {
  FairQueue<int> queue;
  for (int i = 0; i < 4; ++i) queue.push("flood", 10, i);
  queue.push("quiet", 10, 100);
  EXPECT_THAT(take(queue, 3, 1000), ElementsAre(0, 100, 1));
  EXPECT_THAT(take(queue, 3, 1000), ElementsAre(2, 3));
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, AGroupEndsAtItsRowsAndAtItsBytes) {
  FairQueue<int> queue;
  for (int i = 0; i < 5; ++i) queue.push("a", 100, i);
  EXPECT_THAT(take(queue, 2, 1000), ElementsAre(0, 1));
  EXPECT_THAT(take(queue, 64, 250), ElementsAre(2, 3));
  EXPECT_EQ(queue.bytes(), 100u);
}

TEST(FairQueue, AnItemLargerThanAGroupGoesAlone) {
  FairQueue<int> queue;
  queue.push("a", 10, 1);
  queue.push("b", 5000, 2);
  queue.push("c", 10, 3);
  EXPECT_THAT(take(queue, 64, 1000), ElementsAre(1));
  EXPECT_THAT(take(queue, 64, 1000), ElementsAre(2));
  EXPECT_THAT(take(queue, 64, 1000), ElementsAre(3));
}

TEST(FairQueue, ASecondQueueFillsOnlyWhatTheFirstLeft) {
  FairQueue<int> finals;
  FairQueue<int> chunks;
  finals.push("a", 700, 1);
  chunks.push("u", 400, 2);
  GroupRoom room{64, 1000};
  std::vector<int> group;
  finals.take(room, group);
  chunks.take(room, group);
  EXPECT_THAT(group, ElementsAre(1));
  EXPECT_THAT(take(chunks, 64, 1000), ElementsAre(2));
}

TEST(Quota, TheLastTenthIsForAlarmsAndFaults) {
  const Quota quota(1'000'000);
  EXPECT_TRUE(quota.admits(Lane::routine, 800'000, 100'000));
  EXPECT_FALSE(quota.admits(Lane::routine, 800'000, 100'001));
  for (const Lane lane : {Lane::live_alarm, Lane::fault, Lane::alarm}) {
    EXPECT_TRUE(quota.admits(lane, 900'000, 100'000));
    EXPECT_FALSE(quota.admits(lane, 900'000, 100'001));
  }
}

TEST(Quota, CostCoversThePayloadInWholePages) {
  EXPECT_EQ(Quota::cost(0), 4096u);
  EXPECT_GE(Quota::cost(64 * 1024), 64u * 1024 + 512);
}

TEST(FullState, IsRaisedOnceAndEndsOnceWhenEveryCauseIsGone) {
  FullState state;
  EXPECT_TRUE(state.refused(FullState::Cause::quota));
  EXPECT_FALSE(state.refused(FullState::Cause::disk));
  EXPECT_FALSE(state.wrote(true, false));
  EXPECT_TRUE(state.is_full());
  EXPECT_TRUE(state.wrote(false, true));
  EXPECT_FALSE(state.wrote(true, true));
  EXPECT_TRUE(state.refused(FullState::Cause::disk));
}

class Lanes : public testing::Test {
 protected:
  void SetUp() override {
    book.add_epoch(1, EpochId{11});
    book.add_epoch(2, EpochId{22});
  }
  LaneBook book;
};

TEST_F(Lanes, RowIdsSortByEpochThenLaneThenSeq) {
  const RowId old_row = row_id(lane_key(1, Lane::routine), seq_max);
  const RowId new_row = row_id(lane_key(2, Lane::live_alarm), 1);
  EXPECT_LT(old_row, new_row);
  EXPECT_EQ(seq_of(old_row), seq_max);
  EXPECT_EQ(lane_of(lane_key_of(old_row)), Lane::routine);
  EXPECT_GT(row_id(lane_key(ordinal_max, Lane::routine), seq_max), 0);
}

TEST_F(Lanes, SettlingMovesOneNumberAndIsCutToWhatWasGiven) {
  LaneState& lane = book.current(Lane::alarm);
  lane.last = 10;
  EXPECT_TRUE(lane.settle(4));
  EXPECT_FALSE(lane.settle(4));
  EXPECT_EQ(lane.waiting(), 6u);
  EXPECT_EQ(lane.settled(), 4u);
  EXPECT_EQ(lane.state(4), RowState::settled);
  EXPECT_EQ(lane.state(5), RowState::waiting);
  EXPECT_TRUE(lane.settle(1000));
  EXPECT_EQ(lane.range().first_unsettled, 11u);
  EXPECT_EQ(lane.waiting(), 0u);
}

TEST_F(Lanes, ParkedRowsAreStoodPastAndNeverCountAsSettled) {
  LaneState& lane = book.current(Lane::alarm);
  lane.last = 5;
  EXPECT_TRUE(lane.park(2));
  EXPECT_EQ(lane.cursor, 1u);
  EXPECT_EQ(lane.waiting(), 4u);
  EXPECT_TRUE(lane.park(1));
  EXPECT_EQ(lane.cursor, 3u);
  EXPECT_FALSE(lane.park(1));
  EXPECT_FALSE(lane.park(6));
  EXPECT_EQ(lane.settled(), 0u);
  EXPECT_EQ(lane.state(2), RowState::parked);
}

TEST_F(Lanes, AnEvictedRowIsNotHeldButAParkedOneIs) {
  LaneState& lane = book.current(Lane::alarm);
  lane.last = 4;
  lane.park(2);
  lane.settle(3);
  lane.floor = 3;
  EXPECT_FALSE(lane.is_held(1));
  EXPECT_TRUE(lane.is_held(2));
  EXPECT_EQ(lane.range().first_held, 4u);
  EXPECT_EQ(lane.waiting(), 1u);
}

TEST_F(Lanes, RangesNameOldEpochsWithRowsAndAlwaysTheCurrentOne) {
  EXPECT_EQ(book.ranges().size(), lane_count);
  book.find(EpochId{11}, Lane::fault)->last = 3;
  const std::vector<LaneRange> ranges = book.ranges();
  ASSERT_EQ(ranges.size(), lane_count + 1);
  EXPECT_EQ(ranges.front().epoch, EpochId{11});
  EXPECT_EQ(ranges.front().first_held, 1u);
  EXPECT_EQ(ranges.front().last, 3u);
  EXPECT_TRUE(book.empty_epochs().empty());
}

TEST_F(Lanes, AnEpochIsEmptyWhenNothingOfItIsHeld) {
  EXPECT_THAT(book.empty_epochs(), ElementsAre(1u));
  book.find(EpochId{11}, Lane::fault)->last = 1;
  EXPECT_TRUE(book.empty_epochs().empty());
}

class Fresh : public ::testing::Test {
 protected:
  static RecordKey key(std::uint64_t seq) { return {EpochId{7}, Lane::alarm, seq}; }
  void add(std::uint64_t seq) {
    RecordHeader header;
    header.key = key(seq);
    header.envelope = "who";
    fresh.add(std::move(header), std::string(500, 'x'));
  }
  FreshRecords fresh{3000};
};

TEST_F(Fresh, ARecordIsTakenOnceWithAllOfItsBody) {
  add(1);
  const auto taken = fresh.take(key(1));
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->head, std::string(500, 'x'));
  EXPECT_EQ(taken->header.envelope, "who");
  EXPECT_FALSE(fresh.take(key(1)).has_value());
}

TEST_F(Fresh, ForgetsTheOldestAboveItsBytes) {
  for (std::uint64_t seq = 1; seq <= 4; ++seq) add(seq);
  EXPECT_FALSE(fresh.take(key(1)).has_value());
  EXPECT_TRUE(fresh.take(key(2)).has_value());
  // What was taken weighs nothing any more.
  add(5);
  EXPECT_TRUE(fresh.take(key(3)).has_value());
}

TEST_F(Fresh, AForgottenRecordIsNotThere) {
  add(1);
  fresh.forget(key(1));
  EXPECT_FALSE(fresh.take(key(1)).has_value());
}

TEST_F(Fresh, WhatWasSettledIsNotThere) {
  for (std::uint64_t seq = 1; seq <= 3; ++seq) add(seq);
  fresh.forget_up_to(key(2));
  EXPECT_FALSE(fresh.take(key(1)).has_value());
  EXPECT_FALSE(fresh.take(key(2)).has_value());
  EXPECT_TRUE(fresh.take(key(3)).has_value());
}

TEST(JoinWindow, KeepsTheNewestEntries) {
  JoinWindow window(2);
  window.add(7, 1);
  window.add(8, 2);
  window.add(7, 3);
  EXPECT_EQ(window.find(7), 3);
  window.add(9, 4);
  EXPECT_EQ(window.find(8), 0);
  EXPECT_EQ(window.find(7), 3);
}

// However many other requests wait, also when there are more than one turn answers.
TEST(Desk, AVerdictIsNeverOvertakenByTheSettlingAfterIt) {
  Desk desk(1);
  bool is_parked = false;
  for (int i = 0; i < 200; ++i) desk.post([](const Failure*) {});
  desk.post_verdict([&](const Failure*) { is_parked = true; });
  desk.settle(EpochId{7}, Lane::alarm, 9);
  const Work work = desk.take(std::chrono::milliseconds(0));
  ASSERT_EQ(work.settles.size(), 1u);
  for (const Task& task : work.tasks) task(nullptr);
  EXPECT_TRUE(is_parked);
}

// Marks come with every mail: one turn of the thread, and one write, for those of a moment.
TEST(Desk, MarksAloneWaitAMomentForOthersAndTheyGoTogether) {
  Desk desk(1);
  desk.settle(EpochId{7}, Lane::alarm, 1);
  const SteadyTime began = steady_now();
  std::future<Work> taken =
      std::async(std::launch::async, [&] { return desk.take(std::chrono::hours(1)); });
  while (taken.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
    desk.receipt(AlarmId{}, "ebues");
  const Work work = taken.get();
  EXPECT_GE(steady_now() - began, marks_gather);
  EXPECT_EQ(work.settles.size(), 1u);
  EXPECT_GE(work.receipts.size(), 1u) << "what came meanwhile goes with it";
}

TEST(Desk, AMailIsNeverKeptWaitingByMarks) {
  Desk desk(1);
  SteadyTime::duration fastest = std::chrono::hours(1);  // of many: the machine may be busy
  for (std::uint64_t turn = 1; turn <= 100; ++turn) {
    desk.settle(EpochId{7}, Lane::alarm, turn);
    desk.post([](const Failure*) {});
    const SteadyTime began = steady_now();
    EXPECT_FALSE(desk.take(std::chrono::hours(1)).tasks.empty());
    fastest = std::min(fastest, steady_now() - began);
  }
  EXPECT_LT(fastest, marks_gather);
}

}  // namespace
}  // namespace alarmwire::spool
