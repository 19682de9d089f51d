// Settling, parking, re-entry, the ring of settled rows.
#include <set>
#include <thread>

#include "common/sqlite.hpp"

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
    const auto again = reenter(spool(), old);
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

// A copy of the files as they are at this moment is what a power cut would leave.
TEST_F(Settle, NothingIsSettledPastAReentryThatIsNotWhole) {
  const NewRecord big = record_of(body_of(600'000, 3));
  ASSERT_TRUE(commit_upload(spool(), big, 60'000).has_value());
  fill(2);
  const EpochId old = epoch;
  const RecordKey conflicting{old, Lane::alarm, 1};
  reopen();
  // 2 and 3 are settled before the re-entry is through; the answer comes after its commit.
  std::promise<Result<Spooled>> promise;
  spool().reenter(conflicting, [&](Result<Spooled> done) { promise.set_value(std::move(done)); });
  spool().settle(old, Lane::alarm, 3);
  const Snapshot at_once = spool().snapshot();
  EXPECT_GE(at_once.waiting_records, 1u);
  ASSERT_TRUE(promise.get_future().get().has_value());
  EXPECT_TRUE(eventually([&] { return range_of(spool(), old, Lane::alarm).first_unsettled == 4; }));
  EXPECT_EQ(spool().snapshot().waiting_records, 1u);
  EXPECT_EQ(spool().snapshot().waiting_bytes, 600'000u);
  EXPECT_TRUE(reenter(spool(), conflicting).error().is(Errc::not_found)) << "told again: no news";
  EXPECT_EQ(spool().snapshot().waiting_records, 1u);
}

TEST_F(Settle, AReentryCutOffAtAnyMomentIsBegunAnewOrWhole) {
  const NewRecord big = record_of(body_of(600'000, 3));
  ASSERT_TRUE(commit_upload(spool(), big, 60'000).has_value());
  const EpochId old = epoch;
  const RecordKey conflicting{old, Lane::alarm, 1};
  bool was_cut = false, was_whole = false;
  for (int delay_us = 0; delay_us < 200'000 && !(was_cut && was_whole);
       delay_us = delay_us * 2 + 500) {
    // The copies are taken while nothing writes; the life between them ends in the middle.
    reopen();
    Folder copy;
    std::filesystem::copy_file(folder.path() + "/spool.db", copy.path() + "/spool.db");
    std::filesystem::copy_file(folder.path() + "/spool.db-wal", copy.path() + "/spool.db-wal");
    Config of_copy = config;
    of_copy.directory = copy.path();
    auto life = open(of_copy);
    ASSERT_NE(life, nullptr);
    (*life)->reenter(conflicting, {});
    (*life)->settle(old, Lane::alarm, 1);
    std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
    life.reset();  // stops as it is: what has begun is not finished
    life = open(of_copy);
    ASSERT_NE(life, nullptr);
    const bool is_whole = (*life)->snapshot().parked_records == 1;
    (is_whole ? was_whole : was_cut) = true;
    EXPECT_EQ((*life)->snapshot().waiting_records, 1u);
    EXPECT_EQ((*life)->snapshot().settled_records, 0u);
    // The centre says it again: the first time or the second, it is in once.
    EXPECT_EQ(reenter(**life, conflicting).has_value(), !is_whole);
    EXPECT_EQ((*life)->snapshot().waiting_records, 1u);
    EXPECT_EQ(find(**life, big.id)->state, RowState::waiting);
  }
  EXPECT_TRUE(was_cut && was_whole);
}

TEST_F(Settle, AReentryWithoutRoomWaitsForIt) {
  config.quota_bytes = 2 << 20;
  reopen();
  ASSERT_TRUE(commit_upload(spool(), record_of(body_of(900'000, 3)), 60'000).has_value());
  const EpochId old = epoch;
  reopen();
  while (commit(spool(), record_of(body_of(60'000, ++seed))).has_value()) {
  }
  const std::uint64_t waiting = spool().snapshot().waiting_records;
  std::promise<Result<Spooled>> promise;
  spool().reenter({old, Lane::alarm, 1},
                  [&](Result<Spooled> done) { promise.set_value(std::move(done)); });
  auto answer = promise.get_future();
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(500)), std::future_status::timeout);
  EXPECT_EQ(spool().snapshot().waiting_records, waiting);
  spool().settle(epoch, Lane::alarm, waiting);
  ASSERT_EQ(answer.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(answer.get().has_value());
}

using Outlets = std::vector<std::string>;

TEST_F(Settle, ReceiptsStayWithTheirRowsAsLongAsThese) {
  NewRecord taken = record_of("taken"), both = record_of("both"), untaken = record_of("untaken");
  for (const NewRecord& record : {taken, both, untaken})
    ASSERT_TRUE(commit(spool(), record).has_value());
  const EpochId old = epoch;
  const auto outlets_of = [&](std::uint64_t seq) {
    return fetch(spool(), {old, Lane::alarm, seq})->receipted;
  };
  spool().settle(old, Lane::alarm, 3);
  spool().receipt(taken.id, "ebues");
  for (const char* outlet : {"ebues", "backup", "ebues"}) spool().receipt(both.id, outlet);
  spool().receipt(AlarmId::make(wall_now_us()), "ebues");  // not held: nobody's
  EXPECT_TRUE(eventually([&] { return outlets_of(2).size() == 2; })) << "known at once";
  reopen();
  EXPECT_EQ(outlets_of(1), (Outlets{"ebues"}));
  EXPECT_EQ(outlets_of(2), (Outlets{"backup", "ebues"}));
  EXPECT_EQ(outlets_of(3), (Outlets{}));
}

TEST_F(Settle, ReceiptsAloneAreWrittenAfterASecondAndGoWithTheirRows) {
  const NewRecord record = record_of("taken");
  ASSERT_TRUE(commit(spool(), record).has_value());
  spool().settle(epoch, Lane::alarm, 1);
  for (std::size_t i = 0; i < receipts_group_max + 10; ++i)
    spool().receipt(record.id, "outlet-" + std::to_string(i));
  std::this_thread::sleep_for(std::chrono::milliseconds(3300));
  Folder copy;
  for (const char* name : {"/spool.db", "/spool.db-wal"})
    std::filesystem::copy_file(folder.path() + name, copy.path() + name);
  const EpochId old = epoch;
  config.directory = copy.path();
  reopen();
  EXPECT_EQ(fetch(spool(), {old, Lane::alarm, 1})->receipted.size(), receipts_group_max + 10);
  spool().reconfigure(config.quota_bytes, std::chrono::seconds(0));
  EXPECT_TRUE(eventually([&] { return spool().snapshot().settled_records == 0; }));
  opened.reset();
  auto database =
      sqlite::Database::open(copy.path() + "/spool.db", sqlite::Database::Mode::read_write);
  ASSERT_TRUE(database.has_value());
  EXPECT_EQ(*database->query_int("SELECT count(*) FROM receipt"), 0);
}

TEST_F(Settle, AFileOfVersionOneIsBroughtUpToDate) {
  const NewRecord record = record_of("old");
  ASSERT_TRUE(commit(spool(), record).has_value());
  const EpochId old = epoch;
  opened.reset();
  {
    auto database =
        sqlite::Database::open(folder.path() + "/spool.db", sqlite::Database::Mode::read_write);
    ASSERT_TRUE(database->exec("DROP TABLE receipt; PRAGMA user_version=1").has_value());
  }
  reopen();
  EXPECT_EQ(opened->watcher.count_faults("spool-quarantined", false), 0u);
  spool().settle(old, Lane::alarm, 1);
  spool().receipt(record.id, "ebues");
  EXPECT_TRUE(eventually([&] {
    return fetch(spool(), {old, Lane::alarm, 1})->receipted == Outlets{"ebues"};
  }));
  reopen();
  EXPECT_EQ(fetch(spool(), {old, Lane::alarm, 1})->receipted, (Outlets{"ebues"}));
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
