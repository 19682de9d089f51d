#include "edge/daemon/photo_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "provisioning/qr/qr_code.hpp"

namespace alarmwire::edge {
namespace {

using ::testing::HasSubstr;

class PhotoDeskTest : public ::testing::Test {
 protected:
  Result<std::string> read(const std::string& photo) {
    std::optional<Result<std::string>> answer;
    desk_.read(photo, [&](const Result<std::string>& text) { answer = text; });
    EXPECT_FALSE(answer) << "an answer came from inside the call";
    context_.restart();
    context_.run();
    return answer.value_or(Failure(Errc::io, "no answer"));
  }
  boost::asio::io_context context_;
  PhotoDesk desk_{context_, PhotoDesk::start().value()};
};

TEST_F(PhotoDeskTest, ReadsOnePhotoAfterTheOtherWhateverIsInThem) {
  const std::string good = qr::to_png(qr::encode("ALARMWIRE:TEXT").value()).value();
  EXPECT_EQ(read(good).value(), "ALARMWIRE:TEXT");
  EXPECT_THAT(read("no picture").error().diagnostics, HasSubstr("neither a PNG nor a JPEG"));
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read(good.substr(0, good.size() / 2)));
  EXPECT_EQ(read(good).value(), "ALARMWIRE:TEXT");
}

TEST_F(PhotoDeskTest, ASecondPhotoMeanwhileIsRefused) {
  std::optional<Result<std::string>> first;
  std::optional<Result<std::string>> second;
  const std::string good = qr::to_png(qr::encode("A").value()).value();
  desk_.read(good, [&](const Result<std::string>& text) { first = text; });
  desk_.read(good, [&](const Result<std::string>& text) { second = text; });
  context_.run();
  EXPECT_TRUE(first.value());
  EXPECT_TRUE(second.value().error().is(Errc::busy));
}

}  // namespace
}  // namespace alarmwire::edge
