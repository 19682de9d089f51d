#include "receiver/outlets/fault_mail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "receiver/outlets/tests/smuggling.hpp"

namespace alarmwire::outlets {
namespace {

using sites::Language;
using ::testing::HasSubstr;
using ::testing::Not;

// Undoes quoted-printable, enough for our own.
std::string decode(const std::string& mail) {
  const std::string text = mail.substr(mail.find("\r\n\r\n") + 4);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
    } else if (text[i + 1] == '\r') {
      i += 2;
    } else {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
  }
  return out;
}

class FaultMail : public ::testing::Test {
 protected:
  FaultMail() {
    record_.box = "site-a";
    record_.header.id = *AlarmId::parse("0192f0c1-0000-7000-8000-000000000001");
    record_.header.accepted_us = 1'795'521'600'000'000;
    record_.stored_us = record_.header.accepted_us;
    envelope_.kind = RecordKind::fault;
    envelope_.fault_code = "tunnel-silent";
    envelope_.fault_subject = "site-a";
    envelope_.fault_reason = "nothing heard for 20 s";
    box_.name = "Werk Süd";
  }
  std::string mail(Language language) {
    return fault_mail(Trace{"centre.internal", &record_, &envelope_}, {}, box_, language);
  }
  ledger::Record record_;
  Envelope envelope_;
  sites::Box box_ = sites::default_box("site-a");
};

TEST_F(FaultMail, SaysWhatWhereSinceWhenAndWhatToDo) {
  const std::string text = mail(Language::de);
  EXPECT_THAT(text, HasSubstr("\r\nFrom: Alarmwire <box@site-a.internal>\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nTo: <box@site-a.internal>\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nSubject: =?UTF-8?B?"));
  EXPECT_THAT(text, HasSubstr("\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nMessage-ID: <0192f0c1-0000-7000-8000-000000000001@centre"));
  EXPECT_THAT(text, HasSubstr("\r\nMIME-Version: 1.0\r\n"));
  const std::string body = decode(text);
  EXPECT_THAT(body, HasSubstr("Störung: Tunnel still – Standort Werk Süd"));
  EXPECT_THAT(body, HasSubstr("Betrifft: site-a"));
  EXPECT_THAT(body, HasSubstr("Grund: nothing heard for 20 s"));
  EXPECT_THAT(body, HasSubstr("Seit: 24.11.2026"));
  EXPECT_THAT(body, HasSubstr("Was tun: "));
  EXPECT_THAT(body, HasSubstr("Meldung: 0192f0c1"));
}

TEST_F(FaultMail, TheEndSaysSo) {
  envelope_.kind = RecordKind::fault_end;
  const std::string text = mail(Language::en);
  const std::string body = decode(text);
  EXPECT_THAT(body, HasSubstr("Fault over: Tunnel silent – site Werk Süd"));
  EXPECT_THAT(body, HasSubstr("Over since: "));
  EXPECT_THAT(body, Not(HasSubstr("What to do")));
}

TEST_F(FaultMail, EveryCodeHasWordsInBothLanguages) {
  std::set<std::string_view> codes;
  for (const std::string_view code : known_fault_codes()) {
    EXPECT_TRUE(codes.insert(code).second) << code << " twice";
    for (const Language language : {Language::de, Language::en}) {
      EXPECT_FALSE(fault_words(code, language).title.empty()) << code;
      EXPECT_FALSE(fault_words(code, language).advice.empty()) << code;
    }
  }
  for (const char* code :
       {"tunnel-silent",   "spool-full",     "spool-quarantined", "upload-swept",
        "row-unreadable",  "mail-lost",      "ledger-full",       "ledger-disk-80",
        "outlet-stalled",  "outlet-parked",  "outlet-refused",    "records-missing",
        "record-conflict", "record-never",   "box-cloned",        "ledger-unreadable",
        "not-listening",   "outlet-missing", "daemon-crashed",    "tunnel-daemon",
        "record-mismatch", "boxes-silent",   "link-stuck"})
    EXPECT_EQ(codes.count(code), 1u) << code;
}

TEST_F(FaultMail, AnUnknownCodeIsStillTold) {
  envelope_.fault_code = "from-the-future";
  const std::string text = mail(Language::de);
  EXPECT_THAT(decode(text), HasSubstr("Kennung: from-the-future"));
  EXPECT_THAT(decode(text), HasSubstr("Grund: nothing heard for 20 s"));
}

TEST_F(FaultMail, HostileReasonsStayOneLine) {
  envelope_.fault_reason = "x\r\n.\r\nMAIL FROM:<y>\nWas tun: nichts";
  envelope_.fault_subject = std::string(100'000, 's');
  box_.name = "A\r\nBcc: all@world";
  const std::string text = mail(Language::de);
  EXPECT_TRUE(has_only_crlf(text));
  EXPECT_TRUE(ends_exactly_once(text));
  EXPECT_LT(text.size(), 20'000u);
  EXPECT_THAT(text, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(decode(text), Not(HasSubstr("\nWas tun: nichts")));
}

TEST_F(FaultMail, IsSevenBit) {
  for (const char c : mail(Language::de)) ASSERT_GE(c, 0);
  for (const char c : test_mail("h", "t@x.internal", AlarmId{}, Language::de, 1)) ASSERT_GE(c, 0);
}

}  // namespace
}  // namespace alarmwire::outlets
