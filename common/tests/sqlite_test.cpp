#include "common/sqlite.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace alarmwire::sqlite {
namespace {

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest() { std::remove(path_.c_str()); }
  ~SqliteTest() override { std::remove(path_.c_str()); }
  Database open() {
    Database database = Database::open(path_, Database::Mode::create).value();
    database.exec("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, b BLOB)").value();
    return database;
  }
  std::int64_t count(Database& database) {
    return database.query_int("SELECT count(*) FROM t").value();
  }
  std::string path_ = ::testing::TempDir() + "sqlite_test_" + std::to_string(::getpid());
};

TEST_F(SqliteTest, KeepsBytesAsTheyAre) {
  Database database = open();
  Statement insert = database.prepare("INSERT INTO t(n, b) VALUES(?, ?)").value();
  const std::string bytes("\0a\xff", 3);
  insert.bind(1, 7).bind_blob(2, bytes).run().value();
  insert.bind(1, 8).bind_blob(2, "").run().value();
  insert.bind(1, 9).bind_null(2).run().value();
  Statement select = database.prepare("SELECT n, b FROM t ORDER BY n").value();
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.column_int(0), 7);
  EXPECT_EQ(select.column_blob(1), bytes);
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.column_blob(1), "");
  EXPECT_FALSE(select.column_is_null(1));
  ASSERT_TRUE(select.step().value());
  EXPECT_TRUE(select.column_is_null(1));
  EXPECT_FALSE(select.step().value());
}

TEST_F(SqliteTest, ATransactionThatIsNotCommittedNeverWas) {
  Database database = open();
  {
    const Transaction dropped = Transaction::begin(database).value();
    database.exec("INSERT INTO t(n) VALUES(1)").value();
  }
  EXPECT_EQ(count(database), 0);
  Transaction kept = Transaction::begin(database).value();
  database.exec("INSERT INTO t(n) VALUES(1)").value();
  kept.commit().value();
  EXPECT_EQ(count(database), 1);
}

TEST_F(SqliteTest, ErrorsCarryTheExtendedCodeAndWords) {
  Database database = open();
  database.exec("INSERT INTO t(n) VALUES(1)").value();
  const Status twice = database.exec("INSERT INTO t(n) VALUES(1)");
  ASSERT_TRUE(twice.has_error());
  EXPECT_EQ(twice.error().code.category(), sqlite_category());
  EXPECT_EQ(twice.error().code.value(), 1555);  // SQLITE_CONSTRAINT_PRIMARYKEY
  EXPECT_NE(twice.error().diagnostics.find("UNIQUE"), std::string::npos);
  EXPECT_FALSE(is_full(twice.error()) || is_corrupt(twice.error()) || is_io(twice.error()));
}

TEST_F(SqliteTest, AFullFileIsToldApart) {
  Database database = open();
  database.exec("PRAGMA max_page_count=3").value();
  Status status;
  for (int i = 0; i < 100 && status.has_value(); ++i)
    status = database.exec("INSERT INTO t(b) VALUES(zeroblob(1000))");
  ASSERT_TRUE(status.has_error());
  EXPECT_TRUE(is_full(status.error()));
}

TEST_F(SqliteTest, ADamagedFileIsToldApart) {
  std::ofstream(path_) << std::string(8192, 'x');
  Result<Database> database = Database::open(path_, Database::Mode::read_write);
  ASSERT_TRUE(database.has_value());
  const Result<std::int64_t> answer = database->query_int("SELECT count(*) FROM t");
  ASSERT_TRUE(answer.has_error());
  EXPECT_TRUE(is_corrupt(answer.error()));
}

TEST_F(SqliteTest, AMissingFileIsAFailureThatNamesIt) {
  const auto missing = Database::open("/no/such/file", Database::Mode::read_only);
  ASSERT_TRUE(missing.has_error());
  EXPECT_NE(missing.error().diagnostics.find("/no/such/file"), std::string::npos);
}

TEST_F(SqliteTest, NoRowIsNotFound) {
  Database database = open();
  const auto nothing = database.query_int("SELECT n FROM t");
  ASSERT_TRUE(nothing.has_error());
  EXPECT_TRUE(nothing.error().is(Errc::not_found));
}

}  // namespace
}  // namespace alarmwire::sqlite
