#include <gtest/gtest.h>

#include "receiver/ingest/clone_watch.hpp"
#include "receiver/ingest/flap_watch.hpp"
#include "receiver/ingest/hold.hpp"
#include "receiver/ingest/owed_receipts.hpp"

namespace alarmwire::ingest {
namespace {

using std::chrono::seconds;
const SteadyTime t0 = SteadyTime{} + seconds(1000);

TEST(FlapWatch, speaks_once_after_many_fences_in_a_minute_and_takes_back_after_calm) {
  FlapWatch watch;
  for (std::size_t i = 1; i < FlapWatch::fences_max; ++i)
    EXPECT_FALSE(watch.on_fence(t0 + seconds(i)));
  EXPECT_TRUE(watch.on_fence(t0 + seconds(10)));
  EXPECT_FALSE(watch.on_fence(t0 + seconds(11)));
  EXPECT_FALSE(watch.on_tick(t0 + seconds(12)));
  EXPECT_TRUE(watch.on_tick(t0 + seconds(11) + FlapWatch::calm));
  EXPECT_FALSE(watch.on_tick(t0 + seconds(12) + FlapWatch::calm));
}

TEST(FlapWatch, a_flaky_line_is_not_a_clone) {
  FlapWatch watch;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch.on_fence(t0 + seconds(i * 15)));
}

TEST(OwedReceipts, are_bounded_for_each_box_and_in_all_and_taken_once_in_order) {
  OwedReceipts owed;
  const auto add = [&](const BoxId& box, std::size_t count) {
    for (std::size_t i = 1; i <= count; ++i)
      owed.add(box,
               {AlarmId{}, link::ReceiptStage::handed_over, static_cast<WallTimeUs>(i), "", ""});
  };
  add("flood", OwedReceipts::per_box_max + 5);
  EXPECT_EQ(owed.count(), OwedReceipts::per_box_max);
  for (std::size_t box = 0; box < OwedReceipts::in_all_max; ++box) add(std::to_string(box), 1);
  EXPECT_EQ(owed.count(), OwedReceipts::in_all_max);
  const std::deque<link::Receipt> of_flood = owed.take("flood");
  EXPECT_EQ(of_flood.size(), OwedReceipts::per_box_max);
  EXPECT_EQ(of_flood.front().time_us, 6);
  EXPECT_EQ(of_flood.back().time_us, static_cast<WallTimeUs>(OwedReceipts::per_box_max + 5));
  EXPECT_TRUE(owed.take("flood").empty());
  EXPECT_EQ(owed.count(), OwedReceipts::in_all_max - OwedReceipts::per_box_max);
}

class Holding : public ::testing::Test {
 protected:
  bool admit(Hold::Answer answer, SteadyTime at, int number) {
    return hold.admit(answer, at, [this, number] { delivered.push_back(number); });
  }
  void release(SteadyTime at) {
    for (const auto& answer : hold.release(at)) answer();
  }
  Hold hold;
  std::vector<int> delivered;
};

TEST_F(Holding, keeps_everything_behind_a_full_in_order_until_the_pause_is_over) {
  EXPECT_TRUE(admit(Hold::Answer::fine, t0, 1));
  EXPECT_FALSE(admit(Hold::Answer::full, t0, 2));
  EXPECT_FALSE(admit(Hold::Answer::neutral, t0, 3));
  EXPECT_FALSE(admit(Hold::Answer::fine, t0, 4));
  EXPECT_EQ(hold.until(), t0 + full_pause_min);
  release(t0);
  EXPECT_TRUE(delivered.empty());
  release(t0 + full_pause_min);
  EXPECT_EQ(delivered, (std::vector<int>{2, 3, 4}));
  EXPECT_TRUE(admit(Hold::Answer::neutral, t0, 5));
}

TEST_F(Holding, pauses_grow_while_it_stays_full_and_start_anew_after_a_success) {
  SteadyTime at = t0;
  std::chrono::milliseconds expected = full_pause_min;
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(admit(Hold::Answer::full, at, i));
    EXPECT_EQ(hold.until() - at, expected);
    at = hold.until();
    release(at);
    EXPECT_TRUE(admit(Hold::Answer::neutral, at, i));
    expected = std::min(expected * 2, full_pause_max);
  }
  EXPECT_TRUE(admit(Hold::Answer::fine, at, 99));
  EXPECT_FALSE(admit(Hold::Answer::busy, at, 100));
  EXPECT_EQ(hold.until() - at, busy_pause);
  at = hold.until();
  release(at);
  EXPECT_FALSE(admit(Hold::Answer::full, at, 101));
  EXPECT_EQ(hold.until() - at, full_pause_min);
}

class Cloned : public ::testing::Test {
 protected:
  void hear(const char* endpoint, int at_s) {
    watch.heard_from("site-a", endpoint, t0 + std::chrono::seconds(at_s));
  }
  std::vector<CloneWatch::Change> tick(int at_s) {
    return watch.tick(t0 + std::chrono::seconds(at_s));
  }
  const SteadyTime t0{std::chrono::hours(1)};
  CloneWatch watch;
};

TEST_F(Cloned, a_key_that_returns_to_the_place_before_again_and_again_is_told_with_both_places) {
  for (int at = 0; at < 4; ++at) hear(at % 2 == 0 ? "a:1" : "b:2", at * 5);
  EXPECT_TRUE(tick(15).empty()) << "two returns may be a line with a second way";
  hear("a:1", 20);
  const auto changes = tick(20);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].cloned);
  EXPECT_EQ(changes[0].box, "site-a");
  EXPECT_NE(changes[0].reason.find("a:1"), std::string::npos);
  EXPECT_NE(changes[0].reason.find("b:2"), std::string::npos);
  hear("b:2", 25);
  EXPECT_TRUE(tick(25).empty()) << "told once";
  EXPECT_TRUE(tick(324).empty());
  const auto over = tick(325);
  ASSERT_EQ(over.size(), 1u);
  EXPECT_FALSE(over[0].cloned);
}

TEST_F(Cloned, a_box_that_moves_on_or_comes_back_seldom_is_no_clone) {
  const char* const places[] = {"a:1", "b:2", "c:3", "d:4", "e:5", "f:6"};
  for (int at = 0; at < 6; ++at) hear(places[at], at);
  EXPECT_TRUE(tick(6).empty());
  for (int at = 0; at < 20; ++at) hear(at % 2 == 0 ? "a:1" : "b:2", 100 + at * 40);
  EXPECT_TRUE(tick(1000).empty());
}

TEST_F(Cloned, streams_that_fence_each_other_are_told_with_what_is_known_of_the_places) {
  hear("a:1", 0);
  watch.fencing("site-a", true);
  const auto changes = tick(1);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_NE(changes[0].reason.find("a:1"), std::string::npos);
  watch.fencing("site-a", false);
  EXPECT_FALSE(tick(2).at(0).cloned);
  watch.fencing("site-a", true);
  watch.forget("site-a");
  EXPECT_TRUE(tick(3).empty());
}

}  // namespace
}  // namespace alarmwire::ingest
