// A disk that is really full: a small tmpfs in a mount namespace of this program's own. Needs root;
// without it the tests say that they were skipped.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "edge/spool/ballast.hpp"
#include "edge/spool/files.hpp"
#include "edge/spool/tests/support.hpp"

namespace alarmwire::spool::test {
namespace {

bool is_full(const auto& result) {
  return result.has_error() && result.error().is(Errc::full);
}

class SmallDisk : public testing::Test {
 protected:
  virtual const char* disk_size() const { return "size=12m"; }
  void SetUp() override {
    const bool is_ours = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, disk_size()) == 0;
    if (!is_ours) {
      std::fprintf(stderr,
                   "SKIPPED, LOUDLY: no really full disk was tried, mounting one needs root\n");
      GTEST_SKIP() << "needs root to mount a small tmpfs";
    }
    is_mounted = true;
    config.directory = folder.path();
    config.quota_bytes = 64 << 20;
  }
  void TearDown() override {
    if (!is_mounted) return;
    EXPECT_EQ(::umount(folder.path().c_str()), 0);
  }
  std::string others() const { return folder.path() + "/others"; }
  // Takes `bytes` of the disk, or all that is left.
  void fill(std::size_t bytes) {
    std::ofstream out(others(), std::ios::binary | std::ios::app);
    const std::string piece(4096, 'o');
    for (std::size_t done = 0; done < bytes && out; done += piece.size())
      out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush();
  }
  void make_space() { std::filesystem::remove(others()); }
  // Until the spool says that it is full.
  std::vector<RecordKey> commit_until_full(Spool& spool) {
    std::vector<RecordKey> keys;
    for (unsigned i = 0; i < 2000; ++i) {
      const auto done = commit(spool, record_of(body_of(body_bytes, i)));
      if (done.has_value()) {
        keys.push_back(done->key);
        continue;
      }
      EXPECT_TRUE(is_full(done)) << done.error().diagnostics;
      return keys;
    }
    ADD_FAILURE() << "the disk never became full";
    return keys;
  }

