// What every adapter of the ledger must do: what outlets are owed, and what retention may delete.
#include "receiver/ledger/tests/conformance.hpp"

namespace alarmwire::ledger::testing {
namespace {

TEST_P(Conformance, owes_every_record_to_every_outlet_and_remembers_what_became_of_it) {
  const Result<StoreResult> one = store(*ledger, alarm("site-a", epoch, Lane::alarm, 1));
  const Result<StoreResult> two = store(*ledger, alarm("site-b", epoch, Lane::routine, 1));
  Result<std::vector<HandOver>> waiting = ledger->hand_overs("ebues", HandOverState::waiting, 0, 9);
  ASSERT_EQ(waiting->size(), 2u);
  EXPECT_EQ(waiting->front().position, one->position);
  EXPECT_EQ(waiting->back().box, "site-b");
  EXPECT_EQ(waiting->back().lane, Lane::routine);
  EXPECT_FALSE(hand_over(*ledger, "ebues", one->position, HandOverState::taken).has_error());
  waiting = ledger->hand_overs("ebues", HandOverState::waiting, 0, 9);
  ASSERT_EQ(waiting->size(), 1u);
  EXPECT_EQ(waiting->front().position, two->position);
  const Result<std::vector<HandOver>> taken =
      ledger->hand_overs("ebues", HandOverState::taken, 0, 9);
  ASSERT_EQ(taken->size(), 1u);
  EXPECT_EQ(taken->front().text, "250");
  EXPECT_EQ(taken->front().tries, 1u);
  EXPECT_TRUE(hand_over(*ledger, "ebues", 999, HandOverState::taken).error().is(Errc::not_found));
  EXPECT_TRUE(hand_over(*ledger, "ftp", 1, HandOverState::taken).error().is(Errc::not_found));
}

TEST_P(Conformance, a_new_outlet_owes_nothing_for_old_records) {
  ASSERT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 1)), Verdict::stored);
  config.outlets = {"ebues", "webhook"};
  reopen();
  EXPECT_EQ(*ledger->count_hand_overs("webhook", HandOverState::waiting), 0u);
  ASSERT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 2)), Verdict::stored);
  EXPECT_EQ(*ledger->count_hand_overs("webhook", HandOverState::waiting), 1u);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 2u);
}

TEST_P(Conformance, outlets_are_named_anew_while_it_runs_and_what_was_owed_stays) {
  const auto name_outlets = [&](std::vector<std::string> names) {
    return await<void>([&](auto done) { ledger->set_outlets(std::move(names), std::move(done)); });
  };
  const Result<StoreResult> one = store(*ledger, alarm("site-a", epoch, Lane::alarm, 1));
  ASSERT_FALSE(name_outlets({"webhook"}).has_error());
  ASSERT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 2)), Verdict::stored);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 1u);
  EXPECT_EQ(*ledger->count_hand_overs("webhook", HandOverState::waiting), 1u);
  // The last note of one that has gone still counts.
  EXPECT_FALSE(hand_over(*ledger, "ebues", one->position, HandOverState::taken).has_error());
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 0u);
  ASSERT_FALSE(name_outlets({"ebues", "webhook"}).has_error());
  ASSERT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 3)), Verdict::stored);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 1u);
  EXPECT_EQ(*ledger->count_hand_overs("webhook", HandOverState::waiting), 2u);
}

TEST_P(Conformance, tells_what_is_owed_also_at_an_outlet_that_is_no_longer_named) {
  config.outlets = {"old", "idle", "ebues"};
  reopen();
  std::vector<Position> at;
  for (std::uint64_t seq = 1; seq <= 4; ++seq)
    at.push_back(store(*ledger, alarm("site-a", epoch, Lane::alarm, seq))->position);
  hand_over(*ledger, "old", at[0], HandOverState::parked);
  hand_over(*ledger, "old", at[1], HandOverState::taken);
  for (const Position position : at) hand_over(*ledger, "idle", position, HandOverState::refused);
  config.outlets = {"ebues"};
  reopen();
  const Result<std::vector<Owed>> owed = ledger->owed();
  ASSERT_TRUE(owed.has_value());
  ASSERT_EQ(owed->size(), 2u);
  EXPECT_EQ(owed->front().outlet, "ebues");
  EXPECT_TRUE(owed->front().configured);
  EXPECT_EQ(owed->front().waiting, 4u);
  EXPECT_EQ(owed->back().outlet, "old");
  EXPECT_FALSE(owed->back().configured);
  EXPECT_EQ(owed->back().waiting, 2u);
  EXPECT_EQ(owed->back().parked, 1u);
}

TEST_P(Conformance, a_replay_is_skipped_only_where_its_id_had_been_taken) {
  const Incoming before = alarm("site-a", epoch, Lane::alarm, 1);
  const Result<StoreResult> first = store(*ledger, before);
  ASSERT_FALSE(hand_over(*ledger, "ebues", first->position, HandOverState::taken).has_error());
  Incoming again = alarm("site-a", EpochId{99}, Lane::alarm, 1, "other bytes, same id");
  again.header.id = before.header.id;
  again.replayed = true;
  const Result<StoreResult> skipped = store(*ledger, again);
  EXPECT_EQ(skipped->verdict, Verdict::stored);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::skipped), 1u);
  EXPECT_TRUE(ledger->at(skipped->position)->handed_over_before);
  Incoming unknown = alarm("site-a", epoch, Lane::alarm, 2);
  unknown.replayed = true;  // nobody here knows of a hand-over: at least once
  const Result<StoreResult> owed = store(*ledger, unknown);
  EXPECT_EQ(ledger->hand_overs("ebues", HandOverState::waiting, 0, 9)->front().position,
            owed->position);
  EXPECT_TRUE(ledger->at(owed->position)->replayed);
  EXPECT_FALSE(ledger->at(owed->position)->handed_over_before);
}

