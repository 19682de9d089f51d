#include "receiver/fleet/stuck_watch.hpp"

#include <gtest/gtest.h>

namespace alarmwire::fleet {
namespace {

using std::chrono::seconds;

class StuckWatchTest : public ::testing::Test {
 protected:
  // So many seconds pass, looked at once a second; the last answer.
  bool pass(int count, bool counts = true) {
    bool stuck = false;
    for (int i = 0; i < count; ++i) {
      now_ += seconds(1);
      stuck = watch_.update("site-a", counts, acknowledged_us_, within_, now_);
    }
    return stuck;
  }

  StuckWatch watch_;
  SteadyTime now_{seconds(1000)};
  WallTimeUs acknowledged_us_ = 0;
  seconds within_{300};
};

TEST_F(StuckWatchTest, time_with_a_stream_and_no_acknowledgement_makes_it_stuck) {
  EXPECT_FALSE(pass(301));
  EXPECT_TRUE(pass(1));
}

TEST_F(StuckWatchTest, an_acknowledgement_and_nothing_else_ends_it) {
  EXPECT_TRUE(pass(302));
  EXPECT_TRUE(pass(60, false)) << "the stream is gone, or a new one is young";
  acknowledged_us_ = 5;
  EXPECT_FALSE(pass(300));
}

TEST_F(StuckWatchTest, streams_that_are_renewed_all_the_time_are_one_time) {
  EXPECT_FALSE(pass(150));
  EXPECT_FALSE(pass(5, false));
  EXPECT_FALSE(pass(151));
  EXPECT_TRUE(pass(1));
}

TEST_F(StuckWatchTest, neither_a_night_without_stream_nor_a_full_ledger_counts) {
  EXPECT_FALSE(pass(8 * 3600, false));
  EXPECT_FALSE(pass(300));
}

TEST_F(StuckWatchTest, a_centre_that_stood_still_blames_nobody) {
  EXPECT_FALSE(pass(1));
  now_ += seconds(3600);
  EXPECT_FALSE(pass(290));
}

TEST_F(StuckWatchTest, where_it_is_not_asked_nothing_is_stuck) {
  EXPECT_TRUE(pass(302));
  within_ = seconds(0);
  EXPECT_FALSE(pass(1));
}

}  // namespace
}  // namespace alarmwire::fleet
