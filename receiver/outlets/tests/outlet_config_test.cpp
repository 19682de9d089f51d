#include "receiver/outlets/outlet_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace alarmwire::outlets {
namespace {

using ::testing::HasSubstr;

std::string problems(const std::string& text) {
  config::Reader reader = config::parse(text, "receiver.toml").value();
  read_outlets(reader.root());
  const Status status = reader.finish();
  return status ? std::string() : status.error().diagnostics;
}

TEST(OutletConfig, DefaultsServeAPlainServer) {
  config::Reader reader = config::parse("[[outlet]]\nhost = \"10.0.0.5\"\n", "r.toml").value();
  const auto outlets = read_outlets(reader.root());
  ASSERT_TRUE(reader.finish());
  ASSERT_EQ(outlets.size(), 1u);
  EXPECT_EQ(outlets[0].name, "ebues");
  EXPECT_EQ(outlets[0].target(), "10.0.0.5:25");
  EXPECT_EQ(outlets[0].language, sites::Language::de);
  EXPECT_FALSE(outlets[0].marks.late || outlets[0].marks.unassigned || outlets[0].marks.test);
  EXPECT_FALSE(outlets[0].ehlo_name.empty());
}

TEST(OutletConfig, ReadsEveryKey) {
  const std::string path = ::testing::TempDir() + "outlet_password";
  std::ofstream(path) << "secret\n";
  config::Reader reader = config::parse(R"(
[[outlet]]
name = "ebues-2"
kind = "smtp"
host = "fd00::5"
tls = "smtps"
verify = false
username = "alarm"
password_file = ")" + path + R"("
ehlo_name = "centre.internal"
connect_timeout = "2s"
total_timeout = "60s"
warm_every = "0s"
connections = 2
stalled_after = "90s"
language = "en"
marks = ["late", "repeat"]
late_after = "5m"
test_address = "test@ebues.internal"
)",
                                        "r.toml")
                              .value();
  const auto outlets = read_outlets(reader.root());
  const Status status = reader.finish();
  ASSERT_TRUE(status) << status.error().diagnostics;
  EXPECT_EQ(outlets[0].target(), "[fd00::5]:465");
  EXPECT_EQ(outlets[0].password, "secret");
  EXPECT_EQ(outlets[0].connections, 2u);
  EXPECT_EQ(outlets[0].stalled_after, std::chrono::seconds(90));
  EXPECT_TRUE(outlets[0].marks.late && outlets[0].marks.repeat && !outlets[0].marks.test);
  EXPECT_FALSE(outlets[0].verify);
  EXPECT_EQ(outlets[0].test_address, "test@ebues.internal");
}

TEST(OutletConfig, ProblemsSayWhere) {
  EXPECT_THAT(problems("[[outlet]]\n"), HasSubstr("host"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a b\"\n"), HasSubstr("receiver.toml:2:"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a/../x?y\"\n"), HasSubstr("receiver.toml:2:"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\nkind = \"fax\"\n"), HasSubstr("toml:3:"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\nmarks = [\"x\"]\n"), HasSubstr("toml:3:"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\ntest_address = \"x\"\n"), HasSubstr("toml:3:"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\nusername = \"x\"\n"), HasSubstr("password"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\nca_file = \"/nowhere\"\n"), HasSubstr("toml:3:"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\n[[outlet]]\nhost = \"b\"\n"), HasSubstr("twice"));
  EXPECT_THAT(problems("[[outlet]]\nhost = \"a\"\nprot = 25\n"), HasSubstr("prot"));
}

}  // namespace
}  // namespace alarmwire::outlets
