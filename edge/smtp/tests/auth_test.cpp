// AUTH and STARTTLS in the session: every mechanism, every policy, whatever the cuts.
#include <gtest/gtest.h>

#include "common/base64.hpp"
#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {
namespace {

const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";
const std::string ehlo = "EHLO cam\r\n";

std::string line(std::string_view text) {
  return to_base64(text) + "\r\n";
}

std::string plain(std::string_view user, std::string_view password) {
  return "AUTH PLAIN " + line(std::string(1, '\0') + std::string(user) + std::string(1, '\0') +
                              std::string(password));
}

Setting with(AuthMode mode) {
  Setting setting;
  setting.session.auth = mode;
  auto credentials = std::make_shared<Credentials>();
  credentials->add("tim", "tanstaaftanstaaf");
  setting.session.credentials = credentials;
  return setting;
}

// RFC 2195, section 2, with its challenge in the place of ours.
TEST(Credentials, FitAsInTheRfc) {
  const auto credentials = with(AuthMode::required).session.credentials;
  const std::string challenge = "<1896.697170952@postoffice.reston.mci.net>";
  EXPECT_TRUE(credentials->fit_cram("tim", challenge, "b913a602c7eda7a495b4e6e7334d3890"));
  EXPECT_TRUE(credentials->fit_cram("tim", challenge, "B913A602C7EDA7A495B4E6E7334D3890"));
  EXPECT_FALSE(credentials->fit_cram("tim", challenge, "b913a602c7eda7a495b4e6e7334d3891"));
  EXPECT_FALSE(credentials->fit_cram("tom", challenge, "b913a602c7eda7a495b4e6e7334d3890"));
  EXPECT_FALSE(credentials->fit_cram("tim", challenge, ""));
  EXPECT_TRUE(credentials->fit("tim", "tanstaaftanstaaf"));
  EXPECT_FALSE(credentials->fit("tim", "tanstaaf"));
  EXPECT_FALSE(credentials->fit("tim", ""));
  EXPECT_FALSE(credentials->fit("tom", ""));
}

struct Case {
  const char* name;
  std::string bytes;
  std::string codes;  // behind the greeting's reply
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

class Right : public testing::TestWithParam<Case> {};

TEST_P(Right, IsLetInWhereAuthIsRequired) {
  const Transcript transcript =
      replay_all_ways(ehlo + GetParam().bytes + mail, with(AuthMode::required));
  EXPECT_EQ(codes(transcript.replies), "220 250 " + GetParam().codes + " 250:2.1.0");
  EXPECT_EQ(transcript.user, "tim");
}

const std::string password = line("tanstaaftanstaaf");
// HMAC-MD5 of "<1896.697170952@edge.internal>".
const std::string digest = line("tim 923913be1b512019e74b383d2fc6f308");

INSTANTIATE_TEST_SUITE_P(
    Mechanisms, Right,
    testing::Values(
        Case{"PLAIN", plain("tim", "tanstaaftanstaaf"), "235:2.7.0"},
        Case{"PLAIN, asked", "auth plain\r\n" + plain("tim", "tanstaaftanstaaf").substr(11),
             "334 235:2.7.0"},
        Case{"PLAIN with an authorization identity",
             "AUTH PLAIN " + line(std::string("tim\0tim\0tanstaaftanstaaf", 24)), "235:2.7.0"},
        Case{"LOGIN", "AUTH LOGIN\r\n" + line("tim") + password, "334 334 235:2.7.0"},
        Case{"LOGIN with the user at once", "AUTH login " + line("tim") + password,
             "334 235:2.7.0"},
        Case{"CRAM-MD5", "AUTH CRAM-MD5\r\n" + digest, "334 235:2.7.0"},
        Case{"after a wrong one", plain("tim", "x") + plain("tim", "tanstaaftanstaaf"),
             "535:5.7.8 235:2.7.0"},
        Case{"after a cancelled one", "AUTH LOGIN\r\n*\r\n" + plain("tim", "tanstaaftanstaaf"),
             "334 501:5.7.0 235:2.7.0"}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

class Wrong : public testing::TestWithParam<Case> {};

TEST_P(Wrong, IsRefusedWhereAuthIsRequired) {
  const Transcript transcript =
      replay_all_ways(ehlo + GetParam().bytes + mail, with(AuthMode::required));
  EXPECT_EQ(codes(transcript.replies), "220 250 " + GetParam().codes + " 530:5.7.0");
  EXPECT_EQ(transcript.user, "");
  EXPECT_EQ(transcript.lost.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Wrong,
    testing::Values(
        Case{"no AUTH", "NOOP\r\n", "250:2.0.0"},
        Case{"password", plain("tim", "wrong"), "535:5.7.8"},
        Case{"user", plain("tom", "tanstaaftanstaaf"), "535:5.7.8"},
        Case{"both empty", "AUTH PLAIN =\r\n", "501:5.5.2"},
        Case{"NULs only", "AUTH PLAIN AAA=\r\n", "535:5.7.8"},
        Case{"not base64", "AUTH LOGIN\r\ntim!\r\n", "334 501:5.5.2"},
        Case{"digest", "AUTH CRAM-MD5\r\n" + line("tim b913a602c7eda7a495b4e6e7334d3890"),
             "334 535:5.7.8"},
        Case{"no digest", "AUTH CRAM-MD5\r\n" + line("tim"), "334 501:5.5.2"},
        Case{"mechanism", "AUTH NTLM TlRM\r\n", "504:5.5.4"},
        Case{"no mechanism", "AUTH\r\n", "504:5.5.4"},
        Case{"cancelled", "AUTH LOGIN\r\n*\r\n", "334 501:5.7.0"},
        Case{"over-long", "AUTH PLAIN\r\n" + std::string(13'000, 'A') + "\r\n", "334 500:5.5.6"}),
    [](const auto& one) { return "No" + std::to_string(one.index); });

TEST(Auth, PromptsAreExactlyWhatDevicesLookFor) {
  const Transcript transcript =
      replay_all_ways("AUTH LOGIN\r\ndA==\r\ndA==\r\nAUTH PLAIN\r\n", with(AuthMode::required));
  EXPECT_EQ(transcript.replies,
            "220 edge.internal ESMTP Alarmwire\r\n334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n"
            "535 5.7.8 user or password wrong\r\n334 \r\n");
}

TEST(Auth, CramMd5HasAChallengeOfOursAndItsAnswerIsTaken) {
  const Transcript asked = replay_all_ways("EHLO x\r\nAUTH CRAM-MD5\r\n", with(AuthMode::required));
  EXPECT_TRUE(asked.replies.ends_with("334 " + line("<1896.697170952@edge.internal>")));
}

// The same words for right, wrong and broken: nothing to learn by guessing, no alarm lost to a
// typo.
TEST(Auth, AWrongPasswordIsTakenAndNotedWhereAuthIsOptional) {
  for (const std::string& bytes :
       {plain("tim", "typo"), std::string("AUTH PLAIN !\r\n"), plain("", "")}) {
    const Transcript transcript = replay_all_ways(ehlo + bytes + mail, with(AuthMode::optional));
    EXPECT_EQ(codes(transcript.replies), "220 250 235:2.7.0 250:2.1.0");
    EXPECT_EQ(transcript.remarks, std::vector<std::string>{"SMTP_AUTH_WRONG"});
    EXPECT_TRUE(transcript.quirks.has(Quirk::wrong_password));
    EXPECT_EQ(transcript.user, "");
    const Transcript right =
        replay_all_ways(ehlo + plain("tim", "tanstaaftanstaaf") + mail, with(AuthMode::optional));
    EXPECT_EQ(transcript.replies, right.replies);
    EXPECT_EQ(right.user, "tim");
    EXPECT_FALSE(right.quirks.has(Quirk::wrong_password));
  }
}

TEST(Auth, AWrongPasswordIsRefusedWhereTheDeviceIsNotToHaveOne) {
  Setting setting = with(AuthMode::optional);
  setting.device.refused.add(Quirk::wrong_password);
  EXPECT_EQ(codes(replay_all_ways(ehlo + plain("tim", "typo"), setting).replies),
            "220 250 535:5.7.8");
}

TEST(Auth, WithoutUsersAnyPasswordIsAsGoodAsNone) {
  const Transcript transcript = replay_all_ways(ehlo + plain("admin", "12345"), Setting{});
  EXPECT_EQ(codes(transcript.replies), "220 250 235:2.7.0");
  EXPECT_TRUE(transcript.remarks.empty());
}

TEST(Auth, OffIsNotOfferedAndTakenAllTheSame) {
  const Transcript transcript =
      replay_all_ways(ehlo + plain("tim", "x") + mail, with(AuthMode::off));
  EXPECT_EQ(transcript.replies.find("AUTH"), std::string::npos);
  EXPECT_EQ(codes(transcript.replies), "220 250 235:2.7.0 250:2.1.0");
  EXPECT_TRUE(transcript.quirks.has(Quirk::auth_not_offered));
}

TEST(Auth, TwiceAndInsideAMailAre503) {  // RFC 4954 4
  const std::string good = plain("tim", "tanstaaftanstaaf");
  EXPECT_EQ(
      codes(replay_all_ways(ehlo + good + good + mail + good, with(AuthMode::optional)).replies),
      "220 250 235:2.7.0 503:5.5.1 250:2.1.0 503:5.5.1");
}

TEST(Auth, InClearCanBeForbidden) {
  Setting setting = with(AuthMode::optional);
  setting.session.auth_in_clear = false;
  setting.session.tls = TlsMode::offered;
  const std::string good = plain("tim", "tanstaaftanstaaf");
  const Transcript transcript =
      replay_all_ways(ehlo + good + "STARTTLS\r\n<TLS>" + ehlo + good, setting);
  EXPECT_EQ(codes(transcript.replies), "220 250 538:5.7.11 220:2.0.0 250 235:2.7.0");
  EXPECT_EQ(transcript.replies.find("AUTH"), transcript.replies.rfind("250-AUTH ") + 4);
}

// --- STARTTLS ---

Setting with(TlsMode mode) {
  Setting setting;
  setting.session.tls = mode;
  return setting;
}

TEST(StartTls, WhatWasSaidBeforeIsForgotten) {  // RFC 3207 4.2
  Setting setting = with(AuthMode::required);
  setting.session.tls = TlsMode::offered;
  const std::string good = plain("tim", "tanstaaftanstaaf");
  const Transcript transcript = replay_all_ways(ehlo + good + "STARTTLS\r\n<TLS>" + mail, setting);
  EXPECT_EQ(codes(transcript.replies), "220 250 235:2.7.0 220:2.0.0 530:5.7.0");
  EXPECT_TRUE(transcript.encrypted);
  EXPECT_EQ(transcript.user, "");
  EXPECT_EQ(transcript.lost.at(0).envelope.helo, "");
}

TEST(StartTls, WhatComesBehindItInClearTextIsThrownAway) {  // CVE-2011-0411
  const Transcript transcript =
      replay_all_ways(ehlo + "STARTTLS\r\n" + mail + rcpt + "DATA\r\nevil\r\n.\r\nRSET\r\n<TLS>" +
                          ehlo + "NOOP\r\n",
                      with(TlsMode::offered));
  EXPECT_EQ(codes(transcript.replies), "220 250 220:2.0.0 250 250:2.0.0");
  EXPECT_TRUE(transcript.mails.empty());
  EXPECT_EQ(transcript.remarks, std::vector<std::string>{"SMTP_STARTTLS_INJECTION"});
}

TEST(StartTls, IsOfferedOnceAndTakenOnce) {
  const Transcript transcript =
      replay_all_ways(ehlo + "STARTTLS\r\n<TLS>" + ehlo + "STARTTLS\r\n", with(TlsMode::offered));
  EXPECT_EQ(codes(transcript.replies), "220 250 220:2.0.0 250 503:5.5.1");
  EXPECT_NE(transcript.replies.find("250 STARTTLS\r\n"), std::string::npos);
  EXPECT_EQ(transcript.replies.find("STARTTLS"), transcript.replies.rfind("STARTTLS"));
}

TEST(StartTls, IsRefusedWithAParameterInAMailAndWhereItIsOff) {
  EXPECT_EQ(
      codes(replay_all_ways("STARTTLS now\r\n" + mail + "STARTTLS\r\n", with(TlsMode::offered))
                .replies),
      "220 501:5.5.4 250:2.1.0 503:5.5.1");
  EXPECT_EQ(codes(replay_all_ways("STARTTLS\r\n", with(TlsMode::off)).replies), "220 502:5.5.1");
  Setting without = with(TlsMode::offered);
  without.session.tls_available = false;
  const Transcript transcript = replay_all_ways(ehlo + "STARTTLS\r\n", without);
  EXPECT_EQ(codes(transcript.replies), "220 250 454:4.7.0");
  EXPECT_EQ(transcript.replies.find("250 STARTTLS"), std::string::npos);
}

TEST(StartTls, RequiredKeepsMailAndAuthOutOfClearText) {
  const Transcript transcript = replay_all_ways(
      ehlo + "NOOP\r\n" + plain("a", "b") + mail + "STARTTLS\r\n<TLS>" + ehlo + mail,
      with(TlsMode::required));
  EXPECT_EQ(codes(transcript.replies),
            "220 250 250:2.0.0 538:5.7.11 530:5.7.0 220:2.0.0 250 250:2.1.0");
  EXPECT_EQ(transcript.lost.size(), 1u);
}

// --- whose the user is ---

Setting with_device(AuthMode mode) {
  Setting setting = with(mode);
  KnownDevice gate{"gate", KnownBy::user, "", {}};
  gate.options.foreign_recipients = true;
  setting.users["tim"] = gate;
  return setting;
}

const std::string foreign = "RCPT TO:<x@gmail.com>\r\nDATA\r\n.\r\n";

TEST(Auth, AProvenUserNamesTheDeviceAndBringsItsSwitches) {
  const Transcript transcript = replay_all_ways(
      ehlo + plain("tim", "tanstaaftanstaaf") + mail + foreign, with_device(AuthMode::optional));
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].envelope.device, "gate");
  EXPECT_EQ(transcript.mails[0].envelope.known_by, "user");
  EXPECT_EQ(transcript.mails[0].envelope.device_address, "192.0.2.7");
}

TEST(Auth, AWrongPasswordNamesNobody) {
  const Transcript transcript =
      replay_all_ways(ehlo + plain("tim", "wrong") + mail + rcpt + "DATA\r\n.\r\n" + mail + foreign,
                      with_device(AuthMode::optional));
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].envelope.device, "cam-1");
  EXPECT_EQ(transcript.mails[0].envelope.known_by, "unknown");
}

TEST(StartTls, ForgetsWhoseTheUserWas) {
  Setting setting = with_device(AuthMode::optional);
  setting.session.tls = TlsMode::offered;
  const Transcript transcript =
      replay_all_ways(ehlo + plain("tim", "tanstaaftanstaaf") + "STARTTLS\r\n<TLS>" + ehlo + mail +
                          rcpt + "DATA\r\n.\r\n",
                      setting);
  ASSERT_EQ(transcript.mails.size(), 1u);
  EXPECT_EQ(transcript.mails[0].envelope.device, "cam-1");
}

TEST(ImplicitTls, SaysNothingBeforeTheHandshake) {
  EXPECT_EQ(replay("", whole(), with(TlsMode::implicit)).replies, "");
  const Transcript transcript = replay_all_ways("<TLS>" + ehlo + mail, with(TlsMode::implicit));
  EXPECT_EQ(codes(transcript.replies), "220 250 250:2.1.0");
  EXPECT_EQ(transcript.replies.find("STARTTLS"), std::string::npos);
  EXPECT_TRUE(transcript.encrypted);
}

TEST(ImplicitTls, AHandshakeThatNeverComesEndsTheSession) {
  IdleHost host;
  const auto settings = std::make_shared<SessionSettings>(with(TlsMode::implicit).session);
  Session session(settings, {}, host, SteadyTime{});
  session.on_time(SteadyTime{} + tls_handshake_time / 2);
  EXPECT_TRUE(session.wants_tls());
  session.on_time(SteadyTime{} + tls_handshake_time);
  EXPECT_TRUE(session.is_closing());
}

}  // namespace
}  // namespace alarmwire::smtp::test
