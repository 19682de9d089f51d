// The spool keeps its word when the power goes, and when any single call fails.
#include <gtest/gtest.h>

#include <cstdlib>

#include "edge/spool/tests/support.hpp"
#include "tests/powercut/spool_oracle.hpp"
#include "tests/powercut/vfs.hpp"

namespace powercut {
namespace {

namespace spool = alarmwire::spool;
namespace help = alarmwire::spool::test;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// POWERCUT_SEED and POWERCUT_CUTS make longer runs; POWERCUT_CALL starts with a later call.
TEST(PowerCut, NothingReportedIsLostAndNoIdentityIsUsedTwice) {
  const std::uint64_t seed = from_environment("POWERCUT_SEED", 1);
  const Tally tally = cut_spool(seed, from_environment("POWERCUT_CUTS", 120));
  std::printf("seed %lu: %lu cuts, %lu acked, %lu lost, %lu reused, %lu damaged\n", seed,
              tally.cuts, tally.acked, tally.lost, tally.reused, tally.damaged);
  EXPECT_GE(tally.acked, tally.cuts);
  EXPECT_EQ(tally.lost, 0u);
  EXPECT_EQ(tally.reused, 0u);
  EXPECT_EQ(tally.damaged, 0u);
  EXPECT_EQ(tally.unopened, 0u);
}

TEST(Mutant, AnAnswerBeforeTheCommitIsSeenToLoseRecords) {
  EXPECT_GT(cut_spool(1, 24, PromiseWhen::asked).lost, 0u);
}

struct Life {
  std::vector<alarmwire::AlarmId> acked;
  bool was_opened = false;
};

// `seed`: what its bodies are made of.
Life live(const spool::Config& config, unsigned seed) {
  Life life;
  help::Watcher watcher;
  auto opened = spool::Spool::open(config, watcher);
  if (opened.has_error()) return life;
  life.was_opened = true;
  for (unsigned i = 0; i < 4; ++i) {
    auto record = help::record_of(help::body_of(i == 2 ? 70'000 : 2000, seed + i));
    const alarmwire::AlarmId id = record.id;
    const auto done = i == 2 ? help::commit_upload(**opened, std::move(record), 60'000)
                             : help::commit(**opened, std::move(record));
    if (done.has_value()) life.acked.push_back(id);
  }
  return life;
}

constexpr std::chrono::seconds salvage_limit{3};

// True: all is there, in the file or by salvage.
bool has_all(spool::Spool& store, const Life& life) {
  for (const alarmwire::AlarmId& id : life.acked) {
    const auto there = [&] {
      const auto found = help::find(store, id);
      return found.has_value() && help::verify(store, found->header.key).has_value();
    };
    if (!help::eventually(there, salvage_limit)) return false;
  }
  return true;
}

// Fails each call in turn, in the spool's first life or in a second one; then the power goes.
void fail_each_call(bool in_second_life) {
  Disk disk("spool-fail", 3);
  std::uint64_t opened_lives = 0;
  std::uint64_t n = from_environment("POWERCUT_CALL", 1);
  for (bool has_failed = true; has_failed; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    help::Folder folder;
    spool::Config config;
    config.directory = folder.path();
    config.vfs = disk.name();
    disk.restart();
    const Life past = in_second_life ? live(config, 100) : Life{};
    disk.fail_call(n);
    const Life life = live(config, 0);
    has_failed = disk.has_failed();
    opened_lives += life.was_opened ? 1 : 0;
    disk.restart();
    help::Watcher watcher;
    auto again = spool::Spool::open(config, watcher);
    ASSERT_TRUE(again.has_value()) << again.error().diagnostics;
    EXPECT_TRUE(has_all(**again, past));
    EXPECT_TRUE(has_all(**again, life));
    EXPECT_TRUE(help::commit(**again, help::record_of("after")).has_value());
    EXPECT_TRUE(has_failed || life.acked.size() == 4u);
  }
  EXPECT_GT(n, 50u);
  EXPECT_GT(opened_lives, n / 3);
}

TEST(FailedCall, AtEveryCallInTurnIsNeverALieAndNeverTheEnd) {
  fail_each_call(false);
}

TEST(FailedCall, AtEveryCallOfASecondLifeHarmsNeitherLife) {
  fail_each_call(true);
}

TEST(FailedSync, IsFatalAndNothingIsReportedAfterIt) {
  Disk disk("spool-sync", 4);
  for (std::uint64_t n = 1; n <= 6; ++n) {
    help::Folder folder;
    spool::Config config;
    config.directory = folder.path();
    config.vfs = disk.name();
    disk.restart();
    help::Watcher watcher;
    auto opened = spool::Spool::open(config, watcher);
    ASSERT_TRUE(opened.has_value());
    disk.fail_sync(n);
    Life life;
    for (unsigned i = 0; i < 10; ++i) {
      auto record = help::record_of(help::body_of(3000, i));
      const auto id = record.id;
      const auto done = help::commit(**opened, std::move(record));
      EXPECT_FALSE(done.has_value() && disk.has_failed());
      if (done.has_value()) life.acked.push_back(id);
    }
    EXPECT_EQ(life.acked.size(), n - 1);
    EXPECT_EQ(watcher.fatals(), 1u);
    opened->reset();
    disk.restart();
    opened = spool::Spool::open(config, watcher);
    ASSERT_TRUE(opened.has_value());
    EXPECT_TRUE(has_all(**opened, life));
  }
}

}  // namespace
}  // namespace powercut
