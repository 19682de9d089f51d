#include "common/ids.hpp"

#include <gtest/gtest.h>

#include <set>

namespace alarmwire {
namespace {

TEST(AlarmId, IsAUuidOfVersion7WithItsTimeInFront) {
  const AlarmId id = AlarmId::make(0x0192f0c1a2b3 * 1000ll + 999);
  const std::string text = id.to_string();
  EXPECT_EQ(text.substr(0, 13), "0192f0c1-a2b3");
  EXPECT_EQ(text[14], '7');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
}

TEST(AlarmId, SortsByTime) {
  EXPECT_LT(AlarmId::make(1'000'000), AlarmId::make(2'000'000));
}

TEST(AlarmId, NeverRepeatsWithinAMillisecond) {
  std::set<AlarmId> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(AlarmId::make(1'000'000));
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(AlarmId, ReadsBackWhatItWrote) {
  const AlarmId id = AlarmId::make(1'795'493'700'123'456);
  EXPECT_EQ(AlarmId::parse(id.to_string()), id);
  EXPECT_EQ(AlarmId::from_bytes(id.view()), id);
}

TEST(AlarmId, RefusesWhatIsNoId) {
  EXPECT_FALSE(AlarmId::parse(""));
  EXPECT_FALSE(AlarmId::parse("0192f0c1-a2b3-7000-8000-00000000000"));
  EXPECT_FALSE(AlarmId::parse("0192f0c1-a2b3-7000-8000-0000000000000"));
  EXPECT_FALSE(AlarmId::parse("0192f0c1-a2b3-7000-8000-00000000000g"));
  EXPECT_FALSE(AlarmId::parse("0192f0c1aa2b3-7000-8000-000000000000"));
  EXPECT_FALSE(AlarmId::from_bytes("fifteen bytes.."));
}

TEST(EpochId, FitsASignedIntegerAndIsNeverZero) {
  for (int i = 0; i < 1000; ++i) {
    const EpochId epoch = EpochId::make();
    EXPECT_NE(epoch.value, 0u);
    EXPECT_EQ(epoch.value >> 63, 0u);
  }
  EXPECT_EQ(EpochId{0xabc}.to_string(), "0000000000000abc");
}

TEST(RecordKey, OrdersByEpochThenLaneThenSeq) {
  const RecordKey a{EpochId{1}, Lane::routine, 9};
  const RecordKey b{EpochId{2}, Lane::live_alarm, 1};
  const RecordKey c{EpochId{2}, Lane::live_alarm, 2};
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
  EXPECT_EQ(c.to_string(), "0000000000000002/live/2");
}

TEST(Lane, KnowsItsNumbers) {
  EXPECT_EQ(lane_from_number(1), Lane::fault);
  EXPECT_FALSE(lane_from_number(4));
  EXPECT_FALSE(lane_from_number(1ull << 32));
  EXPECT_EQ(to_string(Lane::routine), "routine");
}

TEST(BoxId, IsADnsLabel) {
  EXPECT_TRUE(is_valid_box_id("site-a"));
  EXPECT_TRUE(is_valid_box_id("7"));
  EXPECT_TRUE(is_valid_box_id(std::string(63, 'a')));
  EXPECT_FALSE(is_valid_box_id(std::string(64, 'a')));
  for (const char* const bad : {"", "-a", "a-", "Site", "a.b", "a b", "a/b", "ä", "a\n"})
    EXPECT_FALSE(is_valid_box_id(bad)) << bad;
}

}  // namespace
}  // namespace alarmwire
