// Tests the tester: a spool that does not wait for the disk must be caught.
#include <gtest/gtest.h>

#include <string_view>

#include "edge/spool/store.hpp"
#include "tests/powercut/spool_oracle.hpp"

namespace alarmwire::spool {

// Takes the place of edge/spool/synchronous.cpp in this program.
std::string_view synchronous_mode() {
  return "NORMAL";
}

}  // namespace alarmwire::spool

namespace powercut {
namespace {

TEST(Mutant, ASpoolWithoutFullSyncIsSeenToLoseRecords) {
  const Tally tally = cut_spool(1, 24);
  std::printf("NORMAL: %lu cuts, %lu acked, %lu lost\n", tally.cuts, tally.acked, tally.lost);
  EXPECT_GT(tally.lost, 0u);
}

}  // namespace
}  // namespace powercut
