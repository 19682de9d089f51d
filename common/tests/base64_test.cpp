#include "common/base64.hpp"

#include <gtest/gtest.h>

namespace alarmwire {
namespace {

TEST(Base64, goes_there_and_back_for_every_length) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
}

TEST(Base64, takes_nothing_else) {
  for (const char* bad : {"Zg", "Zg=", "Z===", "====", "Zm9v Yg=", "Zm\nv", "Zm9=Yg=="})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

}  // namespace
}  // namespace alarmwire
