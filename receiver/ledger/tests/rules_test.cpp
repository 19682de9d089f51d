#include "receiver/ledger/rules.hpp"

#include <gtest/gtest.h>

namespace alarmwire::ledger {
namespace {

using Verdict = StoreResult::Verdict;

struct Case {
  const char* name;
  Facts facts;
  Verdict verdict;
  bool wants_bytes;
};

class Judging : public ::testing::TestWithParam<Case> {};

TEST_P(Judging, gives_the_verdict_of_the_table) {
  EXPECT_EQ(judge(GetParam().facts), GetParam().verdict);
  EXPECT_EQ(wants_bytes(GetParam().facts), GetParam().wants_bytes);
}

constexpr std::optional<bool> no_row = std::nullopt;

INSTANTIATE_TEST_SUITE_P(
    table, Judging,
    ::testing::Values(
        Case{"first_of_an_epoch", {1, 0, no_row, false, true}, Verdict::stored, true},
        Case{"next", {8, 7, no_row, false, true}, Verdict::stored, true},
        Case{"next_damaged", {8, 7, no_row, false, false}, Verdict::hash_mismatch, true},
        Case{"next_known", {8, 7, no_row, true, true}, Verdict::known, true},
        Case{"next_known_damaged", {8, 7, no_row, true, false}, Verdict::hash_mismatch, true},
        Case{"one_too_far", {9, 7, no_row, false, true}, Verdict::gap, false},
        Case{"far_too_far", {9000, 7, no_row, false, true}, Verdict::gap, false},
        Case{"second_of_an_epoch_first", {2, 0, no_row, false, true}, Verdict::gap, false},
        Case{"next_canary", {8, 7, no_row, false, true, true}, Verdict::noted, true},
        Case{"next_canary_damaged",
             {8, 7, no_row, false, false, true},
             Verdict::hash_mismatch,
             true},
        Case{"canary_again", {7, 7, no_row, false, false, true}, Verdict::duplicate, false},
        Case{"same_again", {7, 7, true, false, false}, Verdict::duplicate, false},
        Case{"older_again", {3, 7, true, false, false}, Verdict::duplicate, false},
        Case{"deleted_by_retention", {3, 7, no_row, false, false}, Verdict::duplicate, false},
        Case{"other_hash", {7, 7, false, false, true}, Verdict::conflict, true},
        Case{"other_hash_damaged", {7, 7, false, false, false}, Verdict::hash_mismatch, true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Checking, refuses_what_cannot_be_booked) {
  Incoming good;
  good.box = "site-a";
  good.header.key = RecordKey{EpochId{5}, Lane::alarm, 1};
  EXPECT_FALSE(check(good).has_error());
  const auto refused = [&good](auto&& spoil) {
    Incoming bad = good;
    spoil(bad);
    return check(bad).has_error();
  };
  EXPECT_TRUE(refused([](Incoming& bad) { bad.box = "Site A"; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.key.epoch.value = 0; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.key.epoch.value = ~0ull; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.key.seq = 0; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.key.seq = ~0ull; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.key.lane = static_cast<Lane>(9); }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.size = record_bytes_max + 1; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.size = 3; }));
  EXPECT_TRUE(refused([](Incoming& bad) { bad.header.envelope.resize(envelope_size_max + 1); }));
}

TEST(FirstState, only_a_replay_that_was_taken_is_skipped) {
  EXPECT_EQ(first_state(false, false), HandOverState::waiting);
  EXPECT_EQ(first_state(false, true), HandOverState::waiting);
  EXPECT_EQ(first_state(true, false), HandOverState::waiting);
  EXPECT_EQ(first_state(true, true), HandOverState::skipped);
}

TEST(DiskWatching, speaks_once_and_takes_back_only_well_below) {
  using Change = DiskWatch::Change;
  DiskWatch watch;
  EXPECT_EQ(watch.update(0.79), Change::none);
  EXPECT_EQ(watch.update(0.80), Change::filled);
  EXPECT_EQ(watch.update(0.95), Change::none);
  EXPECT_EQ(watch.update(0.79), Change::none);
  EXPECT_EQ(watch.update(0.74), Change::relieved);
  EXPECT_EQ(watch.update(0.74), Change::none);
  EXPECT_EQ(watch.update(0.81), Change::filled);
}

}  // namespace
}  // namespace alarmwire::ledger
