#include "edge/daemon/stick_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tunnel/bootstrap.hpp"

namespace alarmwire::edge {
namespace {

using namespace std::chrono_literals;
using provisioning::Note;
using provisioning::Step;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Kind = StickVerdict::Kind;

StickFinding stick_with(std::uint8_t secret) {
  StickFinding finding;
  finding.file = "alarmwire.toml";
  provisioning::Ticket ticket;
  ticket.secret.bytes.fill(secret);
  finding.document.emplace().ticket = ticket;
  finding.document->devices.resize(3);
  return finding;
}
tunnel::PublicKey key_of(std::uint8_t secret) {
  return tunnel::derive_bootstrap(stick_with(secret).document->ticket->secret).value().public_key;
}

// A box, and what becomes of it as the desk wishes.
class StickDeskTest : public ::testing::Test {
 protected:
  StickDeskTest() { box_.is_enrolled = false; }

  // What is to be told after some time; a ticket is taken as the daemon would.
  std::optional<StickVerdict> look(std::vector<StickSight> sights,
                                   std::chrono::seconds later = 2s) {
    now_ += later;
    std::optional<StickVerdict> told;
    for (const StickTask& task : desk_.look(sights, box_, now_)) {
      if (task.take) begin(*task.take->ticket);
      if (task.tell) told = task.tell;
    }
    return told;
  }
  std::optional<StickVerdict> look(std::uint8_t secret, std::chrono::seconds later = 2s) {
    return look({{"/s/a", stick_with(secret)}}, later);
  }
  void begin(const provisioning::Ticket& ticket) {
    ++taken_;
    ++box_.begun;
    box_.ticket = tunnel::derive_bootstrap(ticket.secret).value().public_key;
    at(Step::network, Note::no_answer, "192.0.2.1:51820");
  }
  void at(Step step, Note note, const std::string& detail = "") {
    box_.view.step = step;
    box_.view.note = note;
    box_.view.detail = detail;
    if (step == Step::done) box_.is_enrolled = true;
    if (step == Step::refused) box_.ticket.reset();
  }

  StickDesk desk_;
  StickBox box_;
  SteadyTime now_{};
  int taken_ = 0;
};

TEST_F(StickDeskTest, ATicketIsTakenOnceAndItsEndIsTold) {
  EXPECT_FALSE(look(1));
  EXPECT_EQ(taken_, 1);
  EXPECT_FALSE(look(1)) << "sticks wear";
  const auto waiting = look(1, 10s);
  ASSERT_TRUE(waiting);
  EXPECT_EQ(waiting->kind, Kind::not_yet);
  EXPECT_THAT(waiting->english.advice, HasSubstr("firewall"));
  EXPECT_FALSE(look(1, 60s)) << "nothing new to tell";
  box_.view.words = "a b c d e f";
  box_.id = "site-1";
  at(Step::done, Note::tested, "12");
  const auto over = look(1);
  ASSERT_TRUE(over) << "at once";
  EXPECT_EQ(over->kind, Kind::enrolled);
  EXPECT_THAT(over->english.text, HasSubstr("after 12 ms"));
  EXPECT_THAT(over->german.text, HasSubstr("nach 12 ms"));
  EXPECT_EQ(over->words, "a b c d e f");
  EXPECT_EQ(over->box, "site-1");
  EXPECT_EQ(over->devices, 3U);
  EXPECT_FALSE(look(1, 600s));
  EXPECT_EQ(taken_, 1);
}

TEST_F(StickDeskTest, ARefusedTicketIsNotTriedAgainUntilTheStickWasAway) {
  look(1);
  at(Step::refused, Note::ticket_used);
  const auto over = look(1);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->kind, Kind::refused);
  EXPECT_THAT(over->english.text, HasSubstr("another box"));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(look(1, 60s));
  EXPECT_EQ(taken_, 1);
  look(std::vector<StickSight>{});
  look(1);
  EXPECT_EQ(taken_, 2);
}

TEST_F(StickDeskTest, ANewFileOnTheSameStickIsTried) {
  look(1);
  at(Step::refused, Note::ticket_expired);
  look(1);
  look(2);
  EXPECT_EQ(taken_, 2);
}

TEST_F(StickDeskTest, AnEnrolledBoxTakesNone) {
  box_.is_enrolled = true;
  box_.ticket = key_of(1);
  box_.id = "site-1";
  at(Step::done, Note::joined);
  const auto other = look(2);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->kind, Kind::not_taken);
  EXPECT_THAT(other->english.text, HasSubstr("enrolled already"));
  EXPECT_FALSE(look(2, 60s));
  const auto own = look(1);
  ASSERT_TRUE(own) << "its own stick hears how it is";
  EXPECT_EQ(own->kind, Kind::enrolled);
  EXPECT_EQ(taken_, 0);
}

