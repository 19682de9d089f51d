#include <gtest/gtest.h>

#include "edge/smtp/tests/dialogue.hpp"

namespace alarmwire::smtp::test {

Transcript replay_all_ways(std::string_view bytes, const Setting& setting) {
  Transcript transcript = replay(bytes, whole(), setting);
  EXPECT_EQ(transcript, replay(bytes, bytewise(), setting)) << "byte by byte";
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(transcript, replay(bytes, at_random(seed), setting)) << "seed " << seed;
  }
  return transcript;
}

}  // namespace alarmwire::smtp::test
