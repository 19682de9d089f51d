#include "edge/watch/canary.hpp"

#include <gtest/gtest.h>

namespace alarmwire::watch {
namespace {

using std::chrono::seconds;

class CanaryTest : public ::testing::Test {
 protected:
  Canary canary_{seconds(120)};
  Canary::Signs signs_{true, 0, 0};
  int now_ = 0;

  bool tick() { return canary_.tick(signs_, SteadyTime{} + seconds(1000 + now_)); }
  // The seconds at which one was due on the way.
  std::vector<int> run_to(int s) {
    std::vector<int> due;
    for (; now_ < s; ++now_)
      if (tick()) due.push_back(now_);
    return due;
  }
  using Times = std::vector<int>;
};

TEST_F(CanaryTest, a_new_link_is_proven_at_once) {
  signs_.is_up = false;
  EXPECT_EQ(run_to(300), Times());
  signs_.is_up = true;
  EXPECT_TRUE(tick());
}

TEST_F(CanaryTest, an_idle_link_is_proven_again_and_again) {
  EXPECT_TRUE(tick());
  signs_.settled_records = 1;
  EXPECT_EQ(run_to(119), Times());
  EXPECT_EQ(run_to(121), Times{120});
  signs_.settled_records = 2;
  EXPECT_EQ(run_to(240), Times());
  EXPECT_EQ(run_to(242), Times{241});
}

TEST_F(CanaryTest, mails_that_are_acknowledged_make_it_needless) {
  for (int i = 1; i < 100; ++i) {
    ++signs_.settled_records;
    EXPECT_EQ(run_to(100 * i), Times());
  }
}

TEST_F(CanaryTest, nothing_is_added_to_what_waits) {
  signs_.waiting_records = 1;
  EXPECT_EQ(run_to(1000), Times());
}

TEST_F(CanaryTest, what_was_acknowledged_on_an_earlier_link_proves_nothing) {
  signs_.settled_records = 1;
  EXPECT_EQ(run_to(60), Times());
  signs_.is_up = false;
  EXPECT_EQ(run_to(62), Times());
  signs_.is_up = true;
  EXPECT_TRUE(tick());
}

TEST_F(CanaryTest, one_that_could_not_be_spooled_is_tried_again_but_not_at_once) {
  EXPECT_EQ(run_to(12), (Times{0, 5, 10}));
}

TEST_F(CanaryTest, where_nobody_wants_one_there_is_none) {
  canary_.reconfigure(seconds(0));
  EXPECT_EQ(run_to(1000), Times());
}

TEST(CanaryRecord, is_known_as_one_and_has_an_identity_of_its_own) {
  const spool::NewRecord one = make_canary(7);
  const spool::NewRecord other = make_canary(7);
  EXPECT_EQ(one.hash, canary_hash());
  EXPECT_EQ(RecordHasher(one.envelope).finish(), one.hash);
  EXPECT_NE(one.id, other.id);
  EXPECT_FALSE(one.may_join);
  EXPECT_EQ(one.size, 0u);
}

}  // namespace
}  // namespace alarmwire::watch
