#include "grpc/link/packing.hpp"

#include <gtest/gtest.h>

#include <random>

#include "grpc/proto/frames.hpp"

namespace alarmwire::link {
namespace {

std::string noise(std::size_t bytes, std::string_view alphabet) {
  std::mt19937 random(7);
  std::string made(bytes, '\0');
  for (char& c : made) c = alphabet[random() % alphabet.size()];
  return made;
}

constexpr std::string_view base64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

TEST(Packing, APictureInBase64LosesAboutAQuarter) {
  const std::string picture = noise(frame_bytes_max, base64);
  const auto packed = pack(picture);
  ASSERT_TRUE(packed.has_value());
  EXPECT_LT(packed->size(), picture.size() * 78 / 100);
  EXPECT_EQ(unpack(*packed, picture.size()), picture);
}

TEST(Packing, WhatCannotBeMadeSmallerIsLeftAsItIs) {
  std::string all(256, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  EXPECT_FALSE(pack(noise(frame_bytes_max, all)).has_value());
  EXPECT_FALSE(pack(std::string(packed_from_bytes - 1, 'x')).has_value());
  EXPECT_FALSE(pack("").has_value());
}

TEST(Packing, OnlyWhatIsExactlyAsLongAsItSaysIsTaken) {
  const std::string text(5000, 'x');
  const std::string packed = pack(text).value();
  EXPECT_EQ(unpack(packed, text.size()), text);
  EXPECT_FALSE(unpack(packed, text.size() - 1).has_value());
  EXPECT_FALSE(unpack(packed, text.size() + 1).has_value());
  EXPECT_FALSE(unpack(packed, 0).has_value());
  EXPECT_FALSE(unpack(packed.substr(0, packed.size() - 1), text.size()).has_value());
  EXPECT_FALSE(unpack(text, text.size()).has_value());
  EXPECT_FALSE(unpack("", 1).has_value());
}

TEST(Packing, ABombIsNotUnfolded) {
  // 64 MiB of one byte are some kilobytes when they are packed.
  const std::string bomb = pack(std::string(64 * 1024 * 1024, 'x')).value();
  EXPECT_FALSE(unpack(bomb, frame_bytes_max).has_value());
  EXPECT_FALSE(unpack(bomb, 64 * 1024 * 1024).has_value());
}

}  // namespace
}  // namespace alarmwire::link
