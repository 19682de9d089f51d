#include "edge/daemon/lane_rules.hpp"

#include <gtest/gtest.h>

namespace alarmwire::edge {
namespace {

TEST(Matches, takes_stars_for_any_run_and_letters_without_case) {
  EXPECT_TRUE(matches("routine-*@*", "Routine-7@site.INTERNAL"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*b*c", "aXXbYYbZc"));
  EXPECT_FALSE(matches("a*b*c", "aXXbYYbZ"));
  EXPECT_FALSE(matches("", "x"));
  EXPECT_FALSE(matches("test@*", "atest@x"));
}

TEST(Matches, stays_quick_on_a_hostile_text) {
  EXPECT_FALSE(matches("*a*a*a*a*a*a*a*b", std::string(20'000, 'a')));
}

Envelope to(std::vector<std::string> recipients) {
  Envelope envelope;
  envelope.device = "cam1";
  envelope.recipients = std::move(recipients);
  return envelope;
}

TEST(LaneRules, an_alarm_is_live_only_while_the_link_is_up_and_the_mail_is_small) {
  const LaneRules rules;
  EXPECT_EQ(rules.lane_of(to({"a@x.internal"}), 1000, true), Lane::live_alarm);
  EXPECT_EQ(rules.lane_of(to({"a@x.internal"}), live_alarm_bytes_max + 1, true), Lane::alarm);
  EXPECT_EQ(rules.lane_of(to({"a@x.internal"}), 1000, false), Lane::alarm);
}

TEST(LaneRules, a_mail_is_routine_only_if_every_recipient_is) {
  const LaneRules rules({{"routine@*", "", true}});
  EXPECT_EQ(rules.lane_of(to({"routine@x.internal"}), 10, true), Lane::routine);
  EXPECT_EQ(rules.lane_of(to({"routine@x.internal", "alarm@x.internal"}), 10, true),
            Lane::live_alarm);
  EXPECT_EQ(rules.lane_of(to({}), 10, true), Lane::live_alarm);
}

TEST(LaneRules, the_first_rule_that_fits_decides) {
  const LaneRules rules({{"", "cam1", false}, {"*", "", true}});
  EXPECT_EQ(rules.lane_of(to({"routine@x.internal"}), 10, true), Lane::live_alarm);
  Envelope other = to({"routine@x.internal"});
  other.device = "cam2";
  EXPECT_EQ(rules.lane_of(other, 10, true), Lane::routine);
}

}  // namespace
}  // namespace alarmwire::edge
