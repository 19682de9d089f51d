#include "provisioning/plain_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alarmwire::provisioning {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

std::string why(const std::string& bytes) {
  const Result<std::string> text = plain_text(bytes);
  return text ? "taken" : text.error().diagnostics;
}

std::string as_utf16(const std::u16string& text, bool is_big) {
  std::string bytes;
  for (const char16_t unit : text) {
    const auto low = static_cast<char>(unit & 0xff);
    const auto high = static_cast<char>(unit >> 8);
    bytes += is_big ? high : low;
    bytes += is_big ? low : high;
  }
  return bytes;
}

TEST(PlainText, TakesWhatEditorsWrite) {
  EXPECT_EQ(plain_text("Tür\r\n").value(), "Tür\r\n");
  EXPECT_EQ(plain_text("\xef\xbb\xbfTür").value(), "Tür");
  EXPECT_EQ(plain_text("").value(), "");
  for (const bool is_big : {false, true}) {
    EXPECT_EQ(plain_text(as_utf16(u"\ufeffTür € \U0001f6aa", is_big)).value(), "Tür € \U0001f6aa");
    EXPECT_EQ(plain_text(as_utf16(u"ALARM", is_big)).value(), "ALARM") << "without a mark";
  }
}

TEST(PlainText, SaysWhereOtherBytesAre) {
  EXPECT_THAT(why("site\nT\xfcr"), HasSubstr("line 2, column 2"));
  EXPECT_THAT(why("a\nT\xc3\xbcr\xff"), HasSubstr("line 2, column 4")) << "characters, not bytes";
  EXPECT_THAT(why("T\xfcr"), HasSubstr("encoding UTF-8"));
  EXPECT_THAT(why("\x89PNG\r\n\x1a\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(why("abc\0def"s), HasSubstr("no text"));
  EXPECT_THAT(why(as_utf16({u'\ufeff', u'a', char16_t(0xdc00), u'b'}, false)),
              HasSubstr("no UTF-16"));
  EXPECT_THAT(why(as_utf16({u'\ufeff', u'a', char16_t(0xd800)}, false)), HasSubstr("no UTF-16"));
  EXPECT_THAT(why(as_utf16({u'\ufeff', char16_t(0xdc00), char16_t(0xdc00)}, false)),
              HasSubstr("no UTF-16"));
  EXPECT_THAT(why(as_utf16({u'\ufeff', u'\0', u'a'}, true)), HasSubstr("no text"));
}

}  // namespace
}  // namespace alarmwire::provisioning
