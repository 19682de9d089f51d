#include "common/clock.hpp"

#include <gtest/gtest.h>

namespace alarmwire {
namespace {

constexpr WallTimeUs a_time = 1'795'493'700'123'456;  // 2026-11-24T04:15:00.123456Z

TEST(Clock, WritesRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(a_time), "2026-11-24T04:15:00.123Z");
}

TEST(Clock, NotReachedYetIsEmpty) {
  EXPECT_EQ(to_rfc3339(0), "");
  EXPECT_EQ(to_rfc3339(-1), "");
}

TEST(Clock, WritesMailDatesInEnglishWhateverTheLocale) {
  EXPECT_EQ(to_rfc5322_date(a_time), "Tue, 24 Nov 2026 04:15:00 +0000");
  EXPECT_EQ(to_rfc5322_date(1'709'164'800'000'000), "Thu, 29 Feb 2024 00:00:00 +0000");
}

TEST(Clock, WallClockIsMicroseconds) {
  const WallTimeUs before = wall_now_us();
  EXPECT_GT(before, 1'600'000'000'000'000);
  EXPECT_LT(before, 10'000'000'000'000'000);
}

}  // namespace
}  // namespace alarmwire
