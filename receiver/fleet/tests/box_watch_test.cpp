#include "receiver/fleet/box_watch.hpp"

#include <gtest/gtest.h>

#include <set>

namespace alarmwire::fleet {
namespace {

using std::chrono::seconds;

class BoxWatchTest : public ::testing::Test {
 protected:
  const SteadyTime start_ = SteadyTime{} + seconds(1000);
  BoxWatch watch_{start_};
  int now_ = 0;  // seconds since the start

  SteadyTime at(int s) const { return start_ + seconds(s); }
  void hear(const BoxId& box) { watch_.on_heard(box, at(now_)); }
  // Ticks each second, as the daemon does; `heard` beat meanwhile. All changes on the way.
  std::vector<BoxWatch::Change> run_to(int s, const std::set<BoxId>& heard = {}) {
    std::vector<BoxWatch::Change> all;
    while (now_ < s) {
      ++now_;
      for (const BoxId& box : heard) hear(box);
      for (BoxWatch::Change& change : watch_.tick(at(now_))) all.push_back(std::move(change));
    }
    return all;
  }
};

TEST_F(BoxWatchTest, silence_is_noticed_within_twenty_seconds) {
  watch_.add("site-a", true, false);
  EXPECT_TRUE(run_to(100, {"site-a"}).empty());
  EXPECT_TRUE(run_to(110).empty());
  EXPECT_EQ(run_to(119).size(), 1u);
  EXPECT_TRUE(watch_.is_silent("site-a"));
}

TEST_F(BoxWatchTest, silence_is_reported_once_and_its_end_once) {
  watch_.add("site-a", true, false);
  run_to(30, {"site-a"});
  ASSERT_EQ(run_to(60).size(), 1u);
  EXPECT_TRUE(run_to(61).empty());
  hear("site-a");
  const auto changes = run_to(63);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].silent);
  EXPECT_TRUE(run_to(64).empty());
}

TEST_F(BoxWatchTest, a_restart_of_the_centre_gives_boxes_time_to_come_back) {
  watch_.add("site-a", true, false);
  EXPECT_TRUE(run_to(19).empty());
  EXPECT_EQ(run_to(21).size(), 1u);
}

TEST_F(BoxWatchTest, that_time_begins_when_boxes_can_connect) {
  watch_.add("site-a", true, false);
  EXPECT_TRUE(run_to(15).empty());
  watch_.on_listening(at(15));
  EXPECT_TRUE(run_to(34).empty());
  EXPECT_EQ(run_to(36).size(), 1u);
}

TEST_F(BoxWatchTest, a_centre_that_stood_still_blames_no_box_for_it) {
  watch_.add("site-a", true, false);
  run_to(30, {"site-a"});
  now_ = 90;  // a suspended machine, say
  EXPECT_TRUE(watch_.tick(at(90)).empty());
  hear("site-a");
  EXPECT_TRUE(run_to(100, {"site-a"}).empty());
  EXPECT_EQ(run_to(130).size(), 1u);
}

TEST_F(BoxWatchTest, a_box_never_seen_is_not_silent) {
  watch_.add("new", false, false);
  EXPECT_TRUE(run_to(100).empty());
  hear("new");
  EXPECT_EQ(run_to(120).size(), 1u);
}

TEST_F(BoxWatchTest, a_silence_reported_before_the_restart_is_not_reported_again_but_ends) {
  watch_.add("site-a", true, true);
  EXPECT_TRUE(run_to(100).empty());
  hear("site-a");
  ASSERT_EQ(run_to(101).size(), 1u);
}

TEST_F(BoxWatchTest, the_reason_of_a_broken_stream_is_told) {
  watch_.add("site-a", true, false);
  run_to(50, {"site-a"});
  watch_.on_down("site-a", "the box said good-bye: maintenance");
  const auto changes = run_to(70);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].reason, "the box said good-bye: maintenance");
}

TEST_F(BoxWatchTest, a_removed_box_is_forgotten) {
  watch_.add("site-a", true, false);
  watch_.remove("site-a");
  hear("site-a");
  EXPECT_TRUE(run_to(100).empty());
}

// Beats come every 5 s, each box at its own time: a cut meets one right before its next.
TEST_F(BoxWatchTest, boxes_cut_off_at_once_are_silent_in_the_same_tick) {
  for (const char* const box : {"a", "b", "c", "well"}) watch_.add(box, true, false);
  run_to(40, {"a", "b", "c", "well"});
  run_to(43, {"b", "c", "well"});
  run_to(45, {"c", "well"});
  const auto before = run_to(54, {"well"});
  EXPECT_TRUE(before.empty());
  const auto changes = run_to(55, {"well"});
  EXPECT_EQ(changes.size(), 3u);
  EXPECT_FALSE(watch_.is_silent("well"));
  EXPECT_TRUE(run_to(80, {"well"}).empty());
}

TEST_F(BoxWatchTest, two_who_miss_their_beats_at_once_have_the_whole_time) {
  for (const char* const box : {"a", "b", "well"}) watch_.add(box, true, false);
  run_to(40, {"a", "b", "well"});
  run_to(45, {"b", "well"});
  const auto first = run_to(55, {"well"});
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].box, "a");
  EXPECT_TRUE(run_to(59, {"well"}).empty());
  EXPECT_EQ(run_to(60, {"well"}).size(), 1u);
}

}  // namespace
}  // namespace alarmwire::fleet
