// The outlet against a real server on loopback, that fails each step in turn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "receiver/outlets/note_keeper.hpp"
#include "receiver/outlets/tests/smtp_outlet_fixture.hpp"

namespace alarmwire::outlets {
namespace {

TEST_F(SmtpOutletTest, HandsOverAndNotesIt) {
  serve();
  start();
  const auto position = add("Subject: Alarm\n\n.\n..dots\nbare\rend");
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  const auto mail = server_->mails().at(0);
  EXPECT_EQ(mail.from, "cam1@site-a.internal");
  EXPECT_THAT(mail.to, ElementsAre("cam1@site-a.internal"));
  EXPECT_THAT(mail.body,
              ::testing::EndsWith("Subject: Alarm\r\n\r\n.\r\n..dots\r\nbare\r\nend\r\n"));
  EXPECT_THAT(mail.body, HasSubstr("X-Alarmwire-Box: site-a\r\n"));
  EXPECT_THAT(ledger_.hand_over(position).text, HasSubstr("queued as 1234"));
  const auto marks = ledger_.stages(ledger_.at(position)->header.id);
  ASSERT_EQ(marks->size(), 1u);
  EXPECT_EQ(marks->at(0).stage, ledger::Stage::handed_over);
  EXPECT_EQ(marks->at(0).outlet, "ebues");
  EXPECT_EQ(outlet_->status().taken, 1u);
  EXPECT_EQ(outlet_->status().waiting, 0u);
}

TEST_F(SmtpOutletTest, WhatWaitedBeforeTheStartGoesInOrder) {
  config_.connections = 1;
  serve();
  for (int i = 0; i < 1500; ++i) add("Subject: " + std::to_string(i) + "\r\n\r\n");
  start();
  ASSERT_TRUE(server_->wait_mails(1500, 20'000));
  const auto mails = server_->mails();
  for (int i = 0; i < 1500; ++i)
    ASSERT_THAT(mails[static_cast<std::size_t>(i)].body,
                HasSubstr("\r\nSubject: " + std::to_string(i) + "\r\n"));
  ASSERT_TRUE(eventually([&] { return ledger_.count(HandOverState::taken) == 1500; }));
  EXPECT_EQ(server_->connections(), 1) << "one connection, kept";
  EXPECT_THAT(mails[0].body, HasSubstr("X-Alarmwire-Mark: repeat\r\n"));
  EXPECT_THAT(mails[1000].body, ::testing::Not(HasSubstr("repeat")));
}

TEST_F(SmtpOutletTest, ASmuggledSecondMailIsText) {
  serve();
  start();
  for (const std::string end : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r\n", "\r\n.\r\r\n"})
    add("Subject: x\r\n\r\na" + end +
        "MAIL FROM:<x@y>\r\nRCPT TO:<cam1@site-b.internal>\r\nDATA\r\n");
  ASSERT_TRUE(server_->wait_mails(6));
  ASSERT_TRUE(eventually([&] { return ledger_.count(HandOverState::taken) == 6; }));
  EXPECT_EQ(server_->mails().size(), 6u);
  EXPECT_EQ(server_->count("MAIL"), 6);
}

TEST_F(SmtpOutletTest, LargeMailsFlowInPieces) {
  serve();
  start();
  std::string body = "Subject: large\r\n\r\n";
  while (body.size() < 25u * 1024 * 1024) body += std::string(76, 'x') + "\r\n.dot\r\n";
  const auto position = add(body);
  ASSERT_TRUE(becomes(position, HandOverState::taken, 30s));
  EXPECT_THAT(server_->mails().at(0).body.size(), ::testing::Ge(body.size()));
  EXPECT_TRUE(
      server_->mails().at(0).body.substr(server_->mails().at(0).body.size() - body.size()) == body);
  EXPECT_LE(ledger_.body_bytes_max_read(), 64u * 1024);
}

// Each step says no for now, once: the mail comes through, once.
class EachStep : public StepTest {};

TEST_P(EachStep, PutOffOnceComesThrough) {
  serve(fail(step(), "451 4.3.0 not now", 1));
  start();
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 1u);
}

TEST_P(EachStep, ServiceClosingOnceComesThrough) {
  serve(fail(step(), "421 4.3.2 closing", 1));
  start();
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 1u);
}

TEST_P(EachStep, HangingUpOnceComesThrough) {
  serve(fail(step(), ScriptedServer::hang_up, 1));
  start();
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 1u);
}

TEST_P(EachStep, SilenceEndsByTheTimeLimit) {
  config_.connect_timeout = 300ms;
  config_.total_timeout = 300ms;
  serve(fail(step(), ScriptedServer::silence, 1));
  start();
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
}

INSTANTIATE_TEST_SUITE_P(All, EachStep,
                         ::testing::Combine(::testing::Values("connect", "EHLO", "MAIL", "RCPT",
                                                              "DATA", "dot"),
                                            ::testing::Bool()));

class MailStep : public StepTest {};

TEST_P(MailStep, RefusedForGoodIsReportedAndTheNextGoes) {
  serve(fail(step(), "550 5.7.1 unknown source", 1));
  start();
  const auto first = add();
  const auto second = add();
  ASSERT_TRUE(becomes(first, HandOverState::refused));
  ASSERT_TRUE(becomes(second, HandOverState::taken));
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("site-a outlet-refused | ebues: "));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("550 5.7.1 unknown source"));
  const auto marks = ledger_.stages(ledger_.at(first)->header.id);
  ASSERT_EQ(marks->size(), 1u);
  EXPECT_EQ(marks->at(0).stage, ledger::Stage::refused);
}

