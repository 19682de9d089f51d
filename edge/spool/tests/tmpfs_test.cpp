// A disk that is really full: a small tmpfs in a mount namespace of this program's own. Needs root;
// without it the tests say that they were skipped.
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "edge/spool/tests/support.hpp"

namespace alarmwire::spool::test {
namespace {

bool is_full(const auto& result) {
  return result.has_error() && result.error().is(Errc::full);
}

class SmallDisk : public testing::Test {
 protected:
  void SetUp() override {
    const bool is_ours = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=12m") == 0;
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
  std::string ballast() const { return folder.path() + "/ballast"; }
  // Takes `bytes` of the disk, or all that is left.
  void fill(std::size_t bytes) {
    std::ofstream out(ballast(), std::ios::binary | std::ios::app);
    const std::string piece(4096, 'b');
    for (std::size_t done = 0; done < bytes && out; done += piece.size())
      out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush();
  }
  void make_space() { std::filesystem::remove(ballast()); }
  // Until the spool says that it is full.
  std::vector<RecordKey> commit_until_full(Spool& spool) {
    std::vector<RecordKey> keys;
    for (unsigned i = 0; i < 2000; ++i) {
      const auto done = commit(spool, record_of(body_of(10'000, i)));
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
  bool is_mounted = false;
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

}  // namespace
}  // namespace alarmwire::spool::test
