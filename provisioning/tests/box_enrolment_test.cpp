#include "provisioning/box_enrolment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alarmwire::provisioning {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class BoxEnrolmentTest : public ::testing::Test {
 protected:
  BoxEnrolmentTest() {
    says_.ticket_key.bytes.fill(1);
    says_.box_key.bytes.fill(2);
    says_.centre.bytes.fill(3);
    says_.centre_address = "fd00::1";
  }
  // The one action wanted now; fails where there is another, or none.
  template <typename Wanted>
  void expect_action() {
    const std::vector<EnrolAction> actions = enrolment_.take_actions();
    ASSERT_EQ(actions.size(), 1U) << to_string(enrolment_.view().step);
    EXPECT_TRUE(std::holds_alternative<Wanted>(actions.front())) << actions.front().index();
  }
  void expect_nothing() { EXPECT_TRUE(enrolment_.take_actions().empty()); }
  void begin() {
    enrolment_.begin(Ticket(), false);
    expect_action<enrol_action::BeginTunnel>();
  }
  void begin_to_call() {
    begin();
    enrolment_.tunnel_begun(says_, now_);
    expect_action<enrol_action::Call>();
  }
  static CentreSays centre(Outcome outcome, Reason reason = Reason::none) {
    CentreSays says;
    says.verdict = {outcome, reason};
    says.box = "site-a";
    says.box_name = "Werk Süd";
    return says;
  }
  Step step() const { return enrolment_.view().step; }
  static Failure failure() { return {Errc::closed, "it broke"}; }

  SteadyTime now_{};
  double random_ = 0;
  TunnelSays says_;
  BoxEnrolment enrolment_{[this] { return random_; }};
};

TEST_F(BoxEnrolmentTest, GoesFromTicketToLink) {
  begin_to_call();
  EXPECT_EQ(step(), Step::network);
  EXPECT_FALSE(enrolment_.view().words.empty());
  enrolment_.centre_answered(centre(Outcome::enrolled), now_);
  expect_action<enrol_action::Keep>();
  enrolment_.kept({}, now_);
  expect_action<enrol_action::Commit>();
  says_.enrolled = true;
  enrolment_.committed(says_, now_);
  expect_nothing();
  EXPECT_EQ(step(), Step::tunnel);
  enrolment_.link_changed(true);
  EXPECT_EQ(step(), Step::alarm) << "a link that was never tried proves nothing";
  expect_action<enrol_action::SendTest>();
  enrolment_.test_answered(milliseconds(180), now_);
  EXPECT_EQ(step(), Step::done);
  EXPECT_THAT(enrolment_.view().text, HasSubstr("180 ms"));
  EXPECT_EQ(enrolment_.view().box, "site-a");
  EXPECT_FALSE(enrolment_.is_under_way());
  enrolment_.link_changed(false);
  enrolment_.link_changed(true);
  expect_nothing();
}

TEST_F(BoxEnrolmentTest, ATestAlarmWithoutAcknowledgementIsSentAgain) {
  begin_to_call();
  enrolment_.centre_answered(centre(Outcome::enrolled), now_);
  enrolment_.take_actions();
  enrolment_.kept({}, now_);
  enrolment_.take_actions();
  says_.enrolled = true;
  enrolment_.committed(says_, now_);
  enrolment_.link_changed(true);
  for (const Errc reason : {Errc::timed_out, Errc::full}) {
    expect_action<enrol_action::SendTest>();
    enrolment_.test_answered(Failure(reason, "why"), now_);
    EXPECT_EQ(step(), Step::alarm);
    EXPECT_FALSE(enrolment_.view().advice.empty());
    enrolment_.test_answered(milliseconds(1), now_);
    EXPECT_EQ(step(), Step::alarm) << "an answer nobody waits for";
    now_ += seconds(5);
    enrolment_.tick(now_);
  }
  expect_action<enrol_action::SendTest>();
}