TEST_P(MailStep, PutOffForEverIsParkedAndComesBackByRetry) {
  const std::string at = step();
  serve([at](const Event& event) {
    return event.step == at && event.count <= 10 ? "451 4.3.0 not now" : "";
  });
  config_.connections = 1;
  start();
  const auto first = add();
  ASSERT_TRUE(becomes(first, HandOverState::parked));
  EXPECT_EQ(ledger_.hand_over(first).tries, 10u);
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("outlet-parked | ebues: "));
  EXPECT_EQ(outlet_->status().parked, 1u);
  EXPECT_EQ(outlet_->retry("site-b").value(), 0u);
  EXPECT_EQ(outlet_->retry("").value(), 1u);
  ASSERT_TRUE(becomes(first, HandOverState::taken));
  EXPECT_THAT(faults_.lines().back(), HasSubstr("outlet-parked over | ebues: "));
}

INSTANTIATE_TEST_SUITE_P(All, MailStep,
                         ::testing::Combine(::testing::Values("MAIL", "RCPT", "DATA", "dot"),
                                            ::testing::Bool()));

TEST_F(SmtpOutletTest, AnotherBoxIsNotHeldByOneThatIsPutOff) {
  limits_.later_first = 10s;
  limits_.later_most = 10s;
  serve([](const Event& event) {
    return event.step == "RCPT" && event.line.find("site-a") != std::string::npos ? "451 full" : "";
  });
  start();
  const auto held = add();
  const auto free = add("Subject: b\r\n\r\n", "site-b");
  ASSERT_TRUE(becomes(free, HandOverState::taken));
  EXPECT_EQ(ledger_.hand_over(held).state, HandOverState::waiting);
}

TEST_F(SmtpOutletTest, TakenButNoAnswerIsSentAgainMarkedAsRepeat) {
  serve(fail("dot", "!take and hang up", 1));
  start();
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  ASSERT_EQ(server_->mails().size(), 2u);
  EXPECT_THAT(server_->mails()[0].body, ::testing::Not(HasSubstr("X-Alarmwire-Mark")));
  EXPECT_THAT(server_->mails()[1].body, HasSubstr("X-Alarmwire-Mark: repeat\r\n"));
}

TEST_F(SmtpOutletTest, AnIdleConnectionThatWasClosedIsNoFailure) {
  config_.connections = 1;
  limits_.stop_first = 10s;  // a counted failure would be noticed
  serve();
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  for (int i = 0; i < 3; ++i) {
    server_->drop_connections();
    std::this_thread::sleep_for(20ms);
    ASSERT_TRUE(becomes(add(), HandOverState::taken, 2s));
  }
  EXPECT_EQ(server_->connections(), 4);
}

TEST_F(SmtpOutletTest, A421OnAReusedConnectionIsNoFailure) {
  config_.connections = 1;
  limits_.stop_first = 10s;
  serve([](const Event& event) {
    return event.step == "MAIL" && event.count == 2 ? "421 idle too long" : "";
  });
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  ASSERT_TRUE(becomes(add(), HandOverState::taken, 2s));
}

