// A mail begun and not answered 250 is told lost exactly once, whatever the way it ends.
#include <gtest/gtest.h>

#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {
namespace {

const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";
const std::string foreign = "RCPT TO:<a@gmail.com>\r\n";
const std::string half = mail + rcpt + "DATA\r\nhalf a ma";
const std::string full = mail + rcpt + "DATA\r\na\r\n.\r\n";

struct Case {
  const char* name;
  std::string bytes;
  Ending ending = Ending::open;
  std::vector<Outcome::Kind> outcomes = {};
  bool answers = true;
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

Transcript play(const Case& one) {
  Setting setting;
  setting.ending = one.ending;
  setting.outcomes = one.outcomes;
  setting.answers = one.answers;
  return replay_all_ways(one.bytes, setting);
}

class Lost : public testing::TestWithParam<Case> {};

TEST_P(Lost, IsToldExactlyOnce) {
  const Transcript transcript = play(GetParam());
  ASSERT_EQ(transcript.lost.size(), 1u);
  EXPECT_EQ(transcript.lost[0].envelope.device, "cam-1");
  EXPECT_FALSE(transcript.lost[0].reason.empty());
}

using Kind = Outcome::Kind;
INSTANTIATE_TEST_SUITE_P(
    Ways, Lost,
    testing::Values(Case{"MAIL not understood", "MAIL FROM:<a\x01>\r\nQUIT\r\n"},
                    Case{"MAIL then gone", mail, Ending::disconnect},
                    Case{"MAIL then idle", mail, Ending::idle},
                    Case{"RCPT then gone", mail + rcpt, Ending::disconnect},
                    Case{"RCPT then QUIT", mail + rcpt + "QUIT\r\n", Ending::disconnect},
                    Case{"RCPT then RSET", mail + rcpt + "RSET\r\nQUIT\r\n"},
                    Case{"RCPT then EHLO", mail + rcpt + "EHLO x\r\n", Ending::disconnect},
                    Case{"RCPT then idle", mail + rcpt, Ending::idle},
                    Case{"RCPT then abort", mail + rcpt, Ending::abort},
                    Case{"all refused then QUIT", mail + foreign + "QUIT\r\n"},
                    Case{"all refused then RSET", mail + foreign + "RSET\r\n"},
                    Case{"all refused then DATA", mail + foreign + "DATA\r\nQUIT\r\n",
                         Ending::disconnect},
                    Case{"DATA without RCPT then QUIT", mail + "DATA\r\nQUIT\r\n"},
                    Case{"nested MAIL then QUIT", mail + mail + "QUIT\r\n"},
                    Case{"gone in the body", half, Ending::disconnect},
                    Case{"idle in the body", half, Ending::idle},
                    Case{"abort in the body", half, Ending::abort},
                    Case{"gone at the dot", mail + rcpt + "DATA\r\na\r\n.\r", Ending::disconnect},
                    Case{"full", full, Ending::disconnect, {Kind::full}},
                    Case{"failed", full + "QUIT\r\n", Ending::open, {Kind::failed}},
                    Case{"unconfirmed", full + "RSET\r\n", Ending::disconnect, {Kind::unconfirmed}},
                    Case{"abort before the outcome", full, Ending::abort, {}, false},
                    Case{"too many commands", mail + rcpt +
                                                  [] {
                                                    std::string noops;
                                                    for (int i = 0; i < 101; ++i)
                                                      noops += "NOOP\r\n";
                                                    return noops;
                                                  }()}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

class NotLost : public testing::TestWithParam<Case> {};

TEST_P(NotLost, IsNotTold) {
  EXPECT_TRUE(play(GetParam()).lost.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Ways, NotLost,
    testing::Values(Case{"a prober's RSET", mail + "RSET\r\n", Ending::disconnect},
                    Case{"a prober's QUIT", mail + "QUIT\r\n"},
                    Case{"a prober's EHLO", mail + "EHLO x\r\n", Ending::disconnect},
                    Case{"no mail", "EHLO x\r\nNOOP\r\n", Ending::disconnect},
                    Case{"reset after 250", full, Ending::disconnect},
                    Case{"stored", full, Ending::idle, {Kind::stored}},
                    Case{"stopped after 250", full, Ending::stop},
                    Case{"a foreign recipient beside ours",
                         mail + foreign + rcpt + "DATA\r\na\r\n.\r\n", Ending::disconnect},
                    Case{"gone, but the final dot was read", full, Ending::disconnect, {}, false}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

TEST(LostMail, TooLargeIsToldOnceAlsoWhenTheDeviceHangsUp) {
  Setting setting;
  setting.session.limits.message_bytes = 10;
  setting.ending = Ending::disconnect;
  const Transcript transcript =
      replay_all_ways(mail + rcpt + "DATA\r\n" + std::string(100, 'x'), setting);
  EXPECT_EQ(transcript.lost.size(), 1u);
}

TEST(LostMail, AnIntakeThatCannotBeginIs451) {
  Setting setting;
  setting.can_begin = false;
  const Transcript transcript = replay_all_ways(mail + rcpt + "DATA\r\nQUIT\r\n", setting);
  EXPECT_EQ(codes(transcript.replies), "220 250:2.1.0 250:2.1.5 451:4.3.0 221:2.0.0");
  EXPECT_EQ(transcript.lost.size(), 1u);
}

TEST(LostMail, TheReasonTellsWhatWasRefusedFirst) {
  const Transcript transcript = replay_all_ways(mail + foreign + "QUIT\r\n");
  ASSERT_EQ(transcript.lost.size(), 1u);
  EXPECT_EQ(transcript.lost[0].reason,
            "the device said QUIT; before that a@gmail.com answered 550 5.7.1 not relayed, only "
            "addresses of this installation");
  EXPECT_EQ(transcript.lost[0].envelope.reverse_path, "cam@edge.internal");
}

TEST(Stop, WaitsForTheOpenMailThenSays421) {
  Setting setting;
  setting.ending = Ending::stop;
  EXPECT_EQ(codes(replay_all_ways("HELO x\r\n", setting).replies), "220 250 421:4.3.2");
  const Transcript open = replay_all_ways(half, setting);
  EXPECT_FALSE(open.closed);
  EXPECT_TRUE(open.lost.empty());
}

}  // namespace
}  // namespace alarmwire::smtp::test
