// What devices do beside the standard: each as a dialogue, replayed whole, byte by byte and at
// random cuts. Taken by default or by a switch of the device, noted, and refused where a switch
// says so.
#include <gtest/gtest.h>

#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {
namespace {

const std::string header = "Date: x\r\nMessage-ID: <a@b>\r\nMIME-Version: 1.0\r\n\r\n";
const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";
const std::string data = "DATA\r\n" + header + "hi\r\n.\r\n";
const std::string sent = "250:2.1.0 250:2.1.5 354 250:2.0.0";

struct Case {
  Quirk quirk;
  std::string bytes;
  std::string codes;       // behind the greeting, as taken
  std::string refused_by;  // the first reply that differs where the device is not to do it
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << to_string(value.quirk);
}

class Taken : public testing::TestWithParam<Case> {};

TEST_P(Taken, IsNotedAndTheMailIsTaken) {
  const Transcript transcript = replay_all_ways(GetParam().bytes);
  EXPECT_EQ(codes(transcript.replies), "220 " + GetParam().codes);
  EXPECT_TRUE(transcript.quirks.has(GetParam().quirk));
  EXPECT_TRUE(transcript.lost.empty());
}

TEST_P(Taken, IsRefusedWhereTheDeviceIsNotToDoIt) {
  const QuirkFacts facts = quirk_facts.at(static_cast<std::size_t>(GetParam().quirk));
  Setting setting;
  setting.device.refused.add(GetParam().quirk);
  const Transcript transcript = replay_all_ways(GetParam().bytes, setting);
  ASSERT_EQ(facts.refusable, !GetParam().refused_by.empty());
  if (!facts.refusable) {
    EXPECT_EQ(codes(transcript.replies), "220 " + GetParam().codes);
    return;
  }
  const std::string named =
      GetParam().refused_by + " not taken from this device: " + std::string(facts.name) + "\r\n";
  EXPECT_NE(transcript.replies.find(named), std::string::npos) << transcript.replies;
}

TEST(Quirks, ADeviceThatKeepsToTheStandardHasNone) {
  const Transcript transcript = replay_all_ways("EHLO cam.internal\r\n" + mail + rcpt + data +
                                                mail + rcpt + data + "RSET\r\nQUIT\r\n");
  EXPECT_EQ(codes(transcript.replies), "220 250 " + sent + " " + sent + " 250:2.0.0 221:2.0.0");
  EXPECT_EQ(transcript.quirks, QuirkSet{});
}

INSTANTIATE_TEST_SUITE_P(
    Commands, Taken,
    testing::Values(
        Case{Quirk::no_greeting, mail + rcpt + data, sent, "501 5.5.2"},
        Case{Quirk::no_helo_name, "HELO\r\n" + mail + rcpt + data, "250 " + sent, "501 5.5.2"},
        Case{Quirk::odd_helo_name, "EHLO RT_IPC cam 7\r\n" + mail + rcpt + data, "250 " + sent,
             "501 5.5.2"},
        Case{Quirk::helo_after_ehlo,
             "EHLO localhost\r\nHELO localhost\r\nAUTH LOGIN\r\ndQ==\r\ncA==\r\n" + mail + rcpt +
                 data,
             "250 250 334 334 235:2.7.0 " + sent, "501 5.5.2"},
        Case{Quirk::bare_lf,
             "EHLO cam\nMAIL FROM:<cam@edge.internal>\nRCPT TO:<alarm@edge.internal>\n" + data +
                 "QUIT\n",
             "250 " + sent + " 221:2.0.0", "501 5.5.2"},
        Case{Quirk::blank_before_colon, "HELO x\r\nMAIL FROM :<a@b>\r\n" + rcpt + data,
             "250 " + sent, "501 5.5.2"},
        Case{Quirk::no_colon, "HELO x\r\nMAIL FROM <a@b>\r\n" + rcpt + data, "250 " + sent,
             "501 5.5.2"},
        Case{Quirk::no_brackets,
             "HELO x\r\nmail from: HP4345ACC@edge.internal  \r\nrcpt to: alarm@edge.internal\r\n" +
                 data,
             "250 " + sent, "501 5.5.2"},
        Case{Quirk::display_name, "HELO x\r\nMAIL FROM:\"Camera 1\" <a@b>\r\n" + rcpt + data,
             "250 " + sent, "501 5.5.2"},
        Case{Quirk::no_domain, "HELO x\r\n" + mail + "RCPT TO:<alarm>\r\n" + data, "250 " + sent,
             "501 5.5.2"},
        Case{Quirk::no_sender_domain, "HELO x\r\nMAIL FROM:<T-Link 123456>\r\n" + rcpt + data,
             "250 " + sent, "501 5.5.2"},
        Case{Quirk::empty_sender, "HELO x\r\nMAIL FROM:\r\n" + rcpt + data, "250 " + sent,
             "501 5.5.2"},
        Case{Quirk::not_utf8, "HELO x\r\nMAIL FROM:<T\xfcr@b>\r\n" + rcpt + data, "250 " + sent,
             "501 5.5.2"},
        Case{Quirk::unknown_parameter, "HELO x\r\nMAIL FROM:<a@b> FOO=bar\r\n" + rcpt + data,
             "250 " + sent, "501 5.5.2"},
        Case{Quirk::auth_not_offered,
             "HELO localhost\r\nAUTH LOGIN dXNlcg==\r\ncGFzcw==\r\n" + mail + rcpt + data,
             "250 334 235:2.7.0 " + sent, "501 5.5.2"}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

const std::string start = "EHLO cam\r\n" + mail + rcpt + "DATA\r\n";

INSTANTIATE_TEST_SUITE_P(
    Content, Taken,
    testing::Values(
        Case{Quirk::bare_lf_in_content, start + header + "a\nb\n\nc\r\n.\r\n", "250 " + sent, ""},
        Case{Quirk::wrong_size, "EHLO cam\r\nMAIL FROM:<a@b> SIZE=3\r\n" + rcpt + data,
             "250 " + sent, ""},
        Case{Quirk::no_headers, start + "Motion detected\r\n.\r\n", "250 " + sent, ""},
        Case{Quirk::no_date, start + "Message-ID: <a@b>\r\nMIME-Version: 1.0\r\n\r\nx\r\n.\r\n",
             "250 " + sent, ""},
        Case{Quirk::no_message_id, start + "Date: x\r\nMIME-Version: 1.0\r\n\r\nx\r\n.\r\n",
             "250 " + sent, ""},
        Case{Quirk::no_mime_version, start + "Date: x\r\nMessage-ID: <a@b>\r\n\r\nx\r\n.\r\n",
             "250 " + sent, ""},
        Case{Quirk::undeclared_8bit, start + header + "T\xc3\xbcr\r\n.\r\n", "250 " + sent, ""},
        Case{Quirk::long_line, start + header + std::string(999, 'x') + "\r\n.\r\n", "250 " + sent,
             ""}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

// --- LF alone behind every line ---

const std::string lf_start =
    "EHLO cam\nMAIL FROM:<cam@edge.internal>\nRCPT TO:<alarm@edge.internal>\nDATA\n";

TEST(LfOnly, EndsTheMailAtLfDotLfAndTakesTheNext) {
  const Transcript transcript =
      replay_all_ways(lf_start + "Subject: x\n\n..dot\nhi\n.\n" + lf_start.substr(9) + ".\nQUIT\n");
  EXPECT_EQ(codes(transcript.replies), "220 250 " + sent + " " + sent + " 221:2.0.0");
  ASSERT_EQ(transcript.mails.size(), 2u);
  EXPECT_EQ(transcript.mails[0].body, "Subject: x\n\n.dot\nhi\n");
  EXPECT_EQ(transcript.mails[1].body, "");
  EXPECT_TRUE(transcript.quirks.has(Quirk::lf_only));
}

// One line that ended in CRLF, anywhere before, and LF.LF is content.
class NotLfOnly : public testing::TestWithParam<std::string> {};

TEST_P(NotLfOnly, LfDotLfEndsNothing) {
  const std::string evil = "MAIL FROM:<evil@edge.internal>\nRCPT TO:<alarm@edge.internal>\nDATA\n";
  const Transcript transcript =
      replay_all_ways(GetParam() + "\n.\n" + evil + "evil\n.\n" + "\r\n.\r\nNOOP\r\n");
  ASSERT_EQ(transcript.mails.size(), 1u) << transcript.replies;
  EXPECT_NE(transcript.mails[0].body.find(evil), std::string::npos);
  EXPECT_TRUE(transcript.replies.ends_with("250 2.0.0 ok\r\n"));
  EXPECT_FALSE(transcript.quirks.has(Quirk::lf_only));
}

INSTANTIATE_TEST_SUITE_P(Sessions, NotLfOnly,
                         testing::Values("EHLO cam\r\n" + lf_start.substr(9) + "Subject: x\n\nhi",
                                         "NOOP\r\n" + lf_start + "Subject: x\n\nhi",
                                         lf_start.substr(0, lf_start.size() - 1) +
                                             "\r\nSubject: x\n\nhi",
                                         lf_start + "Subject: x\r\n\nhi",
                                         lf_start + "Subject: x\n\nhi\r\nho"));

// Mixed forms end nothing, in LF mode either; from the CRLF on CRLF.CRLF does.
TEST(LfOnly, LfDotCrLfIsContent) {
  const Transcript transcript = replay_all_ways(lf_start + "a\n.\r\nb\n.\nc\r\n.\r\n");
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].body, "a\n\r\nb\n.\nc\r\n");
}

TEST(LfOnly, CanBeRefusedForADevice) {
  Setting setting;
  setting.device.refused.add(Quirk::lf_only);
  const Transcript transcript = replay_all_ways(lf_start + "a\n.\nb\r\n.\r\n", setting);
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].body, "a\n.\nb\r\n");
}

// --- the rest ---

TEST(Quirks, ForeignRecipientsAreTakenByTheDevicesSwitchOnly) {
  Setting setting;
  setting.device.foreign_recipients = true;
  const std::string bytes = "EHLO cam\r\n" + mail + "RCPT TO:<guard@gmail.com>\r\n" + data;
  const Transcript taken = replay_all_ways(bytes, setting);
  EXPECT_EQ(codes(taken.replies), "220 250 " + sent);
  EXPECT_EQ(taken.mails.at(0).envelope.recipients, std::vector<std::string>{"guard@gmail.com"});
  EXPECT_TRUE(taken.quirks.has(Quirk::foreign_recipient));
  EXPECT_EQ(taken.remarks, std::vector<std::string>{"SMTP_FOREIGN_RECIPIENT"});
  const Transcript refused = replay_all_ways(bytes);
  EXPECT_EQ(codes(refused.replies), "220 250 250:2.1.0 550:5.7.1 554:5.5.1 554:5.5.1");
  EXPECT_FALSE(refused.quirks.has(Quirk::foreign_recipient));
}

TEST(Quirks, AConnectionThatJustEndsIsNotedAndLosesNothing) {
  Setting setting;
  setting.ending = Ending::disconnect;
  const Transcript transcript = replay_all_ways("EHLO cam\r\n" + mail + rcpt + data, setting);
  EXPECT_TRUE(transcript.quirks.has(Quirk::no_quit));
  EXPECT_TRUE(transcript.lost.empty());
}

TEST(Quirks, ALateQuitIsAnswered) {
  const Transcript transcript =
      replay_all_ways("EHLO cam\r\n" + mail + rcpt + data + "\r\nNOOP\r\nQUIT\r\n");
  EXPECT_EQ(codes(transcript.replies), "220 250 " + sent + " 500:5.5.1 250:2.0.0 221:2.0.0");
}

// All of it before a single reply: greeting, envelope, the payload before the 354, QUIT.
TEST(Quirks, EverythingIsSentWithoutWaiting) {
  const Transcript transcript =
      replay_all_ways("EHLO RT-IPC\r\n" + mail + rcpt + data + mail + rcpt + data + "QUIT\r\n");
  EXPECT_EQ(codes(transcript.replies), "220 250 " + sent + " " + sent + " 221:2.0.0");
}

TEST(Quirks, AfterARefusalAnEmptyLineAndAnotherTryAreTaken) {
  const Transcript transcript =
      replay_all_ways("EHLO cam\r\n" + mail + "RCPT TO:<a@gmail.com>\r\n\r\n" + rcpt + data);
  EXPECT_EQ(codes(transcript.replies),
            "220 250 250:2.1.0 550:5.7.1 500:5.5.1 250:2.1.5 354 250:2.0.0");
}

// The payload of a refused DATA is read to its dot: none of its lines is run as a command.
TEST(Quirks, ThePayloadOfARefusedDataIsNotRun) {
  const std::string smuggled = "From: x\r\n\r\n" + mail + rcpt + "DATA\r\nevil\r\n.\r\n";
  for (const std::string& before :
       {mail + "RCPT TO:<a@gmail.com>\r\n", std::string(), mail, "MAIL FROM:<\x01>\r\n" + rcpt}) {
    const Transcript transcript =
        replay_all_ways("EHLO cam\r\n" + before + "DATA\r\n" + smuggled + "NOOP\r\n");
    EXPECT_TRUE(transcript.mails.empty()) << before;
    EXPECT_TRUE(transcript.replies.ends_with("250 2.0.0 ok\r\n")) << transcript.replies;
  }
}

TEST(Quirks, TheBodyIsCarriedByteForByte) {
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += static_cast<char>(i * 7919 >> 3);
  std::string safe;  // no dot at a line's start: nothing is stuffed
  for (const char c : body) safe += c == '.' ? ',' : c;
  const Transcript transcript =
      replay(start + header + safe + "\r\n.\r\n", at_random(11), Setting{});
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_TRUE(transcript.mails[0].body == header + safe + "\r\n");
}

TEST(Ehlo, IsTrimmedForADevice) {
  Setting setting;
  setting.session.tls = TlsMode::offered;
  setting.device.hidden.add(Extension::starttls);
  setting.device.hidden.add(Extension::pipelining);
  const Transcript some = replay_all_ways("EHLO x\r\n", setting);
  EXPECT_EQ(some.replies.find("STARTTLS"), std::string::npos);
  EXPECT_EQ(some.replies.find("PIPELINING"), std::string::npos);
  EXPECT_NE(some.replies.find("SMTPUTF8"), std::string::npos);
  setting.device.hidden = ExtensionSet::all();
  EXPECT_EQ(replay_all_ways("EHLO x\r\n", setting).replies,
            "220 edge.internal ESMTP Alarmwire\r\n250 edge.internal greets [192.0.2.7]\r\n");
}

}  // namespace
}  // namespace alarmwire::smtp::test
