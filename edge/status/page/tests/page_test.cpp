#include "edge/status/page/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alarmwire::page {
namespace {

using provisioning::Note;
using provisioning::Step;
using ::testing::HasSubstr;
using ::testing::Not;

class PageTest : public ::testing::Test {
 protected:
  PageTest() {
    state_.standing = BoxState::Standing::open;
    request_.method = "GET";
    request_.target = "/";
    request_.host = "192.168.1.2:8080";
    request_.local_address = "192.168.1.2";
    request_.local_port = 8080;
  }
  void post(const std::string& path, const std::string& body) {
    request_.method = "POST";
    request_.target = path;
    request_.origin = "http://" + request_.host;
    request_.body = body;
  }
  Answer answer() const {
    const Reply reply = page_.take(request_, state_);
    const auto* const ready = std::get_if<Answer>(&reply);
    return ready != nullptr ? *ready : Answer{0, {}, {}, {}};
  }
  void at(Step step, Note note, const std::string& detail = {}) {
    state_.enrolment.step = step;
    state_.enrolment.note = note;
    state_.enrolment.detail = detail;
  }

  Page page_{{"edge.internal"}, "secret-token"};
  Request request_;
  BoxState state_;
};

TEST_F(PageTest, AnOpenBoxAsksForATicketInTheReadersLanguage) {
  EXPECT_THAT(answer().body, HasSubstr("needs a ticket"));
  request_.accept_language = "fr, de-AT;q=0.9, en;q=0.5";
  EXPECT_THAT(answer().body, HasSubstr("<html lang=\"de\">"));
  EXPECT_THAT(answer().body, HasSubstr("braucht ein Ticket"));
  request_.cookie = "a=b; language=en";
  EXPECT_THAT(answer().body, HasSubstr("<html lang=\"en\">"));
  request_.target = "/?language=de";
  EXPECT_THAT(answer().body, HasSubstr("<html lang=\"de\">"));
  ASSERT_EQ(answer().headers.size(), 1U);
  EXPECT_THAT(answer().headers.front().second, HasSubstr("language=de;"));
}

TEST_F(PageTest, TheBoxsAuthorityIsThereForDevicesInBothForms) {
  EXPECT_THAT(answer().body, Not(HasSubstr("/ca.pem")));
  for (const char* const path : {"/ca.pem", "/ca.der"}) {
    request_.target = path;
    EXPECT_EQ(answer().status, 404U) << path;
  }
  state_.ca_pem = "-----BEGIN CERTIFICATE-----\nMIIB\nAAEC\n-----END CERTIFICATE-----\n";
  request_.target = "/ca.pem";
  EXPECT_EQ(answer().body, state_.ca_pem);
  request_.target = "/ca.der";
  EXPECT_EQ(answer().body, std::string("\x30\x82\x01\0\x01\x02", 6));
  EXPECT_THAT(answer().headers.at(0).second, HasSubstr("attachment"));
  request_.target = "/";
  EXPECT_THAT(answer().body, HasSubstr("href=\"/ca.der\""));
}

TEST_F(PageTest, ANameThatIsNotTheBoxsHearsNothing) {
  for (const char* const host : {"evil.example", "192.168.1.2", "192.168.1.3:8080", "",
                                 "edge.internal.evil.example:8080", "EDGE@192.168.1.2:8080"}) {
    request_.host = host;
    EXPECT_EQ(answer().status, 421U) << host;
    EXPECT_THAT(answer().body, Not(HasSubstr("token"))) << host;
  }
  request_.host = "edge.internal:8080";
  EXPECT_EQ(answer().status, 200U);
  request_.local_port = 80;
  request_.local_address = "fe80::2";
  request_.host = "[fe80::2]";
  EXPECT_EQ(answer().status, 200U);
}

TEST_F(PageTest, AFormOfAnotherSiteOrAnotherLifeIsRefused) {
  post("/ticket", "token=secret-token&ticket=A");
  EXPECT_TRUE(std::holds_alternative<TakeTicket>(page_.take(request_, state_)));
  for (const char* const origin : {"", "null", "http://evil.example", "https://192.168.1.2:8080"}) {
    request_.origin = origin;
    EXPECT_EQ(answer().status, 403U) << origin;
  }
  for (const char* const body : {"ticket=A", "token=&ticket=A", "token=secret-tokeN&ticket=A"}) {
    post("/ticket", body);
    EXPECT_EQ(answer().status, 403U) << body;
  }
  request_.content_type = "multipart/form-data; boundary=b";
  post("/photo", "--b\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nPNG\r\n--b--\r\n");
  EXPECT_EQ(answer().status, 403U);
}

TEST_F(PageTest, APhotoIsHandedOnByteForByte) {
  request_.content_type = "multipart/form-data; boundary=b";
  post("/photo",
       "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nsecret-token\r\n"
       "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"x\"\r\n\r\n\x89PNG\r\n"
       "--b--\r\n");
  const Reply reply = page_.take(request_, state_);
  ASSERT_TRUE(std::holds_alternative<ReadPhoto>(reply));
  EXPECT_EQ(std::get<ReadPhoto>(reply).bytes, "\x89PNG");
}

TEST_F(PageTest, AnEnrolledOrUnknownBoxTakesNothing) {
  post("/ticket", "token=secret-token&ticket=A");
  state_.standing = BoxState::Standing::enrolled;
  EXPECT_EQ(answer().status, 403U);
  EXPECT_THAT(answer().body, Not(HasSubstr("<form")));
  state_.standing = BoxState::Standing::unknown;
  EXPECT_EQ(answer().status, 503U);
  EXPECT_THAT(answer().body, Not(HasSubstr("<form")));
}

TEST_F(PageTest, EachStateSaysWhatIsSoAndWhatToDo) {
  request_.target = "/state";
  at(Step::network, Note::no_answer, "192.0.2.1:51820");
  state_.enrolment.words = "a b c d e f";
  EXPECT_THAT(answer().body, HasSubstr("<li class=\"done\" id=\"step-ticket\">"));
  EXPECT_THAT(answer().body, HasSubstr("<li class=\"now\" id=\"step-network\">"));
  EXPECT_THAT(answer().body, HasSubstr("<li class=\"todo\" id=\"step-alarm\">"));
  EXPECT_THAT(answer().body, HasSubstr("no answer yet from the centre at 192.0.2.1:51820"));
  EXPECT_THAT(answer().body, HasSubstr("firewall"));
  EXPECT_THAT(answer().body, HasSubstr("a b c d e f"));
  at(Step::refused, Note::ticket_used);
  state_.enrolment.stopped_at = Step::centre;
  request_.cookie = "language=de";
  EXPECT_THAT(answer().body, HasSubstr("<li class=\"done\" id=\"step-network\">"));
  EXPECT_THAT(answer().body, HasSubstr("<li class=\"stopped\" id=\"step-centre\">"));
  EXPECT_THAT(answer().body, HasSubstr("schon von einer anderen Box benutzt"));
  EXPECT_THAT(answer().body, Not(HasSubstr("a b c d e f")));
  at(Step::done, Note::tested, "180");
  state_.standing = BoxState::Standing::enrolled;
  state_.colour = "green";
  EXPECT_THAT(answer().body, HasSubstr("<li class=\"done\" id=\"step-alarm\">"));
  EXPECT_THAT(answer().body, HasSubstr("nach 180 ms quittiert"));
  EXPECT_THAT(answer().body, HasSubstr("Alarme erreichen die Zentrale"));
}

TEST_F(PageTest, WhatTheCentreAndTheBoxSayIsNoMarkup) {
  at(Step::centre, Note::call_failed, "<script>alert(1)</script>");
  state_.standing = BoxState::Standing::enrolled;
  state_.enrolment.box_name = "\"><img src=x>";
  state_.reason = "<b>";
  state_.faults = {"x: '<i>'"};
  const std::string body = answer().body;
  for (const char* const tag : {"<script>alert", "<img", "<b>", "<i>"})
    EXPECT_THAT(body, Not(HasSubstr(tag)));
  EXPECT_THAT(body, HasSubstr("&lt;script&gt;"));
}

TEST_F(PageTest, TroubleIsSaidBesideTheFormAndNothingOfTheTicketIsRepeated) {
  post("/ticket", "token=secret-token&ticket=ALARMWIRE%3AWRONG");
  const Answer said = page_.taken(request_, state_, Trouble::ticket, "a wrong character");
  EXPECT_EQ(said.status, 400U);
  EXPECT_THAT(said.body, HasSubstr("a wrong character"));
  EXPECT_THAT(said.body, HasSubstr("<form"));
  EXPECT_THAT(said.body, Not(HasSubstr("WRONG")));
  EXPECT_EQ(page_.taken(request_, state_, Trouble::none, "").status, 303U);
}

TEST_F(PageTest, NoAnswerLetsForeignSourcesIn) {
  std::string all;
  for (const auto& [name, value] : guarding_headers()) all += name + ": " + value + "\n";
  for (const char* const wanted : {"default-src 'none'", "frame-ancestors 'none'",
                                   "Cache-Control: no-store", "X-Frame-Options: DENY", "nosniff"})
    EXPECT_THAT(all, HasSubstr(wanted));
  EXPECT_THAT(all, Not(HasSubstr("unsafe")));
  for (const char* const path : {"/", "/page.css", "/page.js"}) {
    request_.target = path;
    EXPECT_EQ(answer().status, 200U);
    EXPECT_THAT(answer().body, Not(HasSubstr("://")));
    EXPECT_THAT(answer().body, Not(HasSubstr(" style=")));
  }
  request_.target = "/../etc/passwd";
  EXPECT_EQ(answer().status, 404U);
  request_.method = "DELETE";
  EXPECT_EQ(answer().status, 405U);
}

}  // namespace
}  // namespace alarmwire::page
