// Whole dialogues, each replayed in one segment, byte by byte and at random cuts.
#include <gtest/gtest.h>

#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  std::string codes;  // of the replies behind the greeting
  std::vector<std::string> bodies;
  std::size_t lost = 0;
  bool closed = false;
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";
const std::string sent = "250:2.1.0 250:2.1.5 354 250:2.0.0";

class Dialogue : public testing::TestWithParam<Case> {};

TEST_P(Dialogue, GivesTheseRepliesHoweverItIsCut) {
  const Transcript transcript = replay_all_ways(GetParam().bytes);
  const std::string expected = GetParam().codes.empty() ? "220" : "220 " + GetParam().codes;
  EXPECT_EQ(codes(transcript.replies), expected);
  std::vector<std::string> bodies;
  for (const TakenMail& taken : transcript.mails) {
    if (taken.finished) bodies.push_back(taken.body);
  }
  EXPECT_EQ(bodies, GetParam().bodies);
  EXPECT_EQ(transcript.lost.size(), GetParam().lost);
  EXPECT_EQ(transcript.closed, GetParam().closed);
}

INSTANTIATE_TEST_SUITE_P(
    Plain, Dialogue,
    testing::Values(
        Case{"greeting only", "", "", {}},
        Case{"one mail",
             "EHLO cam\r\n" + mail + rcpt + "DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n",
             "250 " + sent + " 221:2.0.0",
             {"Subject: x\r\n\r\nhello\r\n"},
             0,
             true},
        Case{"two mails on one connection",
             "HELO cam\r\n" + mail + rcpt + "DATA\r\na\r\n.\r\n" + mail + rcpt +
                 "DATA\r\nb\r\n.\r\n",
             "250 " + sent + " " + sent,
             {"a\r\n", "b\r\n"}},
        Case{"an empty mail", mail + rcpt + "DATA\r\n.\r\n", sent, {""}},
        Case{"stuffed dots",
             mail + rcpt + "DATA\r\n..\r\n..a\r\n...\r\n.b\r\nc.\r\n.\r\n",
             sent,
             {".\r\n.a\r\n..\r\nb\r\nc.\r\n"}},
        Case{"RSET between",
             mail + rcpt + "RSET\r\n" + mail + rcpt + "DATA\r\na\r\n.\r\n",
             "250:2.1.0 250:2.1.5 250:2.0.0 " + sent,
             {"a\r\n"},
             1},
        Case{"NOOP, VRFY, HELP, EXPN, unknown",
             "NOOP\r\nNOOP x\r\nVRFY alarm\r\nHELP\r\nEXPN all\r\nSTARTTLS\r\nBDAT "
             "3 LAST\r\nXYZZY\r\n\r\n",
             "250:2.0.0 250:2.0.0 252:2.5.0 214:2.0.0 502:5.5.1 502:5.5.1 502:5.5.1 500:5.5.1 "
             "500:5.5.1",
             {}},
        Case{"QUIT ends it", "QUIT\r\nNOOP\r\n", "221:2.0.0", {}, 0, true}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

INSTANTIATE_TEST_SUITE_P(
    Order, Dialogue,
    testing::Values(Case{"RCPT before MAIL", rcpt, "503:5.5.1", {}},
                    Case{"DATA before MAIL", "DATA\r\n", "503:5.5.1", {}},
                    Case{"DATA before RCPT",
                         mail + "DATA\r\n" + rcpt + "DATA\r\na\r\n.\r\n",
                         "250:2.1.0 503:5.5.1 250:2.1.5 354 250:2.0.0",
                         {"a\r\n"}},
                    Case{"nested MAIL",
                         mail + mail + rcpt + "DATA\r\na\r\n.\r\n",
                         "250:2.1.0 503:5.5.1 250:2.1.5 354 250:2.0.0",
                         {"a\r\n"}},
                    Case{"EHLO resets",
                         mail + rcpt + "EHLO cam\r\nDATA\r\n",
                         "250:2.1.0 250:2.1.5 250 503:5.5.1",
                         {},
                         1},
                    Case{"only foreign recipients",
                         mail + "RCPT TO:<a@gmail.com>\r\nDATA\r\nRSET\r\n",
                         "250:2.1.0 550:5.7.1 554:5.5.1 250:2.0.0",
                         {},
                         1},
                    Case{"a foreign recipient beside ours",
                         mail + "RCPT TO:<a@gmail.com>\r\n" + rcpt + "DATA\r\na\r\n.\r\n",
                         "250:2.1.0 550:5.7.1 250:2.1.5 354 250:2.0.0",
                         {"a\r\n"}},
                    Case{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "421:4.7.0", {}, 0, true},
                    Case{"HTTP post", "POST /x HTTP/1.1\r\n", "421:4.7.0", {}, 0, true},
                    Case{"HTTP later is a command like others",
                         "NOOP\r\nGET / HTTP/1.1\r\n",
                         "250:2.0.0 500:5.5.1",
                         {}},
                    Case{"TLS on the clear port",
                         std::string("\x16\x03\x01\x02\x00", 5),
                         "421:4.7.0",
                         {},
                         0,
                         true}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

INSTANTIATE_TEST_SUITE_P(
    Tolerant, Dialogue,
    testing::Values(
        Case{"HELO without a name", "HELO\r\n", "250", {}},
        Case{"EHLO without a name", "EHLO \r\n", "250", {}},
        Case{"odd names", "EHLO my_cam 2\r\nHELO -x.\r\nEHLO [IPV6:::1]\r\n", "250 250 250", {}},
        Case{
            "lower case and blanks",
            "ehlo cam  \r\nmail  from: <cam@edge.internal> \r\nrcpt to:alarm@edge.internal\r\ndata "
            "\r\na\r\n.\r\nquit \r\n",
            "250 " + sent + " 221:2.0.0",
            {"a\r\n"},
            0,
            true},
        Case{"blank before the colon, no colon",
             "MAIL FROM :<a@b>\r\nRCPT TO <alarm@edge.internal>\r\nDATA\r\n.\r\n",
             sent,
             {""}},
        Case{"no brackets, no domain",
             "MAIL FROM: T-Link 123\r\nRCPT TO:alarm\r\nDATA\r\n.\r\n",
             sent,
             {""}},
        Case{"postmaster", mail + "RCPT TO:<Postmaster>\r\nDATA\r\n.\r\n", sent, {""}},
        Case{"null sender", "MAIL FROM:<>\r\n" + rcpt + "DATA\r\n.\r\n", sent, {""}},
        Case{"empty sender", "MAIL FROM:\r\n" + rcpt + "DATA\r\n.\r\n", sent, {""}},
        Case{"zones in any case", mail + "RCPT TO:<a@EDGE.Internal.>\r\nDATA\r\n.\r\n", sent, {""}},
        Case{"parameters unknown and known",
             "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS FOO=bar AUTH=<>\r\n"
             "RCPT TO:<alarm@edge.internal> NOTIFY=NEVER ORCPT=rfc822;x\r\nDATA\r\n.\r\n",
             sent,
             {""}},
        Case{"bare LF ends a command",
             "HELO cam\n" + mail + "RSET\n",
             "250 250:2.1.0 250:2.0.0",
             {}},
        Case{"CR CR LF ends a command", "HELO cam\r\r\nNOOP\r\r\n", "250 250:2.0.0", {}},
        Case{"a body line of 100 kB",
             mail + rcpt + "DATA\r\n" + std::string(100'000, 'x') + "\r\n.\r\n",
             sent,
             {std::string(100'000, 'x') + "\r\n"}},
        Case{"NUL, 8 bit, bare CR and LF are content",
             mail + rcpt + "DATA\r\n" + std::string("a\0b\xff\rc\nd\n", 9) + "\r\n.\r\n",
             sent,
             {std::string("a\0b\xff\rc\nd\n", 9) + "\r\n"}}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

// smtp.md 1.5: each stands after text and is followed by what an attacker wants taken as commands.
class Smuggling : public testing::TestWithParam<std::string> {};

TEST_P(Smuggling, NeverEndsTheMail) {
  const std::string smuggled =
      "MAIL FROM:<evil@edge.internal>\r\nRCPT TO:<alarm@edge.internal>\r\nDATA\r\nevil\r\n";
  const std::string body = "Subject: x\r\n\r\ntext" + GetParam() + smuggled;
  const Transcript transcript = replay_all_ways(mail + rcpt + "DATA\r\n" + body + ".\r\nNOOP\r\n");
  EXPECT_EQ(codes(transcript.replies), "220 " + sent + " 250:2.0.0");
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_NE(transcript.mails[0].body.find(smuggled), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Sequences, Smuggling,
                         testing::Values("\n.\n", "\n.\r\n", "\r\n.\n", "\r\n.\r\r\n", "\r.\r",
                                         "\r.\r\n", std::string("\r\n\0.\r\n", 6), "\r.\n", "\n.\r",
                                         "\r\n.\r", "\r\r\n.\r\r\n", "\n\r.\r\n", "\r\n.\n\r\n",
                                         "\r\n. \r\n", "\r\n\t.\r\n",
                                         std::string("\r\n.\0\r\n", 6)));

TEST(Dialogue, SmuggledFormsAreKeptByteForByteWhereNoDotFollowsCrLf) {
  const std::string body = "a\n.\nb\n.\r\nc\r.\rd\r.\r\ne\r\r\nf\n\n\r\r";
  const Transcript transcript = replay_all_ways(mail + rcpt + "DATA\r\n" + body + "\r\n.\r\n");
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].body, body + "\r\n");
}

TEST(Dialogue, TellsItsExtensionsAndNothingOfTheDevice) {
  const Transcript transcript = replay_all_ways("EHLO evil\x1b[2Jname\r\n");
  EXPECT_EQ(transcript.replies,
            "220 edge.internal ESMTP Alarmwire\r\n250-edge.internal greets [192.0.2.7]\r\n"
            "250-PIPELINING\r\n250-SIZE 67108864\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
            "250-SMTPUTF8\r\n250-LIMITS RCPTMAX=1000\r\n250-AUTH PLAIN LOGIN CRAM-MD5\r\n"
            "250 AUTH=PLAIN LOGIN CRAM-MD5\r\n");
}

TEST(Dialogue, TheReplySaysTheStageAndTheId) {
  const std::string one = mail + rcpt + "DATA\r\na\r\n.\r\n";
  Setting setting;
  using Kind = Outcome::Kind;
  setting.outcomes = {Kind::stored, Kind::spooled, Kind::unconfirmed, Kind::full, Kind::failed};
  const Transcript transcript = replay_all_ways(one + one + one + one + one, setting);
  const std::string id = " id 00000000-0000-0000-0000-000000000000\r\n";
  for (const std::string& reply :
       {"250 2.0.0 stored at centre," + id, "250 2.0.0 spooled at box," + id,
        "451 4.4.1 not confirmed by centre, will be delivered," + id, std::string("452 4.3.1 "),
        std::string("451 4.3.0 ")}) {
    EXPECT_NE(transcript.replies.find(reply), std::string::npos) << reply;
  }
  EXPECT_EQ(transcript.lost.size(), 3u);
}

TEST(Dialogue, TheEnvelopeIsWhatTheDeviceSaid) {
  const Transcript transcript = replay_all_ways(
      "EHLO Cam_1 x\r\nMAIL FROM:\"Door \\\"1\\\"\" <T\xfcr@site> SIZE=3 BODY=8BITMIME SMTPUTF8\r\n"
      "RCPT TO:<@hub.internal,@b:alarm@edge.internal>\r\nRCPT TO:alarm2\r\nDATA\r\na\r\n.\r\n");
  ASSERT_EQ(transcript.mails.size(), 1u);
  const Envelope& envelope = transcript.mails[0].envelope;
  EXPECT_EQ(envelope.listener, "lan");
  EXPECT_EQ(envelope.device, "cam-1");
  EXPECT_EQ(envelope.device_address, "192.0.2.7");
  EXPECT_EQ(envelope.helo, "Cam_1 x");
  EXPECT_EQ(envelope.reverse_path, "T\xc3\xbcr@site");
  EXPECT_EQ(envelope.recipients, (std::vector<std::string>{"alarm@edge.internal", "alarm2"}));
  EXPECT_TRUE(envelope.body_8bit);
  EXPECT_TRUE(envelope.smtputf8);
  EXPECT_EQ(transcript.mails[0].declared_size, 3u);
  for (const Quirk quirk :
       {Quirk::display_name, Quirk::not_utf8, Quirk::no_brackets, Quirk::no_domain}) {
    EXPECT_TRUE(transcript.quirks.has(quirk)) << to_string(quirk);
  }
  EXPECT_FALSE(transcript.quirks.has(Quirk::bare_lf));
}

TEST(Dialogue, ControlBytesInAnAddressAreRefused) {
  const Transcript transcript =
      replay_all_ways("MAIL FROM:<a\rX: y@b>\r\n" + mail +
                      "RCPT TO:<a\x01@edge.internal>\r\nRCPT TO:<>\r\nRCPT FROM:<a>\r\n");
  EXPECT_EQ(codes(transcript.replies), "220 501:5.1.7 250:2.1.0 501:5.1.3 501:5.1.3 501:5.1.3");
}

}  // namespace
}  // namespace alarmwire::smtp::test
