#include "receiver/ledger/fresh.hpp"

#include <gtest/gtest.h>

namespace alarmwire::ledger {
namespace {

Record record(Position position) {
  Record made;
  made.position = position;
  made.box = "site-a";
  return made;
}

TEST(FreshRecords, gives_a_record_and_any_piece_of_its_body) {
  FreshRecords fresh;
  fresh.add(record(1), "0123456789");
  ASSERT_TRUE(fresh.at(1).has_value());
  EXPECT_EQ(fresh.at(1)->box, "site-a");
  EXPECT_EQ(fresh.body(1, 0, 4), "0123");
  EXPECT_EQ(fresh.body(1, 4, 100), "456789");
  EXPECT_EQ(fresh.body(1, 10, 100), "");
  EXPECT_FALSE(fresh.at(2).has_value());
}

TEST(FreshRecords, a_body_that_is_in_the_file_alone_is_not_said_to_be_empty) {
  FreshRecords fresh;
  fresh.add(record(1), std::nullopt);
  EXPECT_TRUE(fresh.at(1).has_value());
  EXPECT_FALSE(fresh.body(1, 0, 4).has_value());
}

TEST(FreshRecords, forgets_the_oldest_above_its_bytes_and_all_when_told) {
  FreshRecords fresh(4000);
  for (Position position = 1; position <= 4; ++position)
    fresh.add(record(position), std::string(1000, 'x'));
  EXPECT_FALSE(fresh.at(1).has_value());
  EXPECT_TRUE(fresh.at(4).has_value());
  fresh.clear();
  EXPECT_FALSE(fresh.at(4).has_value());
}

}  // namespace
}  // namespace alarmwire::ledger
