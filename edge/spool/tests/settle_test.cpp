// Settling, parking, re-entry, the ring of settled rows.
#include <set>
#include <thread>

#include "edge/spool/tests/support.hpp"

namespace alarmwire::spool::test {
namespace {

class Settle : public testing::Test {
 protected:
  void SetUp() override {
    config.directory = folder.path();
    config.quota_bytes = 64 << 20;
    reopen();
  }
  void reopen() {
    opened.reset();
    opened = open(config);
    ASSERT_NE(opened, nullptr);
    epoch = spool().snapshot().epoch;
  }
  Spool& spool() { return **opened; }
  void fill(unsigned count, std::size_t bytes = 100) {
    for (unsigned i = 0; i < count; ++i)
      ASSERT_TRUE(commit(spool(), record_of(body_of(bytes, ++seed))).has_value());
  }
  Folder folder;
  Config config;
  std::unique_ptr<Opened> opened;
  EpochId epoch;
  unsigned seed = 0;
};

TEST_F(Settle, MovesTheCursorAndSurvivesACleanStop) {
  fill(10);
  const EpochId old = epoch;
  spool().settle(old, Lane::alarm, 6);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().waiting_records == 4; }));
  EXPECT_EQ(spool().snapshot().waiting_bytes, 400u);
  EXPECT_EQ(spool().snapshot().settled_records, 6u);
  reopen();
  EXPECT_EQ(range_of(spool(), old, Lane::alarm).first_unsettled, 7u);
  EXPECT_EQ(spool().snapshot().waiting_records, 4u);
  EXPECT_EQ(spool().snapshot().waiting_bytes, 400u);
  EXPECT_EQ(fetch(spool(), {old, Lane::alarm, 6})->state, RowState::settled);
}

TEST_F(Settle, AloneIsWrittenAfterASecondWithoutANewMail) {
  fill(3);
  spool().settle(epoch, Lane::alarm, 2);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().settled_records == 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(2300));
  // A copy of the files as they are now is what a power cut would leave.
  Folder copy;
  for (const char* name : {"/spool.db", "/spool.db-wal"})
    std::filesystem::copy_file(folder.path() + name, copy.path() + name);
  const EpochId old = epoch;
  config.directory = copy.path();
  reopen();
  EXPECT_EQ(range_of(spool(), old, Lane::alarm).first_unsettled, 3u);
}

TEST_F(Settle, BeyondWhatWasGivenAndForUnknownEpochsIsHarmless) {
  fill(2);
  spool().settle(epoch, Lane::alarm, 1'000'000);
  spool().settle(EpochId{12345}, Lane::alarm, 3);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().waiting_records == 0; }));
  fill(1);
  EXPECT_EQ(spool().snapshot().waiting_records, 1u);
}

TEST_F(Settle, WithoutARingSettledRowsGoAtOnceAndEmptyEpochsToo) {
  config.settled_ring = std::chrono::seconds(0);
  reopen();
  fill(40);
  ASSERT_TRUE(commit_upload(spool(), record_of(body_of(500'000, 77)), 60'000).has_value());
  const EpochId old = epoch;
  reopen();
  spool().settle(old, Lane::alarm, 41);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().settled_records == 0; }));
  EXPECT_TRUE(eventually([&] { return ranges(spool()).size() == lane_count; }));
  EXPECT_TRUE(fetch(spool(), {old, Lane::alarm, 1}).error().is(Errc::not_found));
  EXPECT_TRUE(eventually([&] { return spool().snapshot().used_bytes < 200'000; }));
}

TEST_F(Settle, TheRingKeepsRowsForItsDuration) {
  config.settled_ring = std::chrono::seconds(2);
  reopen();
  fill(20);
  spool().settle(epoch, Lane::alarm, 20);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().settled_records == 20; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  fill(1);
  EXPECT_EQ(spool().snapshot().settled_records, 20u);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  fill(1);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().settled_records == 0; }));
  EXPECT_EQ(range_of(spool(), epoch, Lane::alarm).first_held, 21u);
}

TEST_F(Settle, AParkedRowIsKeptVisibleAndOutOfTheWay) {
  config.settled_ring = std::chrono::seconds(0);
  reopen();
  fill(3);
  const RecordKey key{epoch, Lane::alarm, 1};
  spool().park(key, "never: too old");
  EXPECT_TRUE(eventually([&] { return spool().snapshot().parked_records == 1; }));
  EXPECT_EQ(range_of(spool(), epoch, Lane::alarm).first_unsettled, 2u);
  spool().settle(epoch, Lane::alarm, 3);
  EXPECT_TRUE(eventually([&] {
    return spool().snapshot().settled_records == 0 && spool().snapshot().waiting_records == 0;
  }));
  reopen();
  EXPECT_EQ(spool().snapshot().parked_records, 1u);
  const auto row = fetch(spool(), key);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->state, RowState::parked);
  const auto found = find(spool(), row->header.id);
  EXPECT_EQ(found->state, RowState::parked);
  EXPECT_EQ(found->park_reason, "never: too old");
}

TEST_F(Settle, ReentryGivesTheSameAlarmANewIdentityAndParksTheOldRow) {
  const std::string large = body_of(400'000, 5);
  const NewRecord small = record_of("small", Lane::fault);
  const auto first = commit(spool(), small);
  const NewRecord big = record_of(large);
  const auto second = commit_upload(spool(), big, 65'000);
  reopen();
  for (const RecordKey& old : {first->key, second->key}) {
    const auto again = wait<Spooled>([&](auto done) { spool().reenter(old, done); });
    ASSERT_TRUE(again.has_value()) << again.error().diagnostics;
    EXPECT_EQ(again->key, (RecordKey{epoch, old.lane, 1}));
    EXPECT_EQ(fetch(spool(), old)->state, RowState::parked);
    EXPECT_TRUE(verify(spool(), again->key).has_value());
    EXPECT_TRUE(verify(spool(), old).has_value());
  }
  EXPECT_EQ(whole_body(spool(), {epoch, Lane::alarm, 1}), large);
  EXPECT_EQ(find(spool(), small.id)->header.key.epoch, epoch);
  EXPECT_EQ(spool().snapshot().waiting_records, 2u);
  EXPECT_EQ(spool().snapshot().parked_records, 2u);
  reopen();
  EXPECT_EQ(spool().snapshot().waiting_records, 2u);
  EXPECT_EQ(spool().snapshot().parked_records, 2u);
}

TEST_F(Settle, TheOldestWaitingTimeFollowsTheCursor) {
  NewRecord old = record_of("old");
  old.accepted_us = 1000;
  NewRecord fresh = record_of("fresh");
  fresh.accepted_us = 2000;
  commit(spool(), old);
  commit(spool(), fresh);
  EXPECT_EQ(spool().snapshot().oldest_waiting_us, 1000);
  spool().settle(epoch, Lane::alarm, 1);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().oldest_waiting_us == 2000; }));
  reopen();
  EXPECT_EQ(spool().snapshot().oldest_waiting_us, 2000);
}

}  // namespace
}  // namespace alarmwire::spool::test
