#include "receiver/fleet/verdict.hpp"

#include <gtest/gtest.h>

namespace alarmwire::fleet {
namespace {

constexpr WallTimeUs second_us = 1'000'000;
constexpr WallTimeUs now_us = 1'000'000 * second_us;
constexpr std::chrono::seconds within{300};

class VerdictTest : public ::testing::Test {
 protected:
  VerdictTest() {
    signs_.seen = signs_.connected = true;
    signs_.since_us = now_us - 3600 * second_us;
    signs_.acknowledged_us = now_us - 10 * second_us;
    signs_.handshake_age_ms = 5'000;
  }
  Verdict verdict() const { return judge(signs_, within, now_us); }
  Signs signs_;
};

TEST_F(VerdictTest, green_needs_a_stream_and_a_recent_acknowledgement) {
  EXPECT_EQ(verdict().colour, Colour::green);
  signs_.acknowledged_us = now_us - 300 * second_us;
  EXPECT_EQ(verdict().colour, Colour::green);
  signs_.acknowledged_us = now_us - 301 * second_us;
  EXPECT_EQ(verdict().colour, Colour::amber);
  EXPECT_EQ(verdict().reason, "connected, but nothing was acknowledged for 301 s");
}

TEST_F(VerdictTest, a_new_stream_has_a_moment_for_its_first_acknowledgement) {
  signs_.acknowledged_us = 0;
  signs_.since_us = now_us - 20 * second_us;
  EXPECT_EQ(verdict().colour, Colour::green);
  signs_.since_us -= second_us;
  EXPECT_EQ(verdict().colour, Colour::amber);
  EXPECT_EQ(verdict().reason, "connected, but nothing of it was acknowledged");
}

TEST_F(VerdictTest, where_it_is_not_asked_a_stream_is_enough) {
  signs_.acknowledged_us = 0;
  EXPECT_EQ(judge(signs_, std::chrono::seconds(0), now_us).colour, Colour::green);
}

TEST_F(VerdictTest, amber_while_an_alarm_waits_too_long) {
  signs_.oldest_waiting_us = now_us - 61 * second_us;
  EXPECT_EQ(verdict().colour, Colour::amber);
  signs_.oldest_waiting_us = now_us - 59 * second_us;
  EXPECT_EQ(verdict().colour, Colour::green);
}

TEST_F(VerdictTest, amber_with_a_handshake_and_no_stream_red_with_neither) {
  signs_.connected = false;
  signs_.down_reason = "no beat";
  EXPECT_EQ(verdict().colour, Colour::amber);
  EXPECT_EQ(verdict().reason, "tunnel up, no stream");
  signs_.handshake_age_ms = handshake_stale_ms;
  EXPECT_EQ(verdict().colour, Colour::red);
  EXPECT_EQ(verdict().reason, "no beat");
  signs_.handshake_age_ms.reset();
  EXPECT_EQ(verdict().colour, Colour::red);
}

TEST_F(VerdictTest, a_box_that_never_came_is_told_apart) {
  EXPECT_EQ(judge(Signs{}, within, now_us).colour, Colour::never_seen);
}

TEST(VerdictBookTest, tells_of_changes_with_the_colour_before) {
  VerdictBook book;
  EXPECT_FALSE(book.update("a", Colour::green));
  EXPECT_FALSE(book.update("a", Colour::green));
  EXPECT_EQ(book.update("a", Colour::amber), Colour::green);
  EXPECT_FALSE(book.update("b", Colour::red));
  EXPECT_EQ(book.update("a", Colour::red), Colour::amber);
  book.forget("a");
  EXPECT_FALSE(book.update("a", Colour::green));
}

}  // namespace
}  // namespace alarmwire::fleet