TEST_F(SmtpOutletTest, AnUnreachableServerIsReportedAndItsEnd) {
  serve();
  const std::uint16_t port = server_->port();
  server_.reset();
  start();
  const auto position = add();
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("centre outlet-stalled | ebues | 127.0.0.1:"));
  EXPECT_TRUE(outlet_->status().stopped);
  EXPECT_NE(outlet_->status().oldest_waiting_us, 0);
  server_ = std::make_unique<ScriptedServer>(ScriptedServer::Rule(), ScriptedServer::Security::none,
                                             port);
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 2; }));
  EXPECT_THAT(faults_.lines()[1], HasSubstr("centre outlet-stalled over"));
  EXPECT_FALSE(outlet_->status().stopped);
}

TEST_F(SmtpOutletTest, ARefusedFaultMailDoesNotBreedAnother) {
  serve(fail("RCPT", "550 no such source"));
  faults_.then_ = [this](const BoxId& box, const std::string& code, const std::string& subject,
                         const std::string& reason, bool over) {
    Envelope envelope;
    envelope.kind = over ? RecordKind::fault_end : RecordKind::fault;
    envelope.fault_code = code;
    envelope.fault_subject = subject;
    envelope.fault_reason = reason;
    ledger_.book_own(box, AlarmId::make(1), envelope, [](const auto&) {});
  };
  start();
  add();
  ASSERT_TRUE(becomes(1, HandOverState::refused));
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  outlet_->stored(ledger_.at(2).value());
  ASSERT_TRUE(becomes(2, HandOverState::refused));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(faults_.lines().size(), 1u);
}

TEST_F(SmtpOutletTest, FaultsGoAsTextMailsFromTheBox) {
  serve();
  start();
  Envelope envelope;
  envelope.kind = RecordKind::fault;
  envelope.fault_code = "tunnel-silent";
  envelope.fault_reason = "nothing heard for 20 s";
  outlet_->stored(ledger_.add("site-a", Lane::fault, envelope, ""));
  ASSERT_TRUE(server_->wait_mails(1));
  const auto mail = server_->mails()[0];
  EXPECT_EQ(mail.from, "box@site-a.internal");
  EXPECT_THAT(mail.to, ElementsAre("box@site-a.internal"));
  EXPECT_THAT(mail.body, HasSubstr("Content-Type: text/plain; charset=UTF-8\r\n"));
  EXPECT_THAT(mail.body, HasSubstr("nothing heard for 20 s"));
}

TEST_F(SmtpOutletTest, OneOfSeveralAddressesRefused) {
  serve([](const Event& event) {
    return event.step == "RCPT" && event.line.find("cam2") != std::string::npos ? "550 no" : "";
  });
  start();
  outlet_->stored(ledger_.add("site-a", Lane::alarm,
                              mail_to({"cam1@site-a.internal", "cam2@site-a.internal"}),
                              "Subject: x\r\n\r\n"));
  ASSERT_TRUE(becomes(1, HandOverState::taken));
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("outlet-refused"));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("cam2@site-a.internal: 550 no"));
  EXPECT_THAT(server_->mails().at(0).to, ElementsAre("cam1@site-a.internal"));
}

TEST_F(SmtpOutletTest, OneOfSeveralAddressesPutOffGetsItAlone) {
  serve([](const Event& event) {
    return event.step == "RCPT" && event.count == 2 ? "451 greylisted" : "";
  });
  start();
  outlet_->stored(ledger_.add("site-a", Lane::alarm,
                              mail_to({"cam1@site-a.internal", "cam2@site-a.internal"}),
                              "Subject: x\r\n\r\n"));
  ASSERT_TRUE(becomes(1, HandOverState::taken));
  ASSERT_EQ(server_->mails().size(), 2u);
  EXPECT_THAT(server_->mails()[0].to, ElementsAre("cam1@site-a.internal"));
  EXPECT_THAT(server_->mails()[1].to, ElementsAre("cam2@site-a.internal"));
}

TEST_F(SmtpOutletTest, ALedgerThatCannotBeReadSendsNoHalfMail) {
  serve();
  ledger_.fail_reads(2);
  start();
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 1u);
}

TEST_F(SmtpOutletTest, NotesAreWrittenAgainWhenTheLedgerIsBusy) {
  serve();
  start();
  ledger_.fail_writes(3);
  const auto position = add();
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  ASSERT_TRUE(
      eventually([&] { return ledger_.stages(ledger_.at(position)->header.id)->size() == 1; }));
  EXPECT_EQ(server_->mails().size(), 1u);
}