TEST_F(BoxEnrolmentTest, SaysWhereItWasRefused) {
  begin_to_call();
  enrolment_.centre_answered(centre(Outcome::refused, Reason::expired), now_);
  EXPECT_EQ(enrolment_.view().stopped_at, Step::centre);
  expect_action<enrol_action::Abandon>();
  begin_to_call();
  EXPECT_EQ(enrolment_.view().stopped_at, Step::none);
  enrolment_.centre_answered(centre(Outcome::waiting), now_);
  enrolment_.tick(now_ + seconds(10));
  enrolment_.centre_answered(centre(Outcome::refused, Reason::revoked), now_);
  EXPECT_EQ(enrolment_.view().stopped_at, Step::approval);
}

TEST(EnrolmentWords, StandInBothLanguagesAndNameTheDetail) {
  for (int at = 1; at <= static_cast<int>(Note::ticket_unknown); ++at) {
    const auto english = words_for(static_cast<Note>(at), "", Language::english);
    const auto german = words_for(static_cast<Note>(at), "why", Language::german);
    EXPECT_FALSE(german.text.empty()) << at;
    EXPECT_NE(german.text, english.text) << at;
    EXPECT_EQ(german.advice.empty(), english.advice.empty()) << at;
    EXPECT_EQ((german.text + german.advice).find('%'), std::string::npos) << at;
  }
}

TEST_F(BoxEnrolmentTest, SaysWhatItWaitsForInTheNetwork) {
  begin_to_call();
  EXPECT_THAT(enrolment_.view().advice, HasSubstr("DNS"));
  enrolment_.tunnel_seen("192.0.2.1:51820", false);
  EXPECT_THAT(enrolment_.view().text, HasSubstr("192.0.2.1:51820"));
  EXPECT_THAT(enrolment_.view().advice, HasSubstr("UDP"));
  enrolment_.tunnel_seen("192.0.2.1:51820", true);
  EXPECT_EQ(step(), Step::centre);
  enrolment_.centre_answered(failure(), now_);
  EXPECT_THAT(enrolment_.view().text, HasSubstr("it broke"));
}

TEST_F(BoxEnrolmentTest, AsksAgainAfterAFailureAtARandomTime) {
  for (const double random : {0.0, 0.5, 1.0}) {
    random_ = random;
    begin_to_call();
    enrolment_.centre_answered(failure(), now_);
    const auto wait = milliseconds(1000 + static_cast<int>(4000 * random));
    ASSERT_EQ(enrolment_.next_deadline(), now_ + wait);
    enrolment_.tick(now_ + wait - milliseconds(1));
    expect_nothing();
    enrolment_.tick(now_ + wait);
    expect_action<enrol_action::Call>();
  }
}

TEST_F(BoxEnrolmentTest, WaitsForApprovalAsLongAsItTakes) {
  begin_to_call();
  for (int i = 0; i < 3; ++i) {
    CentreSays says = centre(Outcome::waiting);
    says.retry_after = seconds(2);
    enrolment_.centre_answered(says, now_);
    EXPECT_EQ(step(), Step::approval);
    EXPECT_THAT(enrolment_.view().advice, HasSubstr("alarmwire box approve site-a"));
    now_ += seconds(2);
    enrolment_.tick(now_);
    expect_action<enrol_action::Call>();
  }
  enrolment_.centre_answered(centre(Outcome::enrolled), now_);
  expect_action<enrol_action::Keep>();
}

TEST_F(BoxEnrolmentTest, ARefusalEndsItCleanlyWithTheReason) {
  const std::pair<Reason, const char*> reasons[] = {{Reason::used, "another box"},
                                                    {Reason::expired, "expired"},
                                                    {Reason::revoked, "revoked"},
                                                    {Reason::key_taken, "key"},
                                                    {Reason::unknown, "does not know"}};
  for (const auto& [reason, word] : reasons) {
    begin_to_call();
    enrolment_.centre_answered(centre(Outcome::refused, reason), now_);
    expect_action<enrol_action::Abandon>();
    EXPECT_EQ(step(), Step::refused);
    EXPECT_THAT(enrolment_.view().text, HasSubstr(word));
    EXPECT_FALSE(enrolment_.view().advice.empty());
    EXPECT_EQ(enrolment_.next_deadline(), std::nullopt) << "it must not guess on";
    enrolment_.abandoned({});
  }
}

