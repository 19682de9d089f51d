#include "receiver/outlets/dialogue.hpp"

#include <gtest/gtest.h>

namespace alarmwire::outlets {
namespace {

// "C: …" is said, "S: …" is answered, "." ends the body.
Outcome hear(std::initializer_list<std::string_view> lines, const std::string& error = "broken") {
  Dialogue dialogue;
  for (const std::string_view line : lines) {
    if (line == ".") {
      dialogue.on_body_end();
    } else if (line.substr(0, 3) == "C: ") {
      dialogue.on_command(line.substr(3));
    } else {
      dialogue.on_reply_line(line.substr(3));
    }
  }
  return dialogue.judge(error);
}

Verdict verdict_of(std::initializer_list<std::string_view> lines) {
  return hear(lines).attempt.verdict;
}

TEST(Dialogue, TakenOnlyByTheFinalReply) {
  const Outcome outcome =
      hear({"S: 220 hi", "C: EHLO x", "S: 250-a", "S: 250 b", "C: MAIL FROM:<a@b>", "S: 250 ok",
            "C: RCPT TO:<c@d>", "S: 250 ok", "C: DATA", "S: 354 go", ".", "S: 250-2.0.0 queued",
            "S: 250 2.0.0 as 17"});
  EXPECT_EQ(outcome.attempt.verdict, Verdict::taken);
  EXPECT_EQ(outcome.attempt.text, "250-2.0.0 queued / 250 2.0.0 as 17");
  ASSERT_EQ(outcome.recipients.size(), 1u);
  EXPECT_EQ(outcome.recipients[0].address, "c@d");
}

TEST(Dialogue, EveryStepCanSayNo) {
  EXPECT_EQ(verdict_of({"C: MAIL FROM:<a>", "S: 450 later"}), Verdict::later);
  EXPECT_EQ(verdict_of({"C: MAIL FROM:<a>", "S: 550 no"}), Verdict::refused);
  EXPECT_EQ(verdict_of({"C: MAIL FROM:<a>", "S: 421 bye"}), Verdict::unreachable);
  const auto rcpt = [](std::string_view reply) {
    return verdict_of({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", reply});
  };
  EXPECT_EQ(rcpt("S: 451 later"), Verdict::later);
  EXPECT_EQ(rcpt("S: 550 no"), Verdict::refused);
  EXPECT_EQ(rcpt("S: 421 bye"), Verdict::unreachable);
  const auto data = [](std::string_view reply) {
    return verdict_of(
        {"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 250 ok", "C: DATA", reply});
  };
  EXPECT_EQ(data("S: 451 later"), Verdict::later);
  EXPECT_EQ(data("S: 554 no"), Verdict::refused);
  EXPECT_EQ(data("S: 421 bye"), Verdict::unreachable);
  const auto dot = [](std::string_view reply) {
    return verdict_of({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 250 ok", "C: DATA",
                       "S: 354 go", ".", reply});
  };
  EXPECT_EQ(dot("S: 452 full"), Verdict::later);
  EXPECT_EQ(dot("S: 552 large"), Verdict::refused);
  EXPECT_EQ(dot("S: 421 bye"), Verdict::unreachable);
  EXPECT_EQ(dot("S: 999 what"), Verdict::unreachable);
  EXPECT_EQ(dot("S: rubbish"), Verdict::unreachable);
}

TEST(Dialogue, BeforeTheMailNothingIsRefused) {
  for (const auto& lines : std::initializer_list<std::initializer_list<std::string_view>>{
           {"S: 554 no service"},
           {"S: 220 hi", "C: EHLO x", "S: 550 go away"},
           {"S: 220 hi", "C: EHLO x", "S: 250 a", "C: STARTTLS", "S: 454 no"},
           {"S: 220 hi", "C: EHLO x", "S: 250 a", "C: AUTH PLAIN xx", "S: 535 wrong"},
           {"C: MAIL FROM:<a>", "S: 530 authenticate first"},
           {"C: MAIL FROM:<a>", "S: 503 bad sequence"},
           {}}) {
    const Outcome outcome = hear(lines);
    EXPECT_EQ(outcome.attempt.verdict, Verdict::unreachable);
    EXPECT_FALSE(outcome.attempt.session_ready);
  }
  EXPECT_EQ(hear({"S: 220 x", "C: AUTH PLAIN x", "S: 535 wrong"}).attempt.text, "535 wrong");
}

TEST(Dialogue, ALostLoginRefusesNothingAtAnyStep) {
  for (const std::string code : {"530", "534", "535", "538", "503"}) {
    const std::string no = "S: " + code + " log in first";
    const Outcome at_rcpt = hear({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", no});
    EXPECT_EQ(at_rcpt.attempt.verdict, Verdict::unreachable) << code;
    EXPECT_TRUE(at_rcpt.silent && at_rcpt.before_data) << "a fresh connection may do";
    EXPECT_TRUE(at_rcpt.attempt.session_ready) << "or else it is this mail: its lane waits";
    const Outcome at_data =
        hear({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 250 ok", "C: DATA", no});
    EXPECT_EQ(at_data.attempt.verdict, Verdict::unreachable) << code;
    const Outcome second = hear(
        {"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 550 no", "C: RCPT TO:<c>", no});
    EXPECT_EQ(second.attempt.verdict, Verdict::unreachable) << code;
    EXPECT_EQ(second.attempt.text, code + " log in first");
  }
}

TEST(Dialogue, SilenceIsUnknown) {
  Outcome outcome = hear({"C: MAIL FROM:<a>", "S: 250 ok"});
  EXPECT_EQ(outcome.attempt.verdict, Verdict::unreachable);
  EXPECT_TRUE(outcome.attempt.session_ready);
  EXPECT_TRUE(outcome.silent);
  EXPECT_TRUE(outcome.before_data);
  EXPECT_FALSE(outcome.attempt.maybe_taken);
  outcome = hear({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 250 ok", "C: DATA",
                  "S: 354 go", "."});
  EXPECT_EQ(outcome.attempt.verdict, Verdict::unreachable);
  EXPECT_FALSE(outcome.before_data);
  EXPECT_TRUE(outcome.attempt.maybe_taken);
  EXPECT_EQ(outcome.attempt.text, "broken; last heard: 354 go");
}

TEST(Dialogue, AHalfReplyIsNoReply) {
  EXPECT_EQ(verdict_of({"C: MAIL FROM:<a>", "S: 550-no"}), Verdict::unreachable);
}

TEST(Dialogue, OneOfSeveralRecipients) {
  const Outcome outcome =
      hear({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 550 no", "C: RCPT TO:<c>",
            "S: 250 ok", "C: DATA", "S: 354 go", ".", "S: 250 ok"});
  EXPECT_EQ(outcome.attempt.verdict, Verdict::taken);
  EXPECT_EQ(outcome.recipients[0].reply.code, 550);
  EXPECT_EQ(outcome.recipients[1].reply.code, 250);
  EXPECT_EQ(verdict_of({"C: MAIL FROM:<a>", "S: 250 ok", "C: RCPT TO:<b>", "S: 550 no",
                        "C: RCPT TO:<c>", "S: 451 later"}),
            Verdict::later);
}

TEST(Dialogue, TheFarSidesWordsAreBoundedAscii) {
  const std::string line = "S: 550 " + std::string(100'000, '\xff');
  const Outcome outcome = hear({"C: MAIL FROM:<a>", line});
  EXPECT_EQ(outcome.attempt.verdict, Verdict::refused);
  EXPECT_LE(outcome.attempt.text.size(), reply_text_bytes_max);
}

}  // namespace
}  // namespace alarmwire::outlets
