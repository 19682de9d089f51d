#include "receiver/fleet/box_watch.hpp"

#include <gtest/gtest.h>

namespace alarmwire::fleet {
namespace {

using std::chrono::seconds;

class BoxWatchTest : public ::testing::Test {
 protected:
  const SteadyTime start_ = SteadyTime{} + seconds(1000);
  BoxWatch watch_{start_};
  SteadyTime at(int s) const { return start_ + seconds(s); }
};

TEST_F(BoxWatchTest, silence_is_noticed_within_twenty_seconds) {
  watch_.add("site-a", true, false);
  watch_.on_heard("site-a", at(100));
  int noticed = 0;
  for (int s = 100; s <= 130 && noticed == 0; ++s)
    if (!watch_.tick(at(s)).empty()) noticed = s;
  EXPECT_GT(noticed, 110);
  EXPECT_LE(noticed, 120);
  EXPECT_TRUE(watch_.is_silent("site-a"));
}

TEST_F(BoxWatchTest, silence_is_reported_once_and_its_end_once) {
  watch_.add("site-a", true, false);
  watch_.on_heard("site-a", at(30));
  ASSERT_EQ(watch_.tick(at(60)).size(), 1u);
  EXPECT_TRUE(watch_.tick(at(61)).empty());
  watch_.on_heard("site-a", at(62));
  const auto changes = watch_.tick(at(63));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].silent);
  EXPECT_TRUE(watch_.tick(at(64)).empty());
}

TEST_F(BoxWatchTest, a_restart_of_the_centre_gives_boxes_time_to_come_back) {
  watch_.add("site-a", true, false);
  EXPECT_TRUE(watch_.tick(at(19)).empty());
  EXPECT_EQ(watch_.tick(at(21)).size(), 1u);
}

TEST_F(BoxWatchTest, a_box_never_seen_is_not_silent) {
  watch_.add("new", false, false);
  EXPECT_TRUE(watch_.tick(at(1000)).empty());
  watch_.on_heard("new", at(1000));
  EXPECT_EQ(watch_.tick(at(1020)).size(), 1u);
}

TEST_F(BoxWatchTest, a_silence_reported_before_the_restart_is_not_reported_again_but_ends) {
  watch_.add("site-a", true, true);
  EXPECT_TRUE(watch_.tick(at(100)).empty());
  watch_.on_heard("site-a", at(100));
  ASSERT_EQ(watch_.tick(at(101)).size(), 1u);
}

TEST_F(BoxWatchTest, the_reason_of_a_broken_stream_is_told) {
  watch_.add("site-a", true, false);
  watch_.on_heard("site-a", at(50));
  watch_.on_down("site-a", "the box said good-bye: maintenance");
  const auto changes = watch_.tick(at(70));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].reason, "the box said good-bye: maintenance");
}

TEST_F(BoxWatchTest, a_removed_box_is_forgotten) {
  watch_.add("site-a", true, false);
  watch_.remove("site-a");
  watch_.on_heard("site-a", at(1));
  EXPECT_TRUE(watch_.tick(at(100)).empty());
}

}  // namespace
}  // namespace alarmwire::fleet
