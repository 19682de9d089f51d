#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "receiver/sites/sites.hpp"

namespace alarmwire::sites {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string problems(const std::string& text) {
  config::Reader reader = config::parse(text, "receiver.toml").value();
  read_sites(reader.root());
  const Status status = reader.finish();
  return status ? std::string() : status.error().diagnostics;
}

TEST(SitesConfig, ReadsABoxWithAllItsKeys) {
  config::Reader reader = config::parse(R"(
[[box]]
id = "site-a"
name = "Werk Süd"
public_key = "abc"
domain = "Werk.internal"
addresses = ["cam1@werk.internal"]
unassigned = "offen@werk.internal"
fault_address = "stoerung@werk.internal"
language = "en"
[[box.address]]
device = "cam2@werk.internal"
ebues = "quelle2@ebues.internal"
[[box]]
id = "site-b"
[sites.centre]
fault_address = "zentrale@ebues.internal"
)",
                                        "receiver.toml")
                              .value();
  const Sites sites = read_sites(reader.root());
  const Status status = reader.finish();
  ASSERT_TRUE(status) << status.error().diagnostics;
  const Box a = sites.box("site-a");
  EXPECT_EQ(a.name, "Werk Süd");
  EXPECT_EQ(a.domain, "werk.internal");
  EXPECT_EQ(a.unassigned, "offen@werk.internal");
  EXPECT_EQ(a.fault_address, "stoerung@werk.internal");
  EXPECT_EQ(sites.language("site-a", Language::de), Language::en);
  EXPECT_EQ(sites.language("site-b", Language::de), Language::de);
  EXPECT_THAT(sites.route("site-a", "", {"cam2@werk.internal"}).recipients,
              ElementsAre("quelle2@ebues.internal"));
  EXPECT_EQ(sites.box("site-b").domain, "site-b.internal");
  EXPECT_EQ(sites.box("centre").fault_address, "zentrale@ebues.internal");
}

TEST(SitesConfig, ConflictsSayWhere) {
  const std::string text = problems(R"([[box]]
id = "site-a"
addresses = ["cam@shared.internal"]
[[box]]
id = "site-b"
addresses = ["cam@shared.internal"]
)");
  EXPECT_THAT(text, HasSubstr("receiver.toml:6:"));
  EXPECT_THAT(text, HasSubstr("bound to box 'site-a' already"));
}

TEST(SitesConfig, BadAddressesAndIdsSayWhere) {
  EXPECT_THAT(problems("[[box]]\nid = \"Site A\"\n"), HasSubstr("receiver.toml:2:"));
  EXPECT_THAT(problems("[[box]]\nid = \"a\"\naddresses = [\"x\"]\n"),
              HasSubstr("receiver.toml:3:"));
  EXPECT_THAT(problems("[[box]]\nid = \"a\"\n[[box.address]]\ndevice = \"a b@c\"\n"),
              HasSubstr("receiver.toml:4:"));
  EXPECT_THAT(problems("[[box]]\nid = \"a\"\nlanguage = \"fr\"\n"), HasSubstr("receiver.toml:3:"));
  EXPECT_THAT(problems("[[box]]\nname = \"x\"\n"), HasSubstr("id"));
}

}  // namespace
}  // namespace alarmwire::sites
