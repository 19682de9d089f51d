#include "common/text.hpp"

#include <gtest/gtest.h>

namespace alarmwire {
namespace {

TEST(Text, KnowsWellFormedUtf8) {
  EXPECT_EQ(utf8_length("a"), 1u);
  EXPECT_EQ(utf8_length("ä…"), 2u);
  EXPECT_EQ(utf8_length("…"), 3u);
  EXPECT_EQ(utf8_length("\U0001F6A8"), 4u);
  for (const char* const bad : {"", "\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                                "\xe2\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff"})
    EXPECT_EQ(utf8_length(bad), 0u) << printable(bad);
}

TEST(Text, ScrubsOnlyWhatIsMalformed) {
  EXPECT_EQ(scrub_utf8("Tür \n"), "Tür \n");
  EXPECT_EQ(scrub_utf8("T\xfcr"), "T\ufffdr");
  EXPECT_EQ(scrub_utf8("\xe2\x80"), "\ufffd\ufffd");
}

TEST(Text, ShowsControlBytesAndNeverSendsThem) {
  EXPECT_EQ(printable("a\r\nb\tc"), R"(a\r\nb\tc)");
  EXPECT_EQ(printable("\x1b[31m"), R"(\x1b[31m)");
  EXPECT_EQ(printable(std::string("\0\x7f", 2)), R"(\x00\x7f)");
  EXPECT_EQ(printable("\u009b\u2028"), R"(\xc2\x9b\xe2\x80\xa8)");
  EXPECT_EQ(printable("T\xfcr Tür"), R"(T\xfcr Tür)");
  EXPECT_EQ(printable(R"(\x1b)"), R"(\\x1b)");
}

TEST(Text, CutsLongTextOff) {
  EXPECT_EQ(printable("abcdef", 3), "abc…");
  EXPECT_EQ(printable("abc", 3), "abc");
}

TEST(Text, CountsHowManyLettersDiffer) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("listen", "listen"), 0u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_GT(edit_distance(std::string(65, 'a'), std::string(65, 'a')), 64u);
}

}  // namespace
}  // namespace alarmwire
