#include "provisioning/site_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alarmwire::provisioning {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string why(const std::string& bytes) {
  const auto parsed = parse_site_table(bytes, "s.csv");
  return parsed ? "taken" : parsed.error().diagnostics;
}

TEST(SiteTable, ReadsOneSiteARow) {
  const auto rows = parse_site_table(
      "site,name,lan,lan_vlan,gateway,dns,devices\n"
      "site-1,\"Werk, Süd\",192.168.10.2/24,12,192.168.10.1,192.168.10.1 9.9.9.9,"
      "\"gate=192.168.10.21; Hof \"\"A\"\"=00:40:8C:12:34:56\"\n"
      "\n"
      "site-2,,dhcp,,,,\n",
      "s.csv");
  ASSERT_TRUE(rows) << rows.error().diagnostics;
  ASSERT_THAT(*rows, SizeIs(2));
  const SiteRow& first = rows->front();
  EXPECT_EQ(first.site, "site-1");
  EXPECT_EQ(first.name, "Werk, Süd");
  EXPECT_EQ(first.document.network.lan, (PortSettings{"192.168.10.2/24", 12}));
  EXPECT_THAT(first.document.network.dns, ::testing::ElementsAre("192.168.10.1", "9.9.9.9"));
  EXPECT_THAT(first.document.devices,
              ::testing::ElementsAre(SiteDevice{"gate", "192.168.10.21", ""},
                                     SiteDevice{"Hof \"A\"", "", "00:40:8c:12:34:56"}));
  EXPECT_EQ(rows->back().site, "site-2");
  EXPECT_EQ(rows->back().line, 4U);
}

// German Excel: semicolons; also tabs, other orders, marks, old line ends.
TEST(SiteTable, TakesWhatSpreadsheetsWrite) {
  for (const char* const text :
       {"\xef\xbb\xbfLAN;Site;devices\r\ndhcp;a;\"x=10.0.0.1;y=10.0.0.2\"\r\n",
        "lan\tsite\tdevices\ndhcp\ta\tx=10.0.0.1;y=10.0.0.2",
        "lan,site,devices\n dhcp , a ,\"x=10.0.0.1\ny=10.0.0.2\"\n,,\n"}) {
    const auto rows = parse_site_table(text, "s.csv");
    ASSERT_TRUE(rows) << rows.error().diagnostics;
    ASSERT_THAT(*rows, SizeIs(1)) << text;
    EXPECT_EQ(rows->front().site, "a");
    EXPECT_EQ(rows->front().document.network.lan->address, "dhcp");
    EXPECT_THAT(rows->front().document.devices, SizeIs(2));
  }
}

TEST(SiteTable, NamesABadCellWithLineAndColumn) {
  const std::string head = "site,lan,lan_vlan,gateway,devices\n";
  EXPECT_THAT(why(head + "a,dhcp,,,\nb,192.168.1.0/24,,,\n"),
              HasSubstr("s.csv:3:3: lan: \"192.168.1.0/24\" is the network itself"));
  EXPECT_THAT(why(head + "ä,dhcp,x,,\n"),
              AllOf(HasSubstr("s.csv:2:1: site: "), HasSubstr("s.csv:2:8: lan_vlan: ")));
  EXPECT_THAT(why(head + "a,192.168.1.2/24,,,\n"), HasSubstr("s.csv:2:19: gateway: is missing"));
  EXPECT_THAT(why(head + "a,,5,,\n"), HasSubstr("lan_vlan: means nothing without lan"));
  EXPECT_THAT(why(head + "a,dhcp,,,x\n"), HasSubstr("s.csv:2:10: devices: x: wanted are"));
  EXPECT_THAT(why(head + "a,dhcp,,,x=y\n"), HasSubstr("x=y: \"y\" is neither"));
  EXPECT_THAT(why(head + "a,dhcp,,,,more\n"), HasSubstr("s.csv:2:11: more cells"));
  EXPECT_THAT(why(head + "a\nb\na\n"), HasSubstr("s.csv:4:1: site: stands in line 2 already"));
  EXPECT_THAT(why(head + "centre\n"), HasSubstr("s.csv:2:1: site: "));
  EXPECT_THAT(why(head + "\"a\n"), HasSubstr("closing quote is missing"));
  EXPECT_THAT(why(head + "\"a\"b,\n"), HasSubstr("text behind the closing quote"));
  EXPECT_THAT(why("site,lam\na,dhcp\n"), HasSubstr("s.csv:1:6: no such column: lam, did you mean "
                                                   "lan?"));
  EXPECT_THAT(why("site,site\na,b\n"), HasSubstr("there already"));
  EXPECT_THAT(why("lan\ndhcp\n"), HasSubstr("one of them is site"));
  EXPECT_THAT(why("site,name\na,T\xfcr\n"), HasSubstr("s.csv: line 2, column 4"));
  EXPECT_THAT(why(""), HasSubstr("is empty"));
  EXPECT_THAT(why(head), HasSubstr("has no sites"));
}

TEST(SiteTable, IsBounded) {
  std::string many = "site\n";
  for (int i = 0; i <= 5000; ++i) many += "s" + std::to_string(i) + "\n";
  EXPECT_THAT(why(many), HasSubstr("more than 5000 sites"));
  std::string bad = "site\n";
  for (int i = 0; i < 60; ++i) bad += "S\n";
  EXPECT_THAT(why(bad), HasSubstr("… and 69 more")) << "each is also there already";
  EXPECT_THAT(why(std::string(table_bytes_max + 1, 'a')), HasSubstr("bytes"));
}

}  // namespace
}  // namespace alarmwire::provisioning
