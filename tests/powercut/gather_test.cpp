// A WAL whose writes are gathered (common/sqlite.hpp), on the disk that forgets.
#include <gtest/gtest.h>

#include <filesystem>

#include "common/sqlite.hpp"
#include "tests/powercut/vfs.hpp"

namespace alarmwire {
namespace {

using sqlite::Database;

class GatherTest : public ::testing::Test {
 protected:
  ~GatherTest() override { std::filesystem::remove_all(folder_); }

  Database open(const char* vfs) {
    Result<Database> database = Database::open(path_, Database::Mode::create, vfs);
    EXPECT_TRUE(database.has_value());
    EXPECT_TRUE(
        database->exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=8;"
                       "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, b BLOB)"));
    return std::move(*database);
  }
  Database open_gathered() { return open(sqlite::gather_wal_writes(disk_.name())); }
  static Status put(Database& database, int size) {
    return database.exec("INSERT INTO t (b) VALUES (randomblob(" + std::to_string(size) + "))");
  }
  static std::int64_t rows(Database& database) {
    return *database.query_int("SELECT count(*) FROM t");
  }
  static bool is_sound(Database& database) {
    return *database.query_int(
               "SELECT count(*) FROM pragma_integrity_check "
               "WHERE integrity_check = 'ok'") == 1;
  }
  std::uint64_t calls_of_a_commit(Database& database) {
    const std::uint64_t before = disk_.changing_calls();
    EXPECT_TRUE(put(database, 20'000));
    return disk_.changing_calls() - before;
  }

  const std::string folder_ =
      std::filesystem::temp_directory_path() / ("gather-" + std::to_string(::getpid()));
  const bool made_ = std::filesystem::create_directories(folder_);
  const std::string path_ = folder_ + "/t.db";
  powercut::Disk disk_{"gather", 7};
};

// On a disk that tears, SQLite syncs in mid-frame and writes the rest of the frame behind it.
TEST_F(GatherTest, ACommitIsAWriteASyncAndARest) {
  {
    Database plain = open(disk_.name());
    ASSERT_TRUE(put(plain, 100));
    EXPECT_GT(calls_of_a_commit(plain), 10u);
  }
  Database gathered = open_gathered();
  ASSERT_TRUE(put(gathered, 100));
  EXPECT_LE(calls_of_a_commit(gathered), 3u);
}

TEST_F(GatherTest, ATransactionLargerThanCacheAndBufferReadsItsOwnPages) {
  Database database = open_gathered();
  ASSERT_TRUE(database.exec("BEGIN"));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(put(database, 30'000));
  EXPECT_EQ(*database.query_int("SELECT count(*) FROM t WHERE length(b) = 30000"), 40);
  ASSERT_TRUE(database.exec("COMMIT"));
  EXPECT_TRUE(is_sound(database));
  ASSERT_TRUE(database.exec("BEGIN"));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(put(database, 30'000));
  ASSERT_TRUE(database.exec("ROLLBACK"));
  EXPECT_EQ(rows(database), 40);
  EXPECT_TRUE(is_sound(database));
}

TEST_F(GatherTest, AnotherConnectionSeesWhatIsCommitted) {
  Database writer = open_gathered();
  Database reader = open(disk_.name());
  for (int i = 1; i <= 20; ++i) {
    ASSERT_TRUE(put(writer, 9'000));
    EXPECT_EQ(rows(reader), i);
    EXPECT_TRUE(is_sound(reader));
    if (i % 7 == 0) {
      ASSERT_TRUE(writer.query_int("PRAGMA wal_checkpoint(PASSIVE)").has_value());
    }
  }
}

TEST_F(GatherTest, AFullDiskIsToldAsFullAndTheNextCommitIsSound) {
  Database database = open_gathered();
  ASSERT_TRUE(put(database, 5'000));
  disk_.set_no_space(true);
  const Status refused = put(database, 50'000);
  ASSERT_TRUE(refused.has_error());
  EXPECT_TRUE(sqlite::is_full(refused.error())) << refused.error().diagnostics;
  EXPECT_EQ(*database.query_int("SELECT count(*) FROM t WHERE length(b) = 5000"), 1);
  disk_.set_no_space(false);
  ASSERT_TRUE(put(database, 50'000));
  EXPECT_EQ(rows(database), 2);
  EXPECT_TRUE(is_sound(database));
}

TEST_F(GatherTest, WhateverCallFailsOrCutsNothingCommittedIsLost) {
  std::int64_t committed = 0;
  for (std::uint64_t step = 1; step < 60; ++step) {
    {
      Database database = open_gathered();
      EXPECT_GE(rows(database), committed) << "cut at call " << step - 1;
      EXPECT_TRUE(is_sound(database)) << "cut at call " << step - 1;
      committed = rows(database);
      disk_.cut_after_calls(step);
      for (int i = 0; i < 20 && put(database, 3'000); ++i) {
        ++committed;
        if (i % 5 == 4) static_cast<void>(database.query_int("PRAGMA wal_checkpoint(PASSIVE)"));
      }
      database.keep_wal_on_close();
    }
    disk_.restart();
  }
  EXPECT_GT(committed, 100);
}

}  // namespace
}  // namespace alarmwire