  Folder folder;
  Config config;
  std::size_t body_bytes = 10'000;
  bool is_mounted = false;
};

// Large enough for the ballast.
class FullDiskWithBallast : public SmallDisk {
 protected:
  const char* disk_size() const override { return "size=32m"; }
  void SetUp() override {
    SmallDisk::SetUp();
    body_bytes = 50'000;
  }
  std::uint64_t reserved() const {
    struct stat info {};
    if (::stat((folder.path() + "/spool.ballast").c_str(), &info) != 0) return 0;
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
};

TEST_F(SmallDisk, FullIsSaidNothingIsLostAndServiceGoesOnWhenThereIsSpace) {
  fill(8 << 20);
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  const std::vector<RecordKey> keys = commit_until_full(**opened);
  EXPECT_GT(keys.size(), 50u);
  EXPECT_TRUE(is_full(commit_upload(**opened, record_of(body_of(300'000, 7)), chunk_bytes_max)));
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  for (const RecordKey& key : keys) EXPECT_TRUE(verify(**opened, key).has_value());
  make_space();
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
  const auto after = commit(**opened, record_of("after"));
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->key.seq, keys.back().seq + 1);
  EXPECT_EQ(opened->watcher.fatals(), 0u);
  opened.reset();
  opened = open(config);
  ASSERT_NE(opened, nullptr);
  for (const RecordKey& key : keys) EXPECT_TRUE(verify(**opened, key).has_value());
  EXPECT_EQ(fetch(**opened, after->key)->head, "after");
  EXPECT_EQ(opened->spool->snapshot().waiting_records, keys.size() + 1);
}

TEST_F(SmallDisk, FullToTheLastByteStillOpensServesAndSettles) {
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  const auto before = commit(**opened, record_of("before"));
  opened.reset();
  fill(SIZE_MAX);
  opened = open(config);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(fetch(**opened, before->key)->head, "before");
  EXPECT_TRUE(is_full(commit(**opened, record_of("refused"))));
  (*opened)->settle(before->key.epoch, Lane::alarm, 1);
  EXPECT_TRUE(eventually([&] { return opened->spool->snapshot().settled_records == 1; }));
  make_space();
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
  const auto after = commit(**opened, record_of("after"));
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->key.seq, 1u);
  EXPECT_EQ(opened->watcher.fatals(), 0u);
}

TEST_F(SmallDisk, AFirstStartWithoutRoomFailsAndTheNextSucceeds) {
  fill(SIZE_MAX);
  {
    Watcher watcher;
    EXPECT_TRUE(Spool::open(config, watcher).has_error());
  }
  make_space();
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  EXPECT_TRUE(commit(**opened, record_of("x")).has_value());
  EXPECT_EQ(opened->watcher.faults().size(), 0u);
}

TEST_F(FullDiskWithBallast, ServiceComesBackByItselfOnceWhatWaitedIsSettled) {
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  EXPECT_GE(reserved(), ballast_bytes);
  const std::vector<RecordKey> keys = commit_until_full(**opened);
  ASSERT_GT(keys.size(), 100u);
  fill(SIZE_MAX);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  EXPECT_TRUE(is_full(commit(**opened, record_of(body_of(body_bytes, 5000)))));
  EXPECT_FALSE((*opened)->has_room(0));
  (*opened)->settle(keys[0].epoch, Lane::alarm, keys.back().seq);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
  EXPECT_GE(reserved(), ballast_bytes);
  EXPECT_TRUE((*opened)->has_room(body_bytes));
  for (unsigned i = 0; i < 40; ++i)
    ASSERT_TRUE(commit(**opened, record_of(body_of(body_bytes, 6000 + i))).has_value()) << i;
  EXPECT_EQ(opened->watcher.fatals(), 0u);
}

TEST_F(FullDiskWithBallast, TheLastByteTakenAfterACleanStopStillLetsTheSpoolSettleAndServe) {
  auto opened = open(config);
  std::vector<RecordKey> keys;
  for (unsigned i = 0; i < 200; ++i)
    keys.push_back(commit(**opened, record_of(body_of(body_bytes, i)))->key);
  opened.reset();
  fill(SIZE_MAX);
  opened = open(config);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  for (const RecordKey& key : keys) ASSERT_TRUE(verify(**opened, key).has_value());
  (*opened)->settle(keys[0].epoch, Lane::alarm, keys.back().seq - 1);
  EXPECT_TRUE(eventually(
      [&] { return commit(**opened, record_of(body_of(body_bytes, 1000))).has_value(); }));
  EXPECT_TRUE(verify(**opened, keys.back()).has_value());
  EXPECT_EQ(opened->watcher.fatals(), 0u);
}

TEST_F(FullDiskWithBallast, FullIsKnownAfterARestartAndEndsWithRoomFromOutside) {
  auto opened = open(config);
  const std::vector<RecordKey> keys = commit_until_full(**opened);
  EXPECT_LT(reserved(), ballast_bytes);
  fill(disk_free_bytes(folder.path()) / 2);
  opened.reset();
  opened = open(config);
  ASSERT_NE(opened, nullptr);
  EXPECT_TRUE(opened->spool->snapshot().is_full);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  EXPECT_TRUE(is_full(commit(**opened, record_of("refused"))));
  for (const RecordKey& key : keys) ASSERT_TRUE(verify(**opened, key).has_value());
  make_space();
  ASSERT_EQ(::mount("tmpfs", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-full", true).code, "spool-full");
  EXPECT_FALSE(opened->spool->snapshot().is_full);
  EXPECT_TRUE(commit(**opened, record_of("after")).has_value());
  EXPECT_GE(reserved(), ballast_bytes);
}

TEST_F(FullDiskWithBallast, FaultsStillEnterButNotWithoutEnd) {
  auto opened = open(config);
  commit_until_full(**opened);
  ASSERT_EQ(opened->watcher.wait_for_fault("spool-full", false).code, "spool-full");
  unsigned taken = 0;
  while (taken < 1000 && commit(**opened, record_of(body_of(500, taken), Lane::fault)).has_value())
    ++taken;
  EXPECT_EQ(taken, 64u);
}

TEST_F(FullDiskWithBallast, PagesTheFileHasFreeTakeMailThoughTheDiskGivesNothing) {
  config.settled_ring = std::chrono::seconds(0);
  auto opened = open(config);
  const std::vector<RecordKey> keys = commit_until_full(**opened);
  fill(SIZE_MAX);
  // Half of it leaves: not enough to end "full", for others took the rest.
  (*opened)->settle(keys[0].epoch, Lane::alarm, 60);
  EXPECT_TRUE(eventually([&] {
    return opened->spool->snapshot().settled_records == 0 && (*opened)->has_room(body_bytes);
  }));
  unsigned taken = 0;
  while (taken < 1000 && commit(**opened, record_of(body_of(body_bytes, 7000 + taken))).has_value())
    ++taken;
  EXPECT_GT(taken, 20u);
  EXPECT_LT(taken, 60u);
  EXPECT_EQ(opened->watcher.count_faults("spool-full", true), 0u);
  EXPECT_EQ(opened->watcher.fatals(), 0u);
}

TEST_F(FullDiskWithBallast, TheBallastIsNotMadeAtOthersCost) {
  fill(20 << 20);
  {
    Ballast ballast(folder.path());
    EXPECT_FALSE(ballast.take(ballast_bytes));
    EXPECT_FALSE(ballast.let_go());
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/spool.ballast"));
  make_space();
  Ballast ballast(folder.path());
  EXPECT_TRUE(ballast.take(ballast_bytes));
  EXPECT_GE(reserved(), ballast_bytes);
  EXPECT_TRUE(Ballast(folder.path()).is_held());
  EXPECT_TRUE(ballast.let_go());
  EXPECT_FALSE(ballast.let_go());
  EXPECT_EQ(reserved(), 0u);
  EXPECT_TRUE(Ballast(folder.path()).is_let_go());
  fill(20 << 20);
  EXPECT_FALSE(ballast.take(ballast_bytes));
  EXPECT_TRUE(ballast.take(0));
}

}  // namespace
}  // namespace alarmwire::spool::test