TEST_F(BoxEnrolmentTest, GoesOnAfterARestartAtEitherState) {
  enrolment_.resume(says_, now_);
  expect_action<enrol_action::Call>();
  enrolment_.resume(says_, now_);
  expect_nothing();
  BoxEnrolment other([] { return 0.0; });
  says_.enrolled = true;
  other.resume(says_, now_);
  EXPECT_TRUE(other.take_actions().empty());
  other.link_changed(true);
  EXPECT_EQ(other.view().step, Step::done);
}

TEST_F(BoxEnrolmentTest, AFullDiskAndADeafTunnelAreTriedAgainFromTheCall) {
  begin_to_call();
  enrolment_.centre_answered(centre(Outcome::enrolled), now_);
  expect_action<enrol_action::Keep>();
  enrolment_.kept(Failure(Errc::full, "no room"), now_);
  EXPECT_THAT(enrolment_.view().advice, HasSubstr("room"));
  enrolment_.tick(now_ + seconds(1));
  expect_action<enrol_action::Call>();
  enrolment_.centre_answered(centre(Outcome::enrolled), now_);
  expect_action<enrol_action::Keep>();
  enrolment_.kept({}, now_);
  expect_action<enrol_action::Commit>();
  enrolment_.committed(failure(), now_);
  enrolment_.tick(now_ + seconds(1));
  expect_action<enrol_action::Call>();
}

TEST_F(BoxEnrolmentTest, ATunnelDaemonThatIsAwayIsAskedAgain) {
  begin();
  for (int i = 0; i < 3; ++i) {
    enrolment_.tunnel_begun(failure(), now_);
    EXPECT_EQ(step(), Step::ticket);
    now_ += seconds(1);
    enrolment_.tick(now_);
    expect_action<enrol_action::BeginTunnel>();
  }
  enrolment_.tunnel_begun(says_, now_);
  expect_action<enrol_action::Call>();
}

TEST_F(BoxEnrolmentTest, ATunnelThatSaysNoIsTheEndAndNothingIsAbandoned) {
  begin();
  enrolment_.tunnel_begun(Failure(Errc::invalid_argument, "enrolled already"), now_);
  EXPECT_EQ(step(), Step::refused);
  EXPECT_THAT(enrolment_.view().text, HasSubstr("enrolled already"));
  expect_nothing();
}

// Answers that come late, twice or never asked for change nothing.
TEST_F(BoxEnrolmentTest, StrayAnswersAreIgnored) {
  const auto stray = [this](int which) {
    if (which == 0) enrolment_.centre_answered(centre(Outcome::enrolled), now_);
    if (which == 1) enrolment_.kept({}, now_);
    if (which == 2) enrolment_.committed(says_, now_);
    if (which == 3) enrolment_.tunnel_begun(says_, now_);
    if (which == 4) enrolment_.tick(now_ + seconds(100));
    if (which == 5) enrolment_.centre_answered(centre(Outcome::refused, Reason::used), now_);
  };
  for (int i = 0; i < 6; ++i) stray(i);
  expect_nothing();
  begin();
  for (const int i : {0, 1, 2, 4, 5}) stray(i);
  expect_nothing();
  EXPECT_EQ(step(), Step::ticket);
  enrolment_.tunnel_begun(says_, now_);
  expect_action<enrol_action::Call>();
  for (const int i : {1, 2, 3, 4}) stray(i);
  expect_nothing();
}

}  // namespace
}  // namespace alarmwire::provisioning