TEST_P(Conformance, a_replay_is_skipped_where_the_box_holds_the_receipt_and_only_there) {
  config.outlets = {"ebues", "webhook"};
  reopen();
  Incoming taken_by_one = alarm("site-a", epoch, Lane::alarm, 1);
  taken_by_one.replayed = true;
  taken_by_one.receipted = {"ebues", "an outlet of long ago"};
  const Result<StoreResult> stored = store(*ledger, taken_by_one);
  EXPECT_EQ(stored->verdict, Verdict::stored);
  const auto of_both = ledger->hand_overs_of(stored->position);
  ASSERT_EQ(of_both->size(), 2u);
  EXPECT_EQ(of_both->front().second.state, HandOverState::skipped);
  EXPECT_EQ(of_both->front().second.text, "taken before, by the box's receipt");
  EXPECT_EQ(of_both->back().second.state, HandOverState::waiting);
  EXPECT_TRUE(ledger->at(stored->position)->handed_over_before);
  // Only a replay may say so: what is new is handed over, whatever the box says.
  Incoming fresh = alarm("site-a", epoch, Lane::alarm, 2);
  fresh.receipted = {"ebues"};
  const Position position = store(*ledger, fresh)->position;
  for (const auto& [outlet, hand_over] : *ledger->hand_overs_of(position))
    EXPECT_EQ(hand_over.state, HandOverState::waiting) << outlet;
}

TEST_P(Conformance, retention_lets_go_by_age_but_not_what_is_owed_or_parked) {
  constexpr std::int64_t day_us = 24ll * 3600 * 1'000'000;
  std::vector<Position> at;
  std::vector<Incoming> sent;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    sent.push_back(staged_alarm(seq, seq == 4 ? 200'000 : 100));
    at.push_back(store(*ledger, sent.back())->position);
  }
  hand_over(*ledger, "ebues", at[0], HandOverState::taken);
  hand_over(*ledger, "ebues", at[1], HandOverState::parked);
  hand_over(*ledger, "ebues", at[3], HandOverState::refused);
  EXPECT_EQ(*retain(*ledger, {365, 0}, wall_now_us() + 364 * day_us), 0u);
  EXPECT_EQ(*retain(*ledger, {365, 0}, wall_now_us() + 366 * day_us), 2u);
  EXPECT_EQ(*retain(*ledger, {0, 0}, wall_now_us() + 9999 * day_us), 0u);
  EXPECT_FALSE(ledger->at(at[0]).has_value());
  EXPECT_TRUE(ledger->at(at[1]).has_value());
  EXPECT_TRUE(ledger->at(at[2]).has_value());
  EXPECT_FALSE(ledger->at(at[3]).has_value());
  EXPECT_EQ(ledger->snapshot().records, 3u);
  // What was let go is still settled: the same identity, and the same alarm under another one.
  EXPECT_EQ(verdict(sent[0]), Verdict::duplicate);
  Incoming salvaged = sent[0];
  salvaged.header.key = RecordKey{EpochId{99}, Lane::alarm, 1};
  EXPECT_EQ(verdict(salvaged), Verdict::known);
  EXPECT_EQ(verdict(staged_alarm(6, 10)), Verdict::stored);
  EXPECT_GT(ledger->list({})->front().position, at[4]);  // positions are never given twice
}

TEST_P(Conformance, retention_by_size_takes_the_oldest_and_no_more_than_it_must) {
  for (std::uint64_t seq = 1; seq <= 200; ++seq) {
    const Position position = store(*ledger, staged_alarm(seq, 50'000))->position;
    hand_over(*ledger, "ebues", position, HandOverState::taken);
  }
  const Result<std::uint64_t> deleted = retain(*ledger, {0, 5'000'000}, wall_now_us());
  ASSERT_TRUE(deleted.has_value());
  EXPECT_GT(*deleted, 100u);  // of 13 pages each
  EXPECT_LT(*deleted, 113u);
  EXPECT_EQ(ledger->list({})->front().header.key.seq, 200u);
  EXPECT_EQ(ledger->read_after(0, 1)->front().header.key.seq, *deleted + 1);
}

TEST_P(Conformance, retention_by_size_counts_bodies_in_chunks_once) {
  for (std::uint64_t seq = 1; seq <= 40; ++seq) {
    const Position position = store(*ledger, staged_alarm(seq, 200'000))->position;
    hand_over(*ledger, "ebues", position, HandOverState::taken);
  }
  const Result<std::uint64_t> deleted = retain(*ledger, {0, 7'000'000}, wall_now_us());
  ASSERT_TRUE(deleted.has_value());
  EXPECT_GT(*deleted, 4u);
  EXPECT_LT(*deleted, 10u);
  EXPECT_EQ(ledger->read_after(0, 1)->front().header.key.seq, *deleted + 1);
}

}  // namespace
}  // namespace alarmwire::ledger::testing
