// Clocks over the link, and which lane goes next.
#include <gtest/gtest.h>

#include "grpc/link/beats.hpp"
#include "grpc/link/lane_picker.hpp"

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;

TEST(BeatsTest, BothSidesLearnTheClocksAfterOneAndAHalfRoundTrips) {
  Beats box(Beats::Side::box);
  Beats centre(Beats::Side::centre);
  const std::int64_t skew_us = 3'000'000;  // the centre is ahead
  Now at{SteadyTime(50s), 1'000'000'000};
  const auto centre_now = [&] { return Now{at.steady, at.wall_us + skew_us}; };
  const auto pass = [&](std::chrono::milliseconds time) {
    at.steady += time;
    at.wall_us += time.count() * 1000;
  };
  box.start(5000ms, at);
  centre.start(5000ms, centre_now());
  ASSERT_TRUE(box.is_due(at));
  const v1::Beat first = box.make(at);
  pass(10ms);
  centre.on_beat(first, centre_now());
  ASSERT_TRUE(centre.is_due(centre_now()));
  const v1::Beat answer = centre.make(centre_now());
  pass(10ms);
  box.on_beat(answer, at);
  ASSERT_TRUE(box.clock().has_value());
  EXPECT_EQ(box.clock()->rtt_us, 20'000);
  EXPECT_EQ(box.clock()->offset_us, skew_us);
  ASSERT_TRUE(box.is_due(at));
  const v1::Beat second = box.make(at);
  pass(10ms);
  centre.on_beat(second, centre_now());
  ASSERT_TRUE(centre.clock().has_value());
  EXPECT_EQ(centre.clock()->offset_us, skew_us);
}

TEST(BeatsTest, TheSampleWithTheShortestWayIsBelieved) {
  Beats beats(Beats::Side::box);
  beats.sample(900, 5);
  beats.sample(100, 7);
  beats.sample(500, 9);
  EXPECT_EQ(beats.clock()->offset_us, 7);
}

TEST(LanePickerTest, HigherLanesGoFirstButTheLowerAreNotStarved) {
  LanePicker picker;
  std::array<std::size_t, lane_count> frames{1000, 0, 1000, 1000};
  std::array<int, lane_count> times{};
  for (int i = 0; i < 3200; ++i) ++times[*picker.pick(frames)];
  EXPECT_GT(times[0], 2900);
  EXPECT_GT(times[2], 50);
  EXPECT_GT(times[3], 50);
  EXPECT_EQ(picker.pick({0, 0, 0, 1}), 3u);
  EXPECT_EQ(picker.pick({}), std::nullopt);
}

}  // namespace
}  // namespace alarmwire::link