TEST_F(SmtpOutletTest, TestMailsGoOnlyToTheTestAddress) {
  serve();
  start();
  EXPECT_FALSE(outlet_->test());
  outlet_->stored(
      ledger_.add("site-a", Lane::routine, mail_to({"Alarmwire-Test@site-a.internal"}), "x"));
  ASSERT_TRUE(becomes(1, HandOverState::skipped));
  outlet_->stop();
  config_.test_address = "probe@ebues.internal";
  start();
  EXPECT_THAT(outlet_->test().value(), HasSubstr("250"));
  outlet_->stored(
      ledger_.add("site-a", Lane::routine, mail_to({"alarmwire-test@site-a.internal"}), "x"));
  ASSERT_TRUE(becomes(2, HandOverState::taken));
  for (const auto& mail : server_->mails())
    EXPECT_THAT(mail.to, ElementsAre("probe@ebues.internal"));
}

TEST_F(SmtpOutletTest, ATestAddressBesideARealOneKeepsNoAlarmBack) {
  config_.test_address = "probe@ebues.internal";
  serve();
  start();
  outlet_->stored(ledger_.add("site-a", Lane::alarm,
                              mail_to({"alarmwire-test@site-a.internal", "cam1@site-a.internal"}),
                              "Subject: x\r\n\r\n"));
  ASSERT_TRUE(becomes(1, HandOverState::taken));
  EXPECT_THAT(server_->mails().at(0).to, ElementsAre("cam1@site-a.internal"));
  EXPECT_THAT(server_->mails().at(0).body, ::testing::Not(HasSubstr("X-Alarmwire-Mark")));
}

TEST_F(SmtpOutletTest, AMailWithoutAnyAddressIsNoTest) {
  serve();
  start();
  outlet_->stored(ledger_.add("site-a", Lane::alarm, mail_to({}), "Subject: x\r\n\r\n"));
  ASSERT_TRUE(becomes(1, HandOverState::taken));
}

class LostLogin : public SmtpOutletTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(LostLogin, RefusesNoAlarm) {
  serve(fail(GetParam(), "530 5.7.0 authentication required", 3));
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 1u);
  EXPECT_EQ(outlet_->status().refused, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, LostLogin, ::testing::Values("MAIL", "RCPT", "DATA"));

TEST_F(SmtpOutletTest, ALoginLostWhileIdleIsMendedAtOnceByAFreshConnection) {
  config_.connections = 1;
  limits_.stop_first = 10s;  // a counted failure would be noticed
  serve([](const Event& event) {
    return event.step == "RCPT" && event.count == 2 ? "530 5.7.0 log in first" : "";
  });
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  ASSERT_TRUE(becomes(add(), HandOverState::taken, 2s));
  EXPECT_EQ(server_->connections(), 2);
}

TEST_F(SmtpOutletTest, ALoginLostBetweenTwoAddressesSettlesNeither) {
  serve([](const Event& event) {
    return event.step == "RCPT" && event.count == 2 ? "530 5.7.0 log in first" : "";
  });
  start();
  outlet_->stored(ledger_.add("site-a", Lane::alarm,
                              mail_to({"cam1@site-a.internal", "cam2@site-a.internal"}),
                              "Subject: x\r\n\r\n"));
  ASSERT_TRUE(becomes(1, HandOverState::taken));
  ASSERT_EQ(server_->mails().size(), 2u);
  EXPECT_THAT(server_->mails()[1].to, ElementsAre("cam2@site-a.internal"));
  EXPECT_TRUE(faults_.lines().empty());
}

TEST_F(SmtpOutletTest, AReplayIsMarkedAsAPossibleRepeat) {
  serve();
  start();
  outlet_->stored(ledger_.add("site-a", Lane::alarm, mail_to({"cam1@site-a.internal"}),
                              "Subject: x\r\n\r\n", true));
  ASSERT_TRUE(server_->wait_mails(1));
  EXPECT_THAT(server_->mails()[0].body, HasSubstr("X-Alarmwire-Mark: repeat\r\n"));
}

