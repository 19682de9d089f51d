#include "edge/uplink/stored_waiters.hpp"

#include <gtest/gtest.h>

namespace alarmwire::uplink {
namespace {

using std::chrono::seconds;
const SteadyTime start = SteadyTime{} + seconds(100);
const EpochId epoch{7};
RecordKey key(std::uint64_t seq, Lane lane = Lane::live_alarm) {
  return {epoch, lane, seq};
}

class StoredWaitersTest : public ::testing::Test {
 protected:
  StoredWaiters waiters_;
  std::vector<std::pair<int, bool>> answers_;
  StoredWaiters::Done answer(int who) {
    return [this, who](bool stored) { answers_.emplace_back(who, stored); };
  }
};

TEST_F(StoredWaitersTest, nobody_waits_while_the_link_is_down) {
  EXPECT_EQ(waiters_.wait(key(1), start, start + seconds(5), answer(1)), false);
  waiters_.on_link(true);
  EXPECT_EQ(waiters_.wait(key(1), start, start + seconds(5), answer(1)), std::nullopt);
  waiters_.on_link(false);
  EXPECT_EQ(answers_, (std::vector<std::pair<int, bool>>{{1, false}})) << "released at once";
}

TEST_F(StoredWaitersTest, a_settled_record_answers_its_waiters_and_no_others) {
  waiters_.on_link(true);
  for (int i = 1; i <= 3; ++i) waiters_.wait(key(i), start, start + seconds(5), answer(i));
  waiters_.wait(key(1, Lane::alarm), start, start + seconds(5), answer(9));
  waiters_.settle(epoch, Lane::live_alarm, 2, {key(1), key(2)});
  EXPECT_EQ(answers_, (std::vector<std::pair<int, bool>>{{1, true}, {2, true}}));
  EXPECT_EQ(waiters_.waiting(), 2u);
}

TEST_F(StoredWaitersTest, a_record_passed_over_is_not_stored) {
  waiters_.on_link(true);
  waiters_.wait(key(1), start, start + seconds(5), answer(1));
  waiters_.wait(key(2), start, start + seconds(5), answer(2));
  waiters_.settle(epoch, Lane::live_alarm, 2, {key(2)});
  EXPECT_EQ(answers_, (std::vector<std::pair<int, bool>>{{1, false}, {2, true}}));
}

TEST_F(StoredWaitersTest, after_one_wait_ran_out_nobody_waits_until_the_next_settled) {
  waiters_.on_link(true);
  waiters_.wait(key(1), start, start + seconds(5), answer(1));
  waiters_.heard(start + seconds(4));
  waiters_.on_timer(start + seconds(4));
  EXPECT_TRUE(answers_.empty());
  waiters_.on_timer(start + seconds(5));
  EXPECT_EQ(answers_, (std::vector<std::pair<int, bool>>{{1, false}}));
  EXPECT_EQ(waiters_.wait(key(2), start, start + seconds(10), answer(2)), false);
  waiters_.settle(epoch, Lane::live_alarm, 1, {key(1)});
  EXPECT_EQ(waiters_.wait(key(3), start, start + seconds(10), answer(3)), std::nullopt);
}

TEST_F(StoredWaitersTest, silence_ends_the_wait_but_first_the_centre_is_asked) {
  waiters_.on_link(true);
  waiters_.wait(key(1), start, start + seconds(60), answer(1));
  EXPECT_EQ(waiters_.next_deadline(), start + ask_after);
  EXPECT_TRUE(waiters_.on_timer(start + ask_after));
  EXPECT_FALSE(waiters_.on_timer(start + ask_after)) << "once";
  EXPECT_EQ(waiters_.next_deadline(), start + silence_max);
  EXPECT_TRUE(answers_.empty());
  EXPECT_FALSE(waiters_.on_timer(start + silence_max)) << "nobody waits any more";
  EXPECT_EQ(answers_, (std::vector<std::pair<int, bool>>{{1, false}}));
  EXPECT_EQ(waiters_.wait(key(2), start + silence_max, start + seconds(60), answer(2)), false);
  waiters_.settle(epoch, Lane::live_alarm, 2, {key(2)});
  EXPECT_EQ(waiters_.wait(key(3), start + seconds(9), start + seconds(60), answer(3)),
            std::nullopt);
}

TEST_F(StoredWaitersTest, any_sign_of_the_centre_keeps_the_wait) {
  waiters_.on_link(true);
  waiters_.wait(key(1), start, start + seconds(60), answer(1));
  for (int i = 1; i < 10; ++i) {
    EXPECT_TRUE(waiters_.on_timer(start + seconds(i) - ask_after)) << "asked anew";
    waiters_.heard(start + seconds(i));
    EXPECT_FALSE(waiters_.on_timer(start + seconds(i)));
    EXPECT_EQ(waiters_.next_deadline(), start + seconds(i) + ask_after);
  }
  EXPECT_TRUE(answers_.empty());
}

TEST_F(StoredWaitersTest, silence_before_anybody_waited_does_not_count) {
  waiters_.on_link(true);
  waiters_.heard(start);
  waiters_.wait(key(1), start + seconds(50), start + seconds(60), answer(1));
  waiters_.on_timer(start + seconds(51));
  EXPECT_TRUE(answers_.empty());
}

TEST_F(StoredWaitersTest, who_asks_after_the_settling_hears_it_at_once) {
  waiters_.on_link(true);
  waiters_.settle(epoch, Lane::live_alarm, 3, {key(1), key(2), key(3)});
  EXPECT_EQ(waiters_.wait(key(2), start, start + seconds(5), answer(1)), true);
  waiters_.settle(epoch, Lane::live_alarm, 5, {key(5)});
  EXPECT_EQ(waiters_.wait(key(4), start, start + seconds(5), answer(1)), std::nullopt)
      << "passed over";
}

TEST_F(StoredWaitersTest, two_may_wait_for_one_record) {
  waiters_.on_link(true);
  waiters_.wait(key(1), start, start + ask_after / 4, answer(1));
  waiters_.wait(key(1), start, start + ask_after / 2, answer(2));
  EXPECT_EQ(waiters_.next_deadline(), start + ask_after / 4);
  waiters_.settle(epoch, Lane::live_alarm, 1, {key(1)});
  EXPECT_EQ(answers_.size(), 2u);
  EXPECT_EQ(waiters_.next_deadline(), SteadyTime::max());
}

TEST_F(StoredWaitersTest, an_answer_may_ask_again) {
  waiters_.on_link(true);
  waiters_.wait(key(1), start, start + seconds(5),
                [&](bool) { waiters_.wait(key(2), start, start, answer(2)); });
  waiters_.settle(epoch, Lane::live_alarm, 1, {key(1)});
  EXPECT_EQ(waiters_.waiting(), 1u);
}

TEST_F(StoredWaitersTest, the_number_of_waiters_is_bounded) {
  waiters_.on_link(true);
  for (std::size_t i = 0; i < waiters_max; ++i)
    ASSERT_EQ(waiters_.wait(key(i + 1), start, start, answer(0)), std::nullopt);
  EXPECT_EQ(waiters_.wait(key(1), start, start, answer(0)), false);
}

}  // namespace
}  // namespace alarmwire::uplink
