#include "receiver/outlets/compose.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "receiver/outlets/mime.hpp"

namespace alarmwire::outlets {
namespace {

using sites::Language;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr WallTimeUs noon_us = 1'795'521'600'000'000;  // 2026-11-24T12:00:00Z
const Marks all{true, true, true, true};

class Compose : public ::testing::Test {
 protected:
  Compose() {
    record_.box = "site-a";
    record_.header.id = *AlarmId::parse("0192f0c1-0000-7000-8000-000000000001");
    record_.header.accepted_us = noon_us;
    record_.header.spooled_us = noon_us + 4000;
    record_.stored_us = noon_us + 2'050'000;
    record_.clock_offset_us = 2'000'000;
    envelope_.device = "cam1";
    envelope_.device_address = "192.168.1.20";
    envelope_.helo = "ipcam";
    envelope_.listener = "lan";
  }
  std::string compose(const std::string& mail, const Marks& marks = {},
                      const SubjectMarks& subject = {}, Language language = Language::de) {
    return compose_head(Trace{"centre.internal", &record_, &envelope_}, marks, subject, language,
                        mail);
  }
  ledger::Record record_;
  Envelope envelope_;
};

TEST_F(Compose, TraceSaysWhereItCameFromOnTheCentresClock) {
  const std::string mail = compose("Subject: Alarm\r\n\r\nText\r\n");
  EXPECT_EQ(mail,
            "Received: from site-a (box)\r\n"
            "\tby centre.internal (Alarmwire) id 0192f0c1-0000-7000-8000-000000000001;\r\n"
            "\tTue, 24 Nov 2026 12:00:02 +0000\r\n"
            "Received: from ipcam (cam1 [192.168.1.20])\r\n"
            "\tby site-a (Alarmwire box, lan) with ESMTP id "
            "0192f0c1-0000-7000-8000-000000000001;\r\n"
            "\tTue, 24 Nov 2026 12:00:02 +0000\r\n"
            "X-Alarmwire-Id: 0192f0c1-0000-7000-8000-000000000001\r\n"
            "X-Alarmwire-Box: site-a\r\n"
            "X-Alarmwire-Stage: accepted=2026-11-24T12:00:02.000Z; "
            "spooled=2026-11-24T12:00:02.004Z;\r\n"
            "\tstored=2026-11-24T12:00:02.050Z\r\n"
            "Subject: Alarm\r\n\r\nText\r\n");
}

TEST_F(Compose, AnEstimateOfTheClocksNeverTurnsTheOrderOfTheStages) {
  record_.clock_offset_us += 10'000'000;
  EXPECT_THAT(compose("\r\n"), HasSubstr("accepted=2026-11-24T12:00:02.050Z; "
                                         "spooled=2026-11-24T12:00:02.050Z;\r\n"
                                         "\tstored=2026-11-24T12:00:02.050Z\r\n"));
}

TEST_F(Compose, SubjectStaysUnlessMarksAreConfigured) {
  const std::string mail = compose("Subject: Alarm\r\n\r\nText\r\n", all);
  EXPECT_THAT(mail, HasSubstr("X-Alarmwire-Mark: late, unassigned, repeat, test\r\n"));
  EXPECT_THAT(mail, HasSubstr("\r\nSubject: Alarm\r\n"));
}

TEST_F(Compose, ConfiguredMarksGoInFrontOfTheSubject) {
  EXPECT_THAT(compose("From: x\r\nSUBJECT:Alarm\r\n folded\r\n\r\nSubject: text\r\n", all, all),
              HasSubstr("\r\nSUBJECT: [Test] [Nachlieferung von 2026-11-24 12:00 UTC] [nicht "
                        "zugeordnet] [evtl. Wiederholung] Alarm\r\n folded\r\n\r\nSubject: text"));
  Marks unassigned;
  unassigned.unassigned = true;
  EXPECT_THAT(compose("Subject: A\r\n\r\n", unassigned, all, Language::en),
              HasSubstr("\r\nSubject: [unassigned] A\r\n"));
}

TEST_F(Compose, AMailWithoutSubjectGetsOne) {
  Marks test;
  test.test = true;
  EXPECT_THAT(compose("From: x\r\n\r\nText\r\n", test, all),
              HasSubstr("From: x\r\nSubject: [Test] \r\n\r\nText\r\n"));
  EXPECT_THAT(compose("\r\nText\r\n", test, all), HasSubstr("Subject: [Test] \r\n\r\nText\r\n"));
}

TEST_F(Compose, TextDoesNotTurnIntoHeader) {
  for (const char* text : {"Alarm at the gate\r\n", " folded start\r\n\r\nx\r\n", ": x\r\n\r\n",
                           "k\xc3\xa4se: x\r\n\r\n", "with space: x\r\n"}) {
    const std::string mail = compose(text);
    EXPECT_THAT(mail, HasSubstr(std::string("Z\r\n\r\n") + text)) << text;
  }
}

TEST_F(Compose, AnEmptyMailIsStillAMail) {
  EXPECT_THAT(compose(""), HasSubstr("Z\r\n\r\n"));
}

TEST_F(Compose, ForgedLinesOfOurOwnAreRenamed) {
  const std::string mail =
      compose("x-alarmwire-BOX: site-b\r\nSubject: x\r\n\r\nX-Alarmwire-Box: text\r\n");
  EXPECT_THAT(mail, HasSubstr("\r\nX-Device-alarmwire-BOX: site-b\r\n"));
  EXPECT_THAT(mail, HasSubstr("\r\nX-Alarmwire-Box: text\r\n"));  // body stays
}

TEST_F(Compose, AHeaderWithoutEndIsMarkedOnlyWhereASubjectStands) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "X-A: b\r\n";
  EXPECT_THAT(compose(lines, all, all), ::testing::EndsWith("Z\r\nX-Alarmwire-Mark: late, "
                                                            "unassigned, repeat, test\r\n" +
                                                            lines));
  EXPECT_THAT(compose("Subject: x\r\n" + lines, all, all), HasSubstr("Subject: [Test] "));
}

TEST_F(Compose, HostileEnvelopeCannotWriteHeaderLines) {
  envelope_.helo = "a\r\nSubject: forged\r\n\r\n";
  envelope_.device = std::string(10'000, '(') + "\r\nX: y";
  envelope_.listener = "x; y";
  envelope_.device_address = "\xff]";
  const std::string mail = compose("Subject: real\r\n\r\n");
  EXPECT_THAT(mail, Not(HasSubstr("\r\nSubject: forged")));
  EXPECT_THAT(mail, StartsWith("Received: "));
  EXPECT_LT(mail.size(), 2000u);
}

TEST(Mime, HeaderTextIsEncodedInWordsOfWholeCharacters) {
  EXPECT_EQ(encode_header_text("plain"), "plain");
  EXPECT_EQ(encode_header_text("Störung"), "=?UTF-8?B?U3TDtnJ1bmc=?=");
  EXPECT_EQ(encode_header_text("a\r\nb"), "=?UTF-8?B?YT8/Yg==?=");
  EXPECT_EQ(encode_header_text("=?x?="), "=?UTF-8?B?PT94Pz0=?=");
  EXPECT_EQ(encode_header_text("\xff"), "=?UTF-8?B?Pw==?=");
  std::string text;
  for (int i = 0; i < 60; ++i) text += "ä";
  const std::string encoded = encode_header_text(text);
  EXPECT_THAT(encoded, HasSubstr("?=\r\n =?UTF-8?B?"));
  std::size_t longest = 0;
  for (std::size_t at = 0; at < encoded.size();) {
    const std::size_t end = std::min(encoded.find("\r\n", at), encoded.size());
    longest = std::max(longest, end - at);
    at = end + 2;
  }
  EXPECT_LE(longest, 76u);
}

TEST(Mime, QuotedPrintableIsSevenBitAndShort) {
  EXPECT_EQ(quoted_printable("a=b\n"), "a=3Db\r\n");
  EXPECT_EQ(quoted_printable("ä \n.x\n"), "=C3=A4=20\r\n=2Ex\r\n");
  const std::string lines = quoted_printable(std::string(500, 'x') + "\n");
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - at, 76u);
    at = end + 2;
  }
}

}  // namespace
}  // namespace alarmwire::outlets
