#include "receiver/outlets/line_ends.hpp"

#include <gtest/gtest.h>

#include <random>

#include "receiver/outlets/tests/smuggling.hpp"

namespace alarmwire::outlets {
namespace {

std::string safe(std::string_view bytes) {
  return through_line_ends(bytes, 1'000'000);
}

TEST(LineEnds, WhatIsRightStaysAsItIs) {
  EXPECT_EQ(safe(""), "");
  EXPECT_EQ(safe("a\r\nb\r\n"), "a\r\nb\r\n");
  EXPECT_EQ(safe("\r\n\r\n"), "\r\n\r\n");
  EXPECT_EQ(safe(".\r\n..\r\n"), ".\r\n..\r\n");
}

TEST(LineEnds, BareOnesBecomeCrlf) {
  EXPECT_EQ(safe("a\nb\n"), "a\r\nb\r\n");
  EXPECT_EQ(safe("a\rb\r"), "a\r\nb\r\n");
  EXPECT_EQ(safe("a\n\rb"), "a\r\n\r\nb\r\n");
  EXPECT_EQ(safe("a\r\rb"), "a\r\n\r\nb\r\n");
  EXPECT_EQ(safe("a\r\r\nb"), "a\r\nb\r\n");
  EXPECT_EQ(safe("a\r\r\r\nb"), "a\r\n\r\nb\r\n");
}

TEST(LineEnds, TheLastLineIsCompleted) {
  EXPECT_EQ(safe("a"), "a\r\n");
  EXPECT_EQ(safe("a\r"), "a\r\n");
  EXPECT_EQ(safe("."), ".\r\n");
}

TEST(LineEnds, NulGoes) {
  EXPECT_EQ(safe(std::string_view("a\0b\r\0\nc", 8)), "ab\r\nc\r\n");
  EXPECT_EQ(safe(std::string_view("\r\n\0.\r\n", 6)), "\r\n.\r\n");
}

TEST(LineEnds, NoSmugglingSequenceSurvivesHoweverItIsCut) {
  const std::string second = "MAIL FROM:<x@y>\r\nRCPT TO:<cam1@site-b.internal>\r\nDATA\r\n";
  for (const std::string& end :
       {std::string("\n.\n"), std::string("\n.\r\n"), std::string("\r\n.\n"), std::string("\r.\r"),
        std::string("\r.\r\n"), std::string("\r\n.\r\r\n"), std::string("\r\r\n.\r\n"),
        std::string("\r\n\0.\r\n", 6), std::string("\n\0.\0\n", 5), std::string("\r\n.\r\n"),
        std::string("\n\n.\n\n"), std::string("\r\n.\r\0\n", 6)}) {
    const std::string mail = "Subject: x\r\n\r\ntext" + end + second;
    const std::string whole = safe(mail);
    EXPECT_TRUE(has_only_crlf(whole));
    EXPECT_TRUE(ends_exactly_once(whole));
    for (std::size_t cut = 1; cut < mail.size(); ++cut)
      ASSERT_EQ(through_line_ends(mail, cut), whole) << cut;
  }
}

TEST(LineEnds, RandomBytesEndExactlyOnce) {
  std::mt19937 random(17);
  const std::string_view alphabet("\r\n.\0ab", 6);
  for (int round = 0; round < 20'000; ++round) {
    std::string mail;
    for (std::size_t size = random() % 24; mail.size() < size;)
      mail += alphabet[random() % alphabet.size()];
    const std::string whole = safe(mail);
    ASSERT_TRUE(has_only_crlf(whole));
    ASSERT_TRUE(ends_exactly_once(whole));
    ASSERT_EQ(through_line_ends(mail, 1 + random() % 5), whole);
    ASSERT_EQ(safe(whole), whole);
    ASSERT_EQ(dot_stuffed(whole, 1 + random() % 5), dot_stuffed(whole));
  }
}

TEST(DotStuffing, OnlyDotsAtTheStartOfALineAreDoubled) {
  EXPECT_EQ(dot_stuffed(""), ".\r\n");
  EXPECT_EQ(dot_stuffed("a.b\r\n"), "a.b\r\n.\r\n");
  EXPECT_EQ(dot_stuffed(".\r\n..a\r\n"), "..\r\n...a\r\n.\r\n");
  EXPECT_EQ(dot_stuffed(".\r\n.\r\n", 1), "..\r\n..\r\n.\r\n");
  EXPECT_EQ(dot_stuffed("no line end"), "no line end\r\n.\r\n");
}

TEST(LineEnds, MemoryIsBounded) {
  LineEnds line_ends;
  std::string out;
  line_ends.feed(std::string(65536, '\r'), out);
  EXPECT_LE(out.size(), 2 * 65536u + 4);
}

}  // namespace
}  // namespace alarmwire::outlets