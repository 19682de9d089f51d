#include "common/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <cmath>
#include <limits>

namespace alarmwire::log {
namespace {

constexpr Event door_event{"SMTP_TEST_EVENT", Level::warning, "something happened"};
constexpr Event quiet_event{"SMTP_TEST_QUIET", Level::debug, "nobody listens"};

std::string last_line;

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    last_line.clear();
    set_sink([](const Event&, std::string_view line) { last_line = line; });
  }
  ~LogTest() override {
    set_sink(nullptr);
    set_level(Level::info);
  }
  static boost::json::object logged() { return boost::json::parse(last_line).as_object(); }
};

TEST_F(LogTest, WritesOneJsonObject) {
  write(door_event, {{"device", "cam-1"}, {"size_bytes", 1024}, {"ratio", 0.5}});
  const boost::json::object line = logged();
  EXPECT_EQ(line.at("id").as_string(), "SMTP_TEST_EVENT");
  EXPECT_EQ(line.at("level").as_string(), "warning");
  EXPECT_EQ(line.at("text").as_string(), "something happened");
  EXPECT_EQ(line.at("room").as_string(), "smtp");
  EXPECT_EQ(line.at("time").as_string().size(), 24u);
  EXPECT_EQ(line.at("fields").at("device").as_string(), "cam-1");
  EXPECT_EQ(line.at("fields").at("size_bytes").as_int64(), 1024);
  EXPECT_EQ(line.at("fields").at("ratio").as_double(), 0.5);
}

TEST_F(LogTest, StaysOneParsableLineWhateverADeviceSays) {
  std::string everything;
  for (int byte = 0; byte < 256; ++byte) everything += static_cast<char>(byte);
  write(door_event, {{"helo", everything}});
  EXPECT_EQ(last_line.find_first_of("\r\n\x1b"), std::string::npos);
  const auto helo = logged().at("fields").at("helo").as_string();
  EXPECT_NE(helo.find("\\x1b"), std::string::npos);
  EXPECT_NE(helo.find("\\xff"), std::string::npos);
}

TEST_F(LogTest, BoundsAFieldsValue) {
  write(door_event, {{"helo", std::string(1'000'000, 'x')}});
  EXPECT_LT(last_line.size(), 5000u);
}

TEST_F(LogTest, NumbersThatJsonDoesNotKnowBecomeText) {
  write(door_event, {{"a", std::nan("")}, {"b", -std::numeric_limits<double>::infinity()}});
  EXPECT_TRUE(logged().at("fields").at("a").is_string());
  EXPECT_TRUE(logged().at("fields").at("b").is_string());
}

TEST_F(LogTest, LeavesOutWhatIsLessImportantThanTheLevel) {
  write(quiet_event);
  EXPECT_EQ(last_line, "");
  set_level(Level::debug);
  write(quiet_event);
  EXPECT_EQ(logged().at("level").as_string(), "debug");
}

TEST_F(LogTest, KeepsErrno) {
  errno = ENOSPC;
  write(door_event);
  EXPECT_EQ(errno, ENOSPC);
}

TEST_F(LogTest, WritesToStderrWithoutASink) {
  set_sink(nullptr);
  ::testing::internal::CaptureStderr();
  write(door_event, {{"device", "cam-1"}});
  const std::string line = ::testing::internal::GetCapturedStderr();
  ASSERT_FALSE(line.empty());
  EXPECT_EQ(line.back(), '\n');
  EXPECT_EQ(boost::json::parse(line).at("id").as_string(), "SMTP_TEST_EVENT");
}

}  // namespace
}  // namespace alarmwire::log
