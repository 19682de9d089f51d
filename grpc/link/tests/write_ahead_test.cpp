// The bound on what is under way, over lines of every kind, on virtual time.
#include "grpc/link/write_ahead.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "grpc/proto/frames.hpp"

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

// A box that always has more to send, a line that carries so many bytes a second after a queue
// without an end, and a centre that sends Marks back.
class WriteAheadTest : public ::testing::Test {
 protected:
  void lay(std::uint64_t bytes_per_s, microseconds round_trip) {
    bytes_per_s_ = bytes_per_s;
    round_trip_ = round_trip;
  }
  void start() { ahead.start(round_trip_); }
  // Everything written within `time`, and the longest it waited for the line.
  void send_for(microseconds time) {
    written = 0;
    longest_wait = microseconds(0);
    for (const SteadyTime end = now + time; now < end; now += 1ms) {
      while (!back.empty() && back.front().first <= now) {
        ASSERT_TRUE(ahead.on_mark(back.front().second, now));
        back.pop_front();
      }
      mark_if_due();
      while (ahead.may_write(false)) put(ahead.frame_data_bytes_max());
    }
  }
  void put(std::size_t bytes) {
    free_at = std::max(free_at, now) + microseconds(bytes * 1'000'000 / bytes_per_s_);
    longest_wait = std::max(longest_wait, std::chrono::duration_cast<microseconds>(free_at - now));
    written += bytes;
    ahead.wrote(bytes);
    mark_if_due();
  }
  void mark_if_due() {
    if (ahead.is_mark_due()) back.emplace_back(free_at + round_trip_, ahead.mark(now));
  }
  double use_of_line(microseconds time) const {
    return static_cast<double>(written) * 1e6 /
           static_cast<double>(bytes_per_s_ * static_cast<std::uint64_t>(time.count()));
  }

  WriteAhead ahead;
  SteadyTime now{1000s};
  SteadyTime free_at{};
  std::deque<std::pair<SteadyTime, std::uint64_t>> back;
  std::uint64_t written = 0;
  microseconds longest_wait{0};

 private:
  std::uint64_t bytes_per_s_ = 0;
  microseconds round_trip_{0};
};

TEST_F(WriteAheadTest, nothing_is_bounded_before_the_centre_has_said_that_it_sends_marks_back) {
  for (int i = 0; i < 1000; ++i) ahead.wrote(frame_bytes_max);
  EXPECT_TRUE(ahead.may_write(false));
  EXPECT_FALSE(ahead.is_mark_due());
  EXPECT_EQ(ahead.frame_data_bytes_max(), chunk_data_bytes_max);
}

TEST_F(WriteAheadTest, on_slow_lines_the_queue_comes_down_to_the_aim_and_the_line_stays_full) {
  struct Line {
    std::uint64_t bytes_per_s;
    microseconds round_trip;
  };
  for (const Line& line : {Line{32'000, 40ms}, {64'000, 600ms}, {16'000, 100ms}, {200'000, 5ms}}) {
    ahead = WriteAhead();
    back.clear();
    free_at = now;
    lay(line.bytes_per_s, line.round_trip);
    start();
    send_for(20s);
    send_for(60s);
    EXPECT_LT(longest_wait, 2 * queue_aim) << line.bytes_per_s;
    EXPECT_GT(longest_wait, queue_aim / 4) << line.bytes_per_s;
    EXPECT_GT(use_of_line(60s), 0.95) << line.bytes_per_s;
  }
}

TEST_F(WriteAheadTest, on_a_fast_line_it_bounds_nothing_after_a_moment) {
  lay(20'000'000, 50ms);
  start();
  send_for(2s);
  send_for(10s);
  EXPECT_GT(use_of_line(10s), 0.95);
}

TEST_F(WriteAheadTest, a_line_that_became_slow_is_noticed_and_one_that_became_fast_too) {
  lay(500'000, 40ms);
  start();
  send_for(20s);
  lay(32'000, 40ms);
  send_for(30s);
  send_for(20s);
  EXPECT_LT(longest_wait, 2 * queue_aim);
  lay(5'000'000, 40ms);
  send_for(10s);
  send_for(10s);
  EXPECT_GT(use_of_line(10s), 0.95);
}

TEST_F(WriteAheadTest, a_live_alarm_goes_while_the_others_fill_the_bound) {
  lay(32'000, 40ms);
  start();
  send_for(20s);
  send_for(5s);
  while (ahead.may_write(false)) put(ahead.frame_data_bytes_max());
  EXPECT_TRUE(ahead.may_write(true));
  while (ahead.may_write(true)) put(ahead.frame_data_bytes_max());
  EXPECT_LT(longest_wait, 4 * queue_aim) << "a burst of them is bounded as well";
}

TEST_F(WriteAheadTest, a_little_traffic_does_not_make_it_bold) {
  lay(32'000, 40ms);
  start();
  for (int i = 0; i < 1000; ++i) {
    put(ahead_bytes_first / 4);
    now += 2s;
    while (!back.empty()) {
      ASSERT_TRUE(ahead.on_mark(back.front().second, back.front().first));
      back.pop_front();
    }
  }
  EXPECT_LE(ahead.bound(), ahead_bytes_first);
}

TEST_F(WriteAheadTest, marks_may_come_back_several_at_once_but_only_those_that_were_sent) {
  start();
  for (int i = 0; i < 3; ++i) {
    ahead.wrote(ahead_bytes_first / 3 + 1);
    EXPECT_EQ(ahead.mark(now), static_cast<std::uint64_t>(i) + 1);
  }
  EXPECT_FALSE(ahead.may_write(false));
  EXPECT_FALSE(ahead.on_mark(4, now));
  EXPECT_TRUE(ahead.on_mark(3, now));
  EXPECT_TRUE(ahead.may_write(false));
  EXPECT_TRUE(ahead.on_mark(2, now)) << "late, and no news";
}

}  // namespace
}  // namespace alarmwire::link
