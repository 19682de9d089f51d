// The doctor on real dialogues: what a device did, run through the session, and what he says.
#include "edge/smtp/diagnosis.hpp"

#include <gtest/gtest.h>

#include <set>

#include "common/base64.hpp"
#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {
namespace {

using Names = std::vector<std::string>;
using Change = void (*)(Setting&);

const std::string ehlo = "EHLO cam\r\n";
const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";
const std::string whole_mail = mail + rcpt + "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n";
const std::string bye = "QUIT\r\n";
const std::string login = "AUTH PLAIN " + to_base64(std::string("\0tim\0geheim-17", 14)) + "\r\n";

void leave(Setting& setting) {
  setting.ending = Ending::disconnect;
}
void go_idle(Setting& setting) {
  setting.ending = Ending::idle;
}
void require_auth(Setting& setting) {
  auto credentials = std::make_shared<Credentials>();
  credentials->add("tim", "other");
  setting.session.credentials = credentials;
  setting.session.auth = AuthMode::required;
}
void wrong_password_let_in(Setting& setting) {
  require_auth(setting);
  setting.session.auth = AuthMode::optional;
}
void require_tls(Setting& setting) {
  setting.session.tls = TlsMode::required;
}
void no_certificate(Setting& setting) {
  setting.session.tls = TlsMode::offered;
  setting.session.tls_available = false;
}
void small(Setting& setting) {
  setting.session.limits.message_bytes = 4 * 1024 * 1024;
}
void go_on_for_hours(Setting& setting) {
  setting.ending = Ending::late;
  setting.session.limits.idle_time = std::chrono::hours(24);
}
void tls_fails(Setting& setting, const char* why, TlsMode mode = TlsMode::offered) {
  setting.session.tls = mode;
  setting.ending = Ending::tls_failed;
  setting.tls_failure = why;
}

struct Case {
  const char* name;
  std::string bytes;
  Names findings;
  Change change = [](Setting&) {};
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

class Doctor : public testing::TestWithParam<Case> {};

TEST_P(Doctor, SaysWhatIsWrong) {
  Setting setting;
  GetParam().change(setting);
  EXPECT_EQ(replay_all_ways(GetParam().bytes, setting).findings, GetParam().findings);
}

INSTANTIATE_TEST_SUITE_P(
    Healthy, Doctor,
    testing::Values(Case{"a mail", ehlo + whole_mail + bye, {}},
                    Case{"a mail, and no QUIT", ehlo + whole_mail, {}, leave},
                    Case{"a mail, and a connection left open", ehlo + whole_mail, {}, go_idle},
                    Case{"nothing at all", "", {}, leave},
                    Case{"HELO behind EHLO", ehlo + "HELO cam\r\n" + whole_mail + bye, {}},
                    Case{"a login and no mail", ehlo + login + bye, {}}));

INSTANTIATE_TEST_SUITE_P(
    Tls, Doctor,
    testing::Values(
        Case{"TLS 1.0",
             ehlo + "STARTTLS\r\n",
             {"old-tls"},
             [](Setting& setting) {
               tls_fails(setting, "unsupported protocol; the device offers at most TLS 1.0");
             }},
        Case{"no shared cipher",
             ehlo + "STARTTLS\r\n",
             {"no-common-cipher"},
             [](Setting& setting) { tls_fails(setting, "no shared cipher"); }},
        Case{"says itself that no cipher suits it",
             ehlo + "STARTTLS\r\n",
             {"no-common-cipher"},
             [](Setting& setting) { tls_fails(setting, "sslv3 alert handshake failure"); }},
        Case{"a wrong version number behind STARTTLS",
             ehlo + "STARTTLS\r\n",
             {"tls-failed"},
             [](Setting& setting) { tls_fails(setting, "wrong version number"); }},
        Case{"unknown CA",
             ehlo + "STARTTLS\r\n",
             {"certificate-refused"},
             [](Setting& setting) { tls_fails(setting, "tlsv1 alert unknown ca"); }},
        Case{"certificate expired",
             ehlo + "STARTTLS\r\n",
             {"certificate-expired"},
             [](Setting& setting) { tls_fails(setting, "sslv3 alert certificate expired"); }},
        Case{"breaks off",
             ehlo + "STARTTLS\r\n",
             {"tls-broken-off"},
             [](Setting& setting) { tls_fails(setting, "the device broke the connection off"); }},
        Case{"something else",
             ehlo + "STARTTLS\r\n",
             {"tls-failed"},
             [](Setting& setting) { tls_fails(setting, "bad record mac"); }},
        Case{"clear text on a TLS port",
             "",
             {"clear-on-tls-port"},
             [](Setting& setting) {
               tls_fails(setting, "no TLS handshake: wrong version number", TlsMode::implicit);
             }},
        Case{"waits for a greeting on a TLS port",
             "",
             {"clear-on-tls-port"},
             [](Setting& setting) { tls_fails(setting, "no TLS handshake", TlsMode::implicit); }},
        Case{"a browser on a TLS port",
             "",
             {"http"},
             [](Setting& setting) {
               tls_fails(setting, "no TLS handshake: http request", TlsMode::implicit);
             }},
        Case{"TLS on a clear port", std::string("\x16\x03\x01\x00\x05", 5), {"tls-on-clear-port"}},
        Case{"a browser", "GET / HTTP/1.1\r\n", {"http"}},
        Case{"STARTTLS that is not there", ehlo + "STARTTLS\r\n" + bye, {"starttls-off"}},
        Case{"no certificate", ehlo + "STARTTLS\r\n" + bye, {"no-certificate"}, no_certificate},
        Case{"clear text where TLS is required", ehlo + mail + bye, {"tls-missing"}, require_tls},
        Case{"a login in clear text", ehlo + login + bye, {"tls-missing"}, require_tls}));

INSTANTIATE_TEST_SUITE_P(
    Settings, Doctor,
    testing::Values(
        Case{"gmail",
             ehlo + mail + "RCPT TO:<x@gmail.com>\r\nDATA\r\n" + bye,
             {"foreign-recipient"}},
        Case{"two in one recipient",
             ehlo + mail + "RCPT TO:<a@x.internal,b@x.internal>\r\n" + bye,
             {}},
        Case{"no recipient", ehlo + mail + "RCPT TO:<>\r\nRSET\r\n" + bye, {"bad-recipient"}},
        Case{"a sender of control bytes", ehlo + "MAIL FROM:<a\x01>\r\n" + bye, {"bad-sender"}},
        Case{"too many recipients",
             ehlo + mail + rcpt + rcpt + "RSET\r\n" + bye,
             {"too-many-recipients"},
             [](Setting& setting) { setting.session.limits.recipients = 1; }},
        Case{"wrong password", ehlo + login + bye, {"wrong-password"}, require_auth},
        Case{"wrong password, let in",
             ehlo + login + whole_mail + bye,
             {"wrong-password"},
             wrong_password_let_in},
        Case{"a login that is none",
             ehlo + "AUTH PLAIN ?\r\n" + bye,
             {"wrong-password"},
             require_auth},
        Case{"no login where it is required", ehlo + mail + bye, {"auth-missing"}, require_auth},
        Case{"NTLM", ehlo + "AUTH NTLM TlRMTVNTUAAB\r\n" + bye, {"auth-mechanism"}},
        Case{"refused quirk",
             ehlo + "MAIL FROM:x@y\r\n" + bye,
             {"quirk-refused"},
             [](Setting& setting) { setting.device.refused.add(Quirk::no_brackets); }},
        Case{"greets only", ehlo + bye, {"greets-only"}},
        Case{"greets and hangs up", ehlo, {"greets-only"}, leave},
        Case{"HELO only", "HELO cam\r\n" + whole_mail + bye, {"helo-only"}}));

INSTANTIATE_TEST_SUITE_P(
    Mails, Doctor,
    testing::Values(
        Case{"stops in the mail", ehlo + mail + rcpt + "DATA\r\nx\r\n", {"stops-in-data"}, leave},
        Case{"silent in the mail",
             ehlo + mail + rcpt + "DATA\r\nx\r\n",
             {"silent-in-data"},
             go_idle},
        Case{"too slow", ehlo + mail + rcpt + "DATA\r\nx\r\n", {"too-slow"}, go_on_for_hours},
        Case{"LF dot CRLF", ehlo + mail + rcpt + "DATA\r\nx\n.\r\n", {"odd-final-dot"}, leave},
        Case{"CRLF dot LF", ehlo + mail + rcpt + "DATA\r\nx\r\n.\n", {"odd-final-dot"}, go_idle},
        Case{"SIZE too large",
             ehlo + "MAIL FROM:<x@y> SIZE=5000000\r\n" + bye,
             {"too-large"},
             small},
        Case{"mail too large",
             ehlo + mail + rcpt + "DATA\r\n" + std::string(70'000, 'x') + "\r\n.\r\n" + bye,
             {"too-large"},
             [](Setting& setting) { setting.session.limits.message_bytes = 65'536; }},
        Case{"box full",
             ehlo + mail + bye,
             {"box-full"},
             [](Setting& setting) { setting.room = false; }},
        Case{"box full at the end",
             ehlo + whole_mail + bye,
             {"box-full"},
             [](Setting& setting) { setting.outcomes = {Outcome::Kind::full}; }},
        Case{"cannot store",
             ehlo + whole_mail + bye,
             {"cannot-store"},
             [](Setting& setting) { setting.outcomes = {Outcome::Kind::failed}; }},
        Case{"not confirmed",
             ehlo + whole_mail + bye,
             {"not-confirmed"},
             [](Setting& setting) { setting.outcomes = {Outcome::Kind::unconfirmed}; }},
        Case{"hangs up before the answer",
             ehlo + whole_mail,
             {"hung-up-waiting"},
             [](Setting& setting) {
               setting.answers = false;
               leave(setting);
             }},
        Case{"DATA before RCPT", ehlo + mail + "DATA\r\nRSET\r\n" + bye, {"wrong-order"}},
        Case{"says nothing", ehlo, {"idle"}, go_idle},
        Case{"open for hours", ehlo, {"open-too-long"}, go_on_for_hours},
        Case{"a stop",
             ehlo,
             {"box-stopping"},
             [](Setting& setting) { setting.ending = Ending::stop; }},
        Case{"commands only",
             ehlo +
                 [] {
                   std::string noops;
                   for (int i = 0; i < 150; ++i) noops += "NOOP\r\n";
                   return noops;
                 }(),
             {"commands-only"}},
        Case{"a word that is no command",
             ehlo + "PASS geheim-17\r\n" + whole_mail + bye,
             {"unknown-command"}},
        Case{"too long a line",
             ehlo + "HELO " + std::string(70'000, 'x') + "\r\n" + whole_mail + bye,
             {"line-too-long"}}));

// --- in words ---

TEST(DoctorInWords, NamesTheAddressTheSizeAndWhatToDo) {
  DialogueFacts facts;
  facts.zone = "internal";
  const auto gmail =
      diagnose(facts, {{DialogueLine::Who::device, 0, "RCPT TO:<max@gmail.com> NOTIFY=NEVER"},
                       {DialogueLine::Who::box, 0,
                        "550 5.7.1 not relayed, only addresses of this "
                        "installation"}});
  ASSERT_EQ(gmail.size(), 1u);
  EXPECT_EQ(gmail[0].text, "sends to max@gmail.com, which is not of this installation");
  EXPECT_NE(gmail[0].fix.find("ends in @internal"), std::string::npos);
  facts.in_data = true;
  facts.end = DialogueFacts::End::hung_up;
  facts.data_bytes = 4 * 1024 * 1024 + 300 * 1024;
  EXPECT_EQ(diagnose(facts, {})[0].text, "stops after 4.2 MiB of a mail");
  facts = {};
  facts.end = DialogueFacts::End::tls_failed;
  facts.tls_failure = "unsupported protocol; the device offers at most TLS 1.0";
  EXPECT_EQ(diagnose(facts, {})[0].text, "insists on TLS 1.0, which this listener does not take");
  EXPECT_NE(diagnose(facts, {})[0].fix.find("tls_level = 0"), std::string::npos);
}

TEST(DoctorInWords, EveryFindingHasANameOfItsOwn) {
  EXPECT_EQ(std::set<std::string_view>(finding_names.begin(), finding_names.end()).size(),
            finding_names.size());
  EXPECT_EQ(to_string(FindingId::helo_only), "helo-only");
}

// --- what is kept of a dialogue ---

std::string kept(const std::string& bytes, const Setting& setting = {}) {
  std::string text;
  for (const DialogueLine& line : replay(bytes, whole(), setting).dialogue)
    text += std::string(1, static_cast<char>(line.who)) + line.text + "\n";
  return text;
}

TEST(Kept, IsTheDialogueWithSizeAndMakerOfTheMailAndNoneOfItsWords) {
  EXPECT_EQ(kept("EHLO cam 1\r\n" + mail + rcpt +
                 "DATA\r\nX-Mailer: HIKMailer\r\nSubject: break-in\r\n\r\nhelp\r\n.\r\nQUIT\r\n"),
            ">220 edge.internal ESMTP Alarmwire\n"
            "<EHLO cam 1\n"
            ">250 edge.internal greets [192.0.2.7], PIPELINING, SIZE 67108864, 8BITMIME, "
            "ENHANCEDSTATUSCODES, SMTPUTF8, LIMITS RCPTMAX=1000, AUTH PLAIN LOGIN CRAM-MD5, "
            "AUTH=PLAIN LOGIN CRAM-MD5\n"
            "<MAIL FROM:<cam@edge.internal>\n>250 2.1.0 sender ok\n"
            "<RCPT TO:<alarm@edge.internal>\n>250 2.1.5 recipient ok\n"
            "<DATA\n>354 end with a dot alone on a line\n"
            "<(a mail of 48 bytes)\n*the mail says it was written by HIKMailer\n"
            ">250 2.0.0 spooled at box, id 00000000-0000-0000-0000-000000000000\n"
            "<QUIT\n*the session ends\n>221 2.0.0 bye\n");
}

TEST(Kept, IsNoPasswordHoweverItWasSent) {
  const std::string user = to_base64("tim") + "\r\n";
  const std::string password = to_base64("geheim-17") + "\r\n";
  for (const std::string& bytes : std::vector<std::string>{
           login, "AUTH LOGIN\r\n" + user + password, "AUTH LOGIN " + user + password,
           "AUTH " + password, "AUTH NTLM " + password, "AUTH NTLM\r\n" + password,
           "AUTH LOGIN\r\n*\r\n" + password, "PASS geheim-17\r\n",
           "AUTH PLAIN\r\n" + std::string("geheim-17\r\n") + "geheim-17\r\n",
           "AUTH LOGIN\r\n" + user + password + user + password, "geheim-17\r\n",
           "NOOP geheim-17\r\nVRFY geheim-17\r\nEXPN geheim-17\r\n"}) {
    const std::string text = kept(ehlo + bytes + bye);
    EXPECT_EQ(text.find("geheim"), std::string::npos) << text;
    EXPECT_EQ(text.find(to_base64("geheim-17")), std::string::npos) << text;
    EXPECT_EQ(text.find(to_base64("tim")), std::string::npos) << text;
    EXPECT_EQ(text.find(login.substr(11, 12)), std::string::npos) << text;
    EXPECT_EQ(text.find("334 V"), std::string::npos) << text;
  }
}

TEST(Kept, IsTheBeginningAndTheEndOfALongSession) {
  DialogueLog log{SteadyTime{}};
  for (int i = 0; i < 100'000; ++i) {
    log.at(SteadyTime{} + std::chrono::milliseconds(i));
    log.write(DialogueLine::Who::device, "NOOP " + std::to_string(i));
  }
  const auto lines = log.lines();
  EXPECT_EQ(lines.front().text, "NOOP 0");
  EXPECT_EQ(lines.back().text, "NOOP 99999");
  EXPECT_EQ(lines.back().at_ms, 99'999u);
  EXPECT_EQ(lines.size() + log.left_out(), 100'000u);
  EXPECT_LE(log.bytes(), dialogue_head_bytes_max + dialogue_tail_bytes_max);
}

TEST(Kept, LinesAreShortAndPrintable) {
  DialogueLog log{SteadyTime{}};
  log.write(DialogueLine::Who::device, "MAIL FROM:<\x1b[31m\n" + std::string(9000, 'x'));
  ASSERT_EQ(log.lines().size(), 1u);
  const std::string text = log.lines()[0].text;
  EXPECT_LE(text.size(), dialogue_line_bytes_max + 8);
  EXPECT_TRUE(text.starts_with("MAIL FROM:<\\x1b[31m\\n")) << text;
}

}  // namespace
}  // namespace alarmwire::smtp::test