TEST_F(StickDeskTest, AfterAPowerCutItGoesOnWithWhatTheTunnelHas) {
  box_.ticket = key_of(1);
  at(Step::network, Note::no_answer, "192.0.2.1:51820");
  EXPECT_FALSE(look(1));
  EXPECT_EQ(taken_, 0) << "it is under way already";
  at(Step::done, Note::tested, "9");
  EXPECT_EQ(look(1)->kind, Kind::enrolled);
}

TEST_F(StickDeskTest, WaitsForTheTunnelDaemon) {
  box_.is_enrolled.reset();
  EXPECT_FALSE(look(1));
  EXPECT_THAT(look(1, 10s)->english.text, HasSubstr("alarmwire-tunnel"));
  EXPECT_EQ(taken_, 0);
  box_.is_enrolled = false;
  look(1);
  EXPECT_EQ(taken_, 1);
}

// Forgotten in the box, it must not push aside the ticket a person gave by another way.
TEST_F(StickDeskTest, AStickThatWasThereAtTheStartWaitsForOthers) {
  box_.ticket = key_of(2);
  at(Step::approval, Note::approval, "site-2");
  look(1);
  EXPECT_THAT(look(1, 10s)->english.text, HasSubstr("another ticket"));
  EXPECT_EQ(taken_, 0);
  look(std::vector<StickSight>{});
  look(1);
  EXPECT_EQ(taken_, 1) << "put in again it is a wish";
}

TEST_F(StickDeskTest, TwoSticksTakeTurns) {
  const std::vector<StickSight> both{{"/s/a", stick_with(1)}, {"/s/b", stick_with(2)}};
  look(both);
  look(both, 60s);
  EXPECT_EQ(taken_, 1);
  EXPECT_EQ(box_.ticket, key_of(1));
  at(Step::refused, Note::ticket_expired);
  look(both);
  look(both);
  EXPECT_EQ(taken_, 2);
  EXPECT_EQ(box_.ticket, key_of(2));
}

TEST_F(StickDeskTest, AnotherTicketMeanwhileEndsIt) {
  look(1);
  ++box_.begun;  // the page, or the command
  const auto over = look(1);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->kind, Kind::not_taken);
  EXPECT_THAT(over->english.text, HasSubstr("another ticket meanwhile"));
  EXPECT_THAT(over->words, IsEmpty());
}

TEST_F(StickDeskTest, WhatCannotBeReadIsToldAtOnce) {
  const auto told = look({{"/s/a", {"alarmwire.toml", {}, "it is a link\x1b[2J\nfile:2"}}});
  ASSERT_TRUE(told);
  const std::string text = to_text(*told, 1'764'022'500'123'000);
  EXPECT_THAT(text, AllOf(HasSubstr("verdict: not taken\r\n"),
                          HasSubstr("time:    2025-11-24T22:15:00.123Z (the box's clock)\r\n"),
                          HasSubstr("file:    alarmwire.toml\r\n"),
                          HasSubstr("cannot be taken: it is a link\\x1b[2J\\nfile:2"),
                          HasSubstr("nicht zu gebrauchen"), Not(HasSubstr("box:"))));
  EXPECT_FALSE(look({{"/s/a", {"alarmwire.toml", {}, "it is a link\x1b[2J\nfile:2"}}}, 60s));
}

}  // namespace
}  // namespace alarmwire::edge