TEST_F(SmtpOutletTest, ALateNoteThatItWaitsDoesNotUndoThatItWasTaken) {
  serve();
  const auto position = add();
  const auto keeper = std::make_shared<NoteKeeper>(ledger_, "ebues");
  const auto record = ledger_.at(position);
  const auto write = [&](HandOverState state, bool lasting) {
    ledger::HandOver hand_over = ledger_.hand_over(position);
    hand_over.state = state;
    keeper->write({record->box, record->header.id, std::nullopt, hand_over, lasting});
  };
  ledger_.fail_writes(1);
  write(HandOverState::waiting, false);
  write(HandOverState::taken, true);
  keeper->write_delayed();
  EXPECT_EQ(ledger_.hand_over(position).state, HandOverState::taken);
  ledger_.fail_writes(1);
  write(HandOverState::parked, true);
  keeper->write_delayed();
  EXPECT_EQ(ledger_.hand_over(position).state, HandOverState::parked);
}

TEST_F(SmtpOutletTest, ALedgerThatStaysUnreadableIsAFaultAndItsEndIsTold) {
  limits_.ledger_unreadable_after = 600ms;
  serve();
  ledger_.fail_lists(true);
  start();
  const auto position = add();
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  EXPECT_EQ(faults_.lines()[0], "centre ledger-unreadable | ebues | the disk says no");
  ledger_.fail_lists(false);
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 2; }));
  EXPECT_THAT(faults_.lines()[1], HasSubstr("centre ledger-unreadable over | ebues"));
}

TEST_F(SmtpOutletTest, ALedgerUnreadableForAMomentIsNoFault) {
  serve();
  ledger_.fail_lists(true);
  start();
  const auto position = add();
  std::this_thread::sleep_for(50ms);
  ledger_.fail_lists(false);
  ASSERT_TRUE(becomes(position, HandOverState::taken));
  EXPECT_TRUE(faults_.lines().empty());
}

TEST_F(SmtpOutletTest, AHangingTestHoldsUpNeitherStatusNorStop) {
  config_.test_address = "probe@ebues.internal";
  config_.connections = 1;
  serve(fail("MAIL", ScriptedServer::silence));
  start();
  add();  // the mail in hand hangs as well
  std::thread test([this] { EXPECT_FALSE(outlet_->test()); });
  ASSERT_TRUE(eventually([&] { return server_->count("MAIL") == 2; }));
  SteadyTime before = steady_now();
  EXPECT_EQ(outlet_->status().waiting, 1u);
  EXPECT_LT(steady_now() - before, 200ms);
  before = steady_now();
  outlet_->stop();
  EXPECT_LT(steady_now() - before, 2'600ms);
  test.join();
  EXPECT_TRUE(outlet_->test().error().is(Errc::closed));
}

TEST_F(SmtpOutletTest, StoppingFinishesTheMailInHandAndIsQuick) {
  serve(fail("dot", ScriptedServer::silence));
  start();
  const auto position = add();
  ASSERT_TRUE(eventually([&] { return server_->count("dot") == 1; }));
  const SteadyTime before = steady_now();
  outlet_->stop();
  EXPECT_LT(steady_now() - before, 2'600ms);
  EXPECT_EQ(ledger_.hand_over(position).state, HandOverState::waiting);
}

TEST_F(SmtpOutletTest, AMailRefusedWhileItIsSentIsRefusedByWhatWasSaid) {
  serve(fail("body", "552 5.3.4 too large", 1));
  start();
  const auto large = add("Subject: x\r\n\r\n" + std::string(8u << 20, 'x') + "\r\n");
  ASSERT_TRUE(becomes(large, HandOverState::refused));
  EXPECT_THAT(ledger_.hand_over(large).text, HasSubstr("552 5.3.4 too large"));
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
}

TEST_F(SmtpOutletTest, AYesBeforeTheMailIsAllThereIsNone) {
  serve(fail("body", "250 2.0.0 fine", 1));
  start();
  const auto large = add("Subject: x\r\n\r\n" + std::string(8u << 20, 'x') + "\r\n");
  ASSERT_TRUE(becomes(large, HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 1u) << "only what was there to the final dot counts";
}

TEST_F(SmtpOutletTest, ManyBoxesAtOnceOverSeveralConnections) {
  config_.connections = 4;
  serve();
  start();
  for (int i = 0; i < 400; ++i) add("Subject: x\r\n\r\n", "box" + std::to_string(i % 50));
  ASSERT_TRUE(eventually([&] { return ledger_.count(HandOverState::taken) == 400; }, 10s));
  EXPECT_EQ(server_->mails().size(), 400u);
}

}  // namespace
}  // namespace alarmwire::outlets
