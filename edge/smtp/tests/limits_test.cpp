#include <gtest/gtest.h>

#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {
namespace {

const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";
const std::string sent = "250:2.1.0 250:2.1.5 354 250:2.0.0";

std::string times(std::size_t count, const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

TEST(Limits, ALineAtTheLimitIsTakenAndOneByteMoreIsNot) {
  Setting setting;
  setting.session.limits.command_line_bytes = 100;
  const std::string fits = "NOOP " + std::string(94, 'x') + "\r\n";  // 99 and the CR
  const Transcript transcript =
      replay_all_ways(fits + "NOOP x" + std::string(94, 'x') + "\r\nNOOP\r\n", setting);
  EXPECT_EQ(codes(transcript.replies), "220 250:2.0.0 500:5.5.2 250:2.0.0");
}

TEST(Limits, AnEndlessLineTakesNoMemoryAndIsAnsweredAtItsEnd) {
  Setting setting;
  const Transcript transcript =
      replay(std::string(1'000'000, 'x') + "\r\nNOOP\r\n", at_random(3), setting);
  EXPECT_EQ(codes(transcript.replies), "220 500:5.5.2 250:2.0.0");
}

TEST(Limits, RecipientsBeyondTheLimitAre452AndTheMailGoesOn) {
  Setting setting;
  setting.session.limits.recipients = 3;
  const Transcript transcript =
      replay_all_ways(mail + times(5, rcpt) + "DATA\r\na\r\n.\r\n", setting);
  EXPECT_EQ(codes(transcript.replies),
            "220 250:2.1.0 250:2.1.5 250:2.1.5 250:2.1.5 452:4.5.3 452:4.5.3 354 250:2.0.0");
  EXPECT_EQ(transcript.mails.at(0).envelope.recipients.size(), 3u);
  EXPECT_TRUE(transcript.lost.empty());
}

TEST(Limits, LongRecipientsKeepTheEnvelopeBelowItsLimit) {
  const std::string name(900, 'x');
  const std::string longest = "RCPT TO:<" + name + "@edge.internal>\r\n";
  const Transcript transcript = replay("HELO " + std::string(2000, 'h') + "\r\nMAIL FROM:<" + name +
                                           ">\r\n" + times(200, longest) + "DATA\r\n.\r\n",
                                       whole());
  EXPECT_TRUE(transcript.mails.at(0).finished);
  EXPECT_LT(encode_envelope(transcript.mails.at(0).envelope).size(), envelope_size_max);
}

TEST(Limits, ADeclaredSizeTooLargeIs552AtMail) {
  Setting setting;
  setting.session.limits.message_bytes = 1000;
  const Transcript transcript =
      replay_all_ways("MAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> SIZE=1000\r\n", setting);
  EXPECT_EQ(codes(transcript.replies), "220 552:5.3.4 250:2.1.0");
  EXPECT_EQ(transcript.lost.size(), 1u);
}

TEST(Limits, AMailTooLargeIsReadToItsEndThen552) {
  Setting setting;
  setting.session.limits.message_bytes = 1000;
  const std::string fits = std::string(998, 'x') + "\r\n";
  const Transcript transcript =
      replay_all_ways(mail + rcpt + "DATA\r\n" + fits + ".\r\n" + mail + rcpt + "DATA\r\nx" + fits +
                          fits + "NOOP\r\n.\r\nNOOP\r\n",
                      setting);
  EXPECT_EQ(codes(transcript.replies),
            "220 " + sent + " 250:2.1.0 250:2.1.5 354 552:5.3.4 250:2.0.0");
  EXPECT_EQ(transcript.mails.at(0).body, fits);
  EXPECT_FALSE(transcript.mails.at(1).finished);
  EXPECT_EQ(transcript.lost.size(), 1u);
}

TEST(Limits, NoRoomIs452AtMail) {
  Setting setting;
  setting.room = false;
  const Transcript transcript = replay_all_ways("MAIL FROM:<a@b> SIZE=10\r\n", setting);
  EXPECT_EQ(codes(transcript.replies), "220 452:4.3.1");
  EXPECT_EQ(transcript.lost.size(), 1u);
}

TEST(Limits, CommandsWithoutProgressEndTheSession) {
  const Transcript transcript = replay_all_ways(times(300, "NOOP\r\n"));
  EXPECT_EQ(codes(transcript.replies), "220 " + times(100, "250:2.0.0 ") + "421:4.7.0");
  EXPECT_TRUE(transcript.closed);
}

TEST(Limits, MailsAreProgress) {
  const std::string one = times(50, "NOOP\r\n") + mail + rcpt + "DATA\r\n.\r\n";
  const Transcript transcript = replay(times(20, one), whole());
  EXPECT_EQ(transcript.mails.size(), 20u);
  EXPECT_FALSE(transcript.closed);
}

TEST(Limits, APeerThatDoesNotReadItsRepliesIsNotReadFurther) {
  IdleHost host;
  auto settings = std::make_shared<SessionSettings>();
  settings->limits.commands_without_progress = 1'000'000;
  Session session(settings, {}, host, SteadyTime{});
  const std::string bytes = times(10'000, "EHLO x\r\n");
  const std::size_t used = session.consume(bytes, SteadyTime{});
  EXPECT_LT(used, bytes.size());
  EXPECT_FALSE(session.wants_input());
  EXPECT_LT(session.take_output().size(), output_bytes_max + 1024);
  EXPECT_TRUE(session.wants_input());
}

// A byte every ten seconds: slower than anything that still mails.
TEST(Limits, ASlowSenderIsNotCut) {
  IdleHost host;
  SteadyTime now{};
  Session session(std::make_shared<SessionSettings>(), {}, host, now);
  for (const char c :
       "EHLO cam\r\n" + mail + rcpt + "DATA\r\n" + std::string(500, 'x') + "\r\n.\r\n") {
    now += std::chrono::seconds(10);
    session.on_time(now);
    ASSERT_EQ(session.consume({&c, 1}, now), 1u);
    session.take_output();
  }
  EXPECT_TRUE(host.finished);
}

TEST(Limits, AnIdleSessionAndOneThatIsOpenForTooLongAreClosed) {
  Setting setting;
  setting.ending = Ending::idle;
  EXPECT_EQ(codes(replay("HELO x\r\n", whole(), setting).replies), "220 250 421:4.4.2");
  setting.session.limits.session_time = setting.session.limits.idle_time / 2;
  setting.session.limits.idle_time *= 2;
  EXPECT_EQ(codes(replay("HELO x\r\n", whole(), setting).replies), "220 250 421:4.4.2");
}

}  // namespace
}  // namespace alarmwire::smtp::test
