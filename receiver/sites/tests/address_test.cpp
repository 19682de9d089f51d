#include "receiver/sites/address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace alarmwire::sites {
namespace {

TEST(Address, PlainOnesPass) {
  for (const char* text : {"cam1@site-a.internal", "a@b", "Cam_1+x=y.z-2@Site-A.INTERNAL"})
    EXPECT_TRUE(parse_address(text)) << text;
  EXPECT_EQ(parse_address("Cam1@Site-A.Internal")->text(), "Cam1@site-a.internal");
  EXPECT_EQ(parse_address("Cam1@Site-A.Internal")->folded(), "cam1@site-a.internal");
}

TEST(Address, HostileOnesDoNot) {
  const std::string nul("a\0b@c.internal", 14);
  for (const std::string& text : {std::string(),
                                  std::string("@"),
                                  std::string("a@"),
                                  std::string("@b"),
                                  std::string("nobody"),
                                  std::string("a@b\r\nRCPT TO:<x@y>"),
                                  std::string("a\r\n@b"),
                                  std::string("a@b>"),
                                  std::string("<a@b>"),
                                  std::string("a b@c"),
                                  std::string("a@b c"),
                                  std::string("\"quoted\"@b"),
                                  std::string("\"a@b\"@c"),
                                  std::string("@relay:a@b"),
                                  std::string("a%b@c"),
                                  std::string("a!b@c"),
                                  std::string("a@b@c"),
                                  std::string("a/b@c"),
                                  std::string("|sh@c"),
                                  std::string("-option@c"),
                                  std::string(".a@b"),
                                  std::string("a.@b"),
                                  std::string("a..b@c"),
                                  std::string("a@.b"),
                                  std::string("a@b."),
                                  std::string("a@b..c"),
                                  std::string("a@-b"),
                                  std::string("a@b-"),
                                  std::string("a@[::1]"),
                                  std::string("k\xc3\xa4se@b"),
                                  std::string("a@k\xc3\xa4se.de"),
                                  std::string("a@b,c@d"),
                                  std::string("a;b@c"),
                                  std::string(" a@b"),
                                  std::string("a@b "),
                                  nul,
                                  std::string(65, 'a') + "@b",
                                  std::string(10'000, 'a') + "@b",
                                  "a@" + std::string(64, 'b'),
                                  "a@" + std::string(10'000, 'b')})
    EXPECT_FALSE(parse_address(text)) << text.substr(0, 80);
}

TEST(Address, LimitsAreInclusive) {
  EXPECT_TRUE(parse_address(std::string(64, 'a') + "@b"));
  EXPECT_TRUE(parse_address("a@" + std::string(63, 'b')));
}

}  // namespace
}  // namespace alarmwire::sites
