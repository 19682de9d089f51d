// Full: by quota and by disk; who is refused, what goes first, and how service comes back.
#include "edge/spool/tests/support.hpp"
#include "tests/powercut/vfs.hpp"

namespace alarmwire::spool::test {
namespace {

bool is_full(const Result<Spooled>& result) {
  return result.has_error() && result.error().is(Errc::full);
}

class Room : public testing::Test {
 protected:
  void SetUp() override {
    config.directory = folder.path();
    config.quota_bytes = 2 << 20;
    opened = open(config);
    ASSERT_NE(opened, nullptr);
  }
  Spool& spool() { return **opened; }
  Result<Spooled> put(Lane lane = Lane::alarm) {
    return commit(spool(), record_of(body_of(20'000, ++seed), lane));
  }
  unsigned fill(Lane lane) {
    unsigned count = 0;
    while (count < 1000 && put(lane).has_value()) ++count;
    return count;
  }
  Folder folder;
  Config config;
  std::unique_ptr<Opened> opened;
  unsigned seed = 0;
};

TEST_F(Room, RoutineIsRefusedFirstAndNothingUnsettledIsDropped) {
  const unsigned routine = fill(Lane::routine);
  EXPECT_GT(routine, 60u);
  EXPECT_TRUE(is_full(put(Lane::routine)));
  const unsigned alarms = fill(Lane::alarm);
  EXPECT_GT(alarms, 3u);
  EXPECT_TRUE(is_full(put(Lane::live_alarm)));
  EXPECT_EQ(spool().snapshot().waiting_records, routine + alarms);
  EXPECT_LE(spool().snapshot().used_bytes, config.quota_bytes);
  EXPECT_GT(spool().snapshot().used_bytes, config.quota_bytes / 100 * 90);
  EXPECT_EQ(opened->watcher.count_faults("spool-full", false), 1u);
  EXPECT_EQ(opened->watcher.count_faults("spool-full", true), 0u);
}

TEST_F(Room, SettledRowsMakeWayOldestFirstAndTheFaultEndsOnce) {
  const unsigned count = fill(Lane::alarm);
  ASSERT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  const EpochId epoch = spool().snapshot().epoch;
  spool().settle(epoch, Lane::alarm, count);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
  for (unsigned i = 0; i < count; ++i) ASSERT_TRUE(put().has_value()) << i;
  const LaneRange range = range_of(spool(), epoch, Lane::alarm);
  EXPECT_GT(range.first_held, 1u);
  EXPECT_EQ(range.first_unsettled, count + 1);
  EXPECT_EQ(opened->watcher.count_faults("spool-full", true), 1u);
}

TEST_F(Room, AnUploadThatDoesNotFitIsRefusedAndItsChunksGo) {
  const auto done = commit_upload(spool(), record_of(body_of(4 << 20, 1)), chunk_bytes_max);
  EXPECT_TRUE(is_full(done));
  EXPECT_TRUE(eventually([&] { return spool().snapshot().used_bytes < 500'000; }));
  EXPECT_TRUE(put().has_value());
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
}

TEST_F(Room, AResendOfAWaitingRecordNeedsNoRoom) {
  const NewRecord record = record_of(body_of(20'000, 4711));
  ASSERT_TRUE(commit(spool(), record).has_value());
  fill(Lane::alarm);
  const auto again = commit(spool(), record);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->joined);
}

TEST_F(Room, ALargerQuotaIsTakenAtOnce) {
  fill(Lane::alarm);
  spool().reconfigure(4 << 20, config.settled_ring);
  EXPECT_TRUE(put().has_value());
  EXPECT_EQ(spool().snapshot().quota_bytes, 4u << 20);
}

TEST_F(Room, AFirstLookSaysNoOnlyWhereTheAccountDoesAndRaisesTheFault) {
  EXPECT_TRUE(spool().has_room(0));
  while (spool().has_room(20'000)) ASSERT_TRUE(put().has_value());
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  EXPECT_TRUE(is_full(put()));
  spool().settle(spool().snapshot().epoch, Lane::alarm, 1);
  EXPECT_TRUE(eventually([&] { return spool().has_room(20'000); }));
  EXPECT_TRUE(put().has_value());
}

TEST_F(Room, WhatIsBeingDeletedCountsAsRoomAtOnce) {
  spool().reconfigure(config.quota_bytes, std::chrono::seconds(0));
  for (int round = 0; round < 10; ++round) {
    const auto large = commit_upload(spool(), record_of(body_of(1'600'000, 1)), chunk_bytes_max);
    ASSERT_TRUE(large.has_value()) << round;
    spool().settle(large->key.epoch, Lane::alarm, large->key.seq);
    while (spool().snapshot().waiting_records > 0) std::this_thread::yield();
    ASSERT_TRUE(spool().has_room(600'000));
    ASSERT_TRUE(eventually([&] {
      EXPECT_TRUE(spool().has_room(600'000));
      return spool().snapshot().used_bytes < 200'000;
    }));
  }
}

TEST(FullDisk, RefusesWithFullAndServesAgainWhenThereIsSpace) {
  powercut::Disk disk("full-disk", 1);
  Folder folder;
  Config config{folder.path()};
  config.vfs = disk.name();
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  ASSERT_TRUE(commit(**opened, record_of("before")).has_value());
  disk.set_no_space(true);
  unsigned seed = 0;
  std::vector<RecordKey> accepted;
  bool refused = false;
  for (int i = 0; i < 400 && !refused; ++i) {
    const auto done = commit(**opened, record_of(body_of(10'000, ++seed)));
    refused = is_full(done);
    if (done.has_value()) accepted.push_back(done->key);
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(opened->watcher.fatals(), 0u);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  disk.set_no_space(false);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
  const auto after = commit(**opened, record_of("after"));
  ASSERT_TRUE(after.has_value());
  // Refused rows have burnt no seq.
  EXPECT_EQ(after->key.seq, accepted.size() + 2);
  for (const RecordKey& key : accepted) EXPECT_TRUE(verify(**opened, key).has_value());
}

TEST(FullDisk, DoesNotKeepAnExistingSpoolFromOpening) {
  powercut::Disk disk("full-at-start", 1);
  Folder folder;
  Config config{folder.path()};
  config.vfs = disk.name();
  auto opened = open(config);
  const auto before = commit(**opened, record_of("before"));
  opened.reset();
  disk.set_no_space(true);
  opened = open(config);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(fetch(**opened, before->key)->head, "before");
  EXPECT_TRUE(is_full(commit(**opened, record_of("refused"))));
  const EpochId epoch = opened->spool->snapshot().epoch;
  disk.set_no_space(false);
  ASSERT_NE(opened->watcher.wait_for_fault("spool-full", true).code, "");
  const auto after = commit(**opened, record_of("after"));
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->key, (RecordKey{epoch, Lane::alarm, 1}));
  opened.reset();
  opened = open(config);
  EXPECT_EQ(fetch(**opened, {epoch, Lane::alarm, 1})->head, "after");
}

}  // namespace
}  // namespace alarmwire::spool::test
