#include "edge/smtp/path.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "edge/smtp/limits.hpp"
#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

struct Case {
  const char* argument;
  const char* address;
  const char* parameters;
};

TEST(Path, IsTakenAsDevicesWriteIt) {
  const Case cases[] = {
      {"FROM:<a@b>", "a@b", ""},
      {"FROM:<a@b> SIZE=1 X", "a@b", "SIZE=1 X"},
      {"from: a@b SIZE=1", "a@b", "SIZE=1"},
      {"FROM : < a@b > SIZE=1", "a@b", "SIZE=1"},
      {"FROM<a@b>", "a@b", ""},
      {"FROM a@b", "a@b", ""},
      {"FROM:<a@b", "a@b", ""},
      {"FROM:a@b>", "a@b", ""},
      {"FROM:<a@b>SIZE=1", "a@b", "SIZE=1"},
      {"FROM:Camera 1 <a@b> SIZE=1", "a@b", "SIZE=1"},
      {"FROM:\"C <1>\" <a@b>", "a@b", ""},
      {"FROM:\"never closed <a@b>", "a@b", ""},
      {"FROM:<\"a b>\"@c> X", "\"a b>\"@c", "X"},
      {"FROM:\"a b\"@c X", "\"a b\"@c", "X"},
      {"FROM:<\"a\\\"b\"@c>", "\"a\\\"b\"@c", ""},
      {"FROM:<@r,@s:a@b>", "a@b", ""},
      {"FROM:<>", "", ""},
      {"FROM:", "", ""},
      {"FROM:<> BODY=7BIT", "", "BODY=7BIT"},
  };
  for (const Case& one : cases) {
    const auto path = parse_path(one.argument, "FROM");
    ASSERT_TRUE(path) << one.argument;
    EXPECT_EQ(path->address, one.address) << one.argument;
    EXPECT_EQ(path->parameters, one.parameters) << one.argument;
  }
}

TEST(Path, IsRefusedWithoutKeywordWithControlBytesAndWhenTooLong) {
  for (const char* argument : {"", "TO:<a>", "FROMX:<a>", "FROM:<a\rb>", "FROM:<a\tb>", "FRO"}) {
    EXPECT_FALSE(parse_path(argument, "FROM")) << argument;
  }
  const std::string name(path_bytes_max, 'a');
  EXPECT_TRUE(parse_path("FROM:<" + name + ">", "FROM"));
  EXPECT_FALSE(parse_path("FROM:<a" + name + ">", "FROM"));
}

TEST(Path, ADomainIsInAZoneOrBelowIt) {
  const std::vector<std::string> zones{"internal", "alarm.lan"};
  for (const char* address :
       {"a@internal", "a@edge.INTERNAL", "a@b@edge.internal.", "a@alarm.lan", "a@x.alarm.lan"}) {
    EXPECT_TRUE(in_zones(domain_of(address), zones)) << address;
  }
  for (const char* address : {"a@xinternal", "a@internal.com", "a@lan", "a@x-alarm.lan",
                              "a@edge.internal\"x", "a@[192.0.2.1]", "a@.com"}) {
    EXPECT_FALSE(in_zones(domain_of(address), zones)) << address;
  }
  EXPECT_EQ(domain_of("alarm"), "");
  EXPECT_EQ(domain_of("\"a@gmail.com\""), "");
}

TEST(Parameters, AreReadOrIgnored) {
  const auto read = parse_mail_parameters("size=42 body=8bitmime smtputf8 ENVID=x RET=FULL");
  EXPECT_EQ(read.size, 42u);
  EXPECT_TRUE(read.body_8bit);
  EXPECT_TRUE(read.smtputf8);
  EXPECT_TRUE(read.quirks.empty());
  EXPECT_FALSE(parse_mail_parameters("SIZE=12x").size);
  EXPECT_FALSE(parse_mail_parameters("SIZE").size);
  EXPECT_FALSE(parse_mail_parameters("SIZE=-1").size);
  EXPECT_EQ(parse_mail_parameters("SIZE=99999999999999999999999").size,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(parse_mail_parameters("FOO=1").quirks.has(Quirk::unknown_parameter));
  EXPECT_TRUE(check_rcpt_parameters("NOTIFY=NEVER ORCPT=rfc822;a").empty());
  EXPECT_TRUE(check_rcpt_parameters("X").has(Quirk::unknown_parameter));
}

TEST(Text, CleanIsUtf8WithoutControlBytesAndBounded) {
  EXPECT_EQ(clean("T\xfcr\n\x7f", 100), "T\xc3\xbcr??");
  EXPECT_EQ(clean("T\xc3\xbcr", 100), "T\xc3\xbcr");
  EXPECT_EQ(clean("T\xc3\xbcr", 2), "T");
  EXPECT_EQ(clean("\xfc\xfc", 3), "\xc3\xbc");
  EXPECT_EQ(clean("", 3), "");
}

}  // namespace
}  // namespace alarmwire::smtp
