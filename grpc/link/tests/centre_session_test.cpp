// The centre's session, step by step.
#include "grpc/link/tests/centre_session_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "grpc/link/packing.hpp"

namespace alarmwire::link {
namespace {

TEST_F(CentreTest, AsksForItsStateThenWelcomes) {
  say(hello());
  EXPECT_EQ(all<centre_action::LoadState>().size(), 1u);
  EXPECT_TRUE(written.empty());
  CentreState state;
  state.session = 5;
  state.cursors = {{epoch, Lane::alarm, 3}, {EpochId{1234}, Lane::alarm, 8}};
  session->on_state(state, now);
  take();
  ASSERT_FALSE(written.empty());
  EXPECT_EQ(written[0].welcome().session(), 5u);
  ASSERT_EQ(written[0].welcome().cursors_size(), 1);  // only what the box holds
  EXPECT_EQ(written[0].welcome().cursors(0).seq(), 3u);
  EXPECT_EQ(written[0].welcome().cursors(0).first_verdict(), 0u);  // nothing was refused
}

TEST_F(CentreTest, SettlesOnlyAfterTheCommit) {
  welcome();
  say(record(1, 10, 10));
  say(record(2, 10, 10));
  ASSERT_EQ(all<centre_action::Store>().size(), 2u);
  EXPECT_TRUE(settled().empty());
  answer(all<centre_action::Store>()[0]->token, Verdict::stored);
  answer(all<centre_action::Store>()[1]->token, Verdict::known);
  ASSERT_EQ(settled().size(), 2u);
  EXPECT_EQ(settled()[0].seq(), 1u);
  EXPECT_FALSE(settled()[0].duplicate());
  EXPECT_EQ(settled()[1].seq(), 2u);
  EXPECT_TRUE(settled()[1].duplicate());
}

TEST_F(CentreTest, PutsMiddlingRecordsTogetherAndStagesLargeOnes) {
  welcome();
  say(record(1, 100'000, 60'000));
  EXPECT_TRUE(all<centre_action::Store>().empty());
  say(chunk(60'000, 40'000));
  ASSERT_EQ(all<centre_action::Store>().size(), 1u);
  EXPECT_EQ(all<centre_action::Store>()[0]->body.size(), 100'000u);
  say(record(2, 300'000, 60'000));
  for (std::uint64_t at = 60'000; at < 300'000; at += 60'000) say(chunk(at, 60'000));
  EXPECT_EQ(all<centre_action::Stage>().size(), 5u);
  ASSERT_EQ(all<centre_action::Store>().size(), 2u);
  EXPECT_TRUE(all<centre_action::Store>()[1]->staged);
}

TEST_F(CentreTest, PackedDataIsUnfoldedAndDamageLeftToTheHash) {
  welcome();
  const std::string text(10'000, 't');
  v1::BoxFrame frame = record(1, text.size(), 0);
  frame.mutable_record()->set_unpacked_size(10'000);
  frame.mutable_record()->set_data(pack(text).value());
  say(frame);
  ASSERT_EQ(all<centre_action::Store>().size(), 1u);
  EXPECT_EQ(all<centre_action::Store>()[0]->body, text);

  frame.mutable_record()->set_seq(2);
  frame.mutable_record()->mutable_data()->back() ^= 1;
  frame.mutable_record()->mutable_data()->resize(20);
  say(frame);
  ASSERT_EQ(all<centre_action::Store>().size(), 2u);
  EXPECT_EQ(all<centre_action::Store>()[1]->body.size(), text.size());
  EXPECT_NE(all<centre_action::Store>()[1]->body, text);
  EXPECT_TRUE(all<centre_action::Close>().empty());
}

TEST_F(CentreTest, GivesCreditBackWhenStagedAndWhenSettled) {
  welcome();
  say(record(1, 300'000, 60'000));
  for (const auto* stage : all<centre_action::Stage>()) session->on_staged(stage->token, {}, now);
  take();
  ASSERT_TRUE(written.back().has_grant());
  EXPECT_GE(written.back().grant().credit().bytes(), 60'000u);
  EXPECT_EQ(written.back().grant().credit().records(), 0u);
}

TEST_F(CentreTest, ASmallWindowStagesFromHalfOfItOn) {
  window_bytes = 128 * 1024;
  make();
  welcome();
  say(record(1, 64 * 1024, 60'000));
  say(chunk(60'000, 64 * 1024 - 60'000));
  EXPECT_EQ(all<centre_action::Stage>().size(), 0u);
  say(record(2, 64 * 1024 + 1, 60'000));
  EXPECT_EQ(all<centre_action::Stage>().size(), 1u);
}

// A box that sends whatever its credit allows, a ledger that answers only when the box is stuck:
// stuck with nothing in flight would be for ever.
TEST_F(CentreTest, ASmallWindowNeverStallsAndIsNeverPassed) {
  window_bytes = 128 * 1024;
  make();
  welcome();
  std::uint64_t credit = window_bytes;
  std::uint64_t seq = 0, size = 0, at = 0, random = 1;
  std::size_t answered = 0, heard = written.size();
  std::vector<CentreAction> waiting;
  while (seq < 400) {
    v1::BoxFrame frame;
    if (at == size) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      size = (random >> 33) % (seq % 3 == 0 ? 200'000 : 66'000);
      at = std::min<std::uint64_t>(size, 16 * 1024);
      frame = record(++seq, size, at);
      Envelope envelope;
      if (seq % 5 == 0) envelope.fault_reason = std::string(47 * 1024, 'e');
      frame.mutable_record()->set_envelope(encode_envelope(envelope));
    } else {
      const auto bytes = std::min<std::uint64_t>(size - at, chunk_data_bytes_max);
      frame = chunk(at, bytes);
      at += bytes;
    }
    const std::uint64_t cost = frame.record().envelope().size() + frame.record().data().size() +
                               frame.chunk().data().size();
    while (credit < cost) {
      for (CentreAction& action : std::exchange(actions, {})) waiting.push_back(std::move(action));
      ASSERT_LT(answered, waiting.size()) << "stuck at record " << seq;
      const CentreAction& action = waiting[answered++];
      if (const auto* stage = std::get_if<centre_action::Stage>(&action))
        session->on_staged(stage->token, {}, now);
      if (const auto* store = std::get_if<centre_action::Store>(&action))
        session->on_stored(store->token, {Verdict::stored, 77, 0}, now);
      take();
      for (; heard < written.size(); ++heard) credit += written[heard].grant().credit().bytes();
      ASSERT_LE(credit, window_bytes);
    }
    credit -= cost;
    say(std::move(frame));
    for (; heard < written.size(); ++heard) credit += written[heard].grant().credit().bytes();
    ASSERT_TRUE(session->is_up());
  }
}

TEST_F(CentreTest, ResumesOnlyWhereSomethingIsStaged) {
  CentreState state;
  CentreState::Staged staged;
  staged.key = {epoch, Lane::alarm, 1};
  staged.hash.fill('h');
  staged.bytes = 120'000;
  state.staged = {staged};
  welcome(state);
  auto frame = record(1, 130'000, 10'000);
  frame.mutable_record()->set_offset(120'000);
  say(frame);
  ASSERT_EQ(all<centre_action::Stage>().size(), 1u);
  EXPECT_EQ(all<centre_action::Stage>()[0]->offset, 120'000u);
  frame.mutable_record()->set_seq(2);
  say(frame);
  expect_closed(CloseCode::protocol);
}

TEST_F(CentreTest, AfterAgainEverythingIsDroppedUntilTheBoxWentBack) {
  welcome();
  for (std::uint64_t seq = 1; seq <= 3; ++seq) say(record(seq, 5, 5));
  const auto stores = all<centre_action::Store>();
  const std::uint64_t first = stores[0]->token;
  const std::uint64_t second = stores[1]->token;
  answer(first, Verdict::stored);
  answer(second, Verdict::hash_mismatch);
  ASSERT_EQ(settled().size(), 2u);
  EXPECT_EQ(settled()[1].verdict(), v1::Settled::AGAIN);
  EXPECT_EQ(settled()[1].seq(), 1u);
  say(record(4, 5, 5));  // was on its way
  EXPECT_EQ(all<centre_action::Store>().size(), 3u);
  answer(all<centre_action::Store>()[2]->token, Verdict::gap, 1);
  EXPECT_EQ(settled().size(), 2u);  // the answer no longer counts
  say(record(2, 5, 5));
  EXPECT_EQ(all<centre_action::Store>().size(), 4u);
}

TEST_F(CentreTest, RefusesForGoodWithATombstoneFirst) {
  welcome();
  say(record(1, 20'000'000, 0));
  auto frame = record(2, 5, 5);
  frame.mutable_record()->set_envelope("?");
  say(frame);
  const auto tombstones = all<centre_action::Tombstone>();
  ASSERT_EQ(tombstones.size(), 2u);
  EXPECT_TRUE(tombstones[0]->refused);
  EXPECT_TRUE(settled().empty());
  session->on_tombstoned(tombstones[0]->token, {TombstoneOutcome::Verdict::done, 1}, now);
  take();
  ASSERT_EQ(settled().size(), 1u);
  EXPECT_EQ(settled()[0].verdict(), v1::Settled::NEVER);
  EXPECT_EQ(settled()[0].code(), "too-large");
  session->on_tombstoned(all<centre_action::Tombstone>()[1]->token,
                         {TombstoneOutcome::Verdict::done, 2}, now);
  take();
  EXPECT_EQ(settled()[1].code(), "malformed-envelope");
  std::uint64_t granted = 0;
  for (const v1::CentreFrame& one : written) granted += one.grant().credit().bytes();
  EXPECT_EQ(granted, record(1, 0, 0).record().envelope().size() + 1 + 5) << "all comes back";
}

TEST_F(CentreTest, WhatTheBoxMayNotHaveHeardIsSaidAgainBehindTheWelcome) {
  v1::BoxFrame frame = hello();
  v1::LaneRange& range = *frame.mutable_hello()->mutable_ranges(0);
  range.set_first_unsettled(2);
  range.set_last(5);
  say(frame);
  ASSERT_EQ(all<centre_action::LoadState>()[0]->unsettled.size(), 1u);
  EXPECT_EQ(all<centre_action::LoadState>()[0]->unsettled[0].first_seq, 2u);
  CentreState state;
  state.cursors = {{epoch, Lane::alarm, 4}, {EpochId{1234}, Lane::alarm, 8}};
  state.verdicts = {{{EpochId{1234}, Lane::alarm, 3}, {}, false, "of an epoch not held"},
                    {{epoch, Lane::alarm, 2}, {}, true, "conflict: another one"},
                    {{epoch, Lane::alarm, 3}, {}, false, "too-large: 9 bytes"},
                    {{epoch, Lane::alarm, 5}, {}, false, "beyond the cursor: not settled"}};
  session->on_state(std::move(state), now);
  take();
  EXPECT_EQ(written[0].welcome().cursors(0).first_verdict(), 2u);
  ASSERT_EQ(settled().size(), 3u);
  EXPECT_EQ(settled()[0].seq(), 2u);
  EXPECT_EQ(settled()[0].verdict(), v1::Settled::CONFLICT);
  EXPECT_EQ(settled()[1].seq(), 3u);
  EXPECT_EQ(settled()[1].verdict(), v1::Settled::NEVER);
  EXPECT_EQ(settled()[1].code(), "too-large");
  EXPECT_EQ(settled()[1].text(), "9 bytes");
  EXPECT_EQ(settled()[2].verdict(), v1::Settled::STORED);
  say(record(5, 5, 5));
  EXPECT_EQ(all<centre_action::Store>().size(), 1u);
}

// As many epochs as a Hello lists, and the ledger has records of all lanes of each.
TEST_F(CentreTest, AWelcomeToABoxWithALongPastFitsAFrame) {
  v1::BoxFrame frame = hello();
  CentreState state;
  for (std::size_t i = 0; i < hello_ranges_max; ++i) {
    const EpochId one{(std::uint64_t{1} << 62) + i};
    if (i > 0) frame.mutable_hello()->add_ranges();
    v1::LaneRange& range = *frame.mutable_hello()->mutable_ranges(static_cast<int>(i));
    range.set_epoch(one.value);
    range.set_lane(i % lane_count);
    for (const Lane lane : all_lanes) state.cursors.push_back({one, lane, 1'000'000});
  }
  say(frame);
  session->on_state(std::move(state), now);
  take();
  ASSERT_TRUE(written.at(0).has_welcome());
  EXPECT_LE(written[0].ByteSizeLong(), std::size_t{64} * 1024);
  const auto& cursors = written[0].welcome().cursors();
  EXPECT_EQ(cursors.size(), static_cast<int>(hello_ranges_max + lane_count - 1));
  EXPECT_EQ(cursors.rbegin()->epoch(), frame.hello().ranges().rbegin()->epoch());
}

// A gap tells how far the ledger is; it must not tell the box that a refused record is stored.
TEST_F(CentreTest, NoAnswerPassesOverAVerdictWhateverTheirOrder) {
  welcome();
  say(record(1, 5, 5));
  say(record(2, 20'000'000, 0));
  say(record(3, 5, 5));
  say(record(4, 5, 5));
  const auto stores = all<centre_action::Store>();
  const std::uint64_t first = stores[0]->token, third = stores[1]->token, fourth = stores[2]->token;
  answer(fourth, Verdict::gap, 2);
  answer(third, Verdict::busy);
  session->on_tombstoned(all<centre_action::Tombstone>()[0]->token,
                         {TombstoneOutcome::Verdict::done, 2}, now);
  take();
  EXPECT_TRUE(settled().empty());
  answer(first, Verdict::stored);
  ASSERT_EQ(settled().size(), 3u);
  EXPECT_EQ(settled()[0].seq(), 1u);
  EXPECT_EQ(settled()[1].verdict(), v1::Settled::NEVER);
  EXPECT_EQ(settled()[1].seq(), 2u);
  EXPECT_EQ(settled()[2].verdict(), v1::Settled::AGAIN);
  EXPECT_EQ(settled()[2].seq(), 2u);
}

TEST_F(CentreTest, WhichOutletsHadTakenARecordReachesTheLedger) {
  welcome();
  auto frame = record(1, 5, 5);
  frame.mutable_record()->set_replayed(true);
  frame.mutable_record()->add_receipted("ebues");
  say(frame);
  ASSERT_EQ(all<centre_action::Store>().size(), 1u);
  EXPECT_EQ(all<centre_action::Store>()[0]->receipted, std::vector<std::string>{"ebues"});
}

// … unless it was refused already: that stands.
TEST_F(CentreTest, AVoidMayEndTheOpenRecord) {
  for (const std::uint64_t size : {100'000, 20'000'000}) {
    make();
    welcome();
    say(record(1, size, 60'000));
    v1::BoxFrame frame;
    frame.mutable_void_()->set_epoch(epoch.value);
    frame.mutable_void_()->set_lane(2);
    frame.mutable_void_()->set_first_seq(1);
    frame.mutable_void_()->set_last_seq(1);
    say(frame);
    ASSERT_EQ(all<centre_action::Tombstone>().size(), 1u);
    EXPECT_EQ(all<centre_action::Tombstone>()[0]->refused, size == 20'000'000);
    say(record(2, 5, 5));
    EXPECT_EQ(all<centre_action::Store>().size(), 1u);
  }
}

TEST_F(CentreTest, AVoidMayReachBeyondARecordThatWasRefusedMeanwhile) {
  welcome();
  say(record(1, 20'000'000, 0));
  v1::BoxFrame frame;
  frame.mutable_void_()->set_epoch(epoch.value);
  frame.mutable_void_()->set_lane(2);
  frame.mutable_void_()->set_first_seq(1);
  frame.mutable_void_()->set_last_seq(3);
  say(frame);
  const auto tombstones = all<centre_action::Tombstone>();
  ASSERT_EQ(tombstones.size(), 2u);
  EXPECT_EQ(tombstones[1]->first_seq, 2u);
  EXPECT_EQ(tombstones[1]->last_seq, 3u);
}

// Each of these frames breaks the contract in another way.
TEST_F(CentreTest, WhatBreaksTheContractEndsTheStream) {
  std::vector<v1::BoxFrame> frames;
  const auto spoilt = [&](auto spoil) {
    frames.push_back(record(1, 10, 10));
    spoil(*frames.back().mutable_record());
  };
  spoilt([](v1::Record& one) { one.set_lane(4); });
  spoilt([](v1::Record& one) { one.set_epoch(1); });
  spoilt([](v1::Record& one) { one.set_seq(0); });
  spoilt([](v1::Record& one) { one.set_seq(2); });
  spoilt([](v1::Record& one) { one.set_alarm_id("short"); });
  spoilt([](v1::Record& one) { one.set_hash("short"); });
  spoilt([](v1::Record& one) { one.set_envelope(std::string(60'000, 'e')); });
  spoilt([](v1::Record& one) { one.set_size(9); });
  spoilt([](v1::Record& one) { one.set_offset(11); });
  spoilt([](v1::Record& one) { one.set_size(20), one.set_offset(5); });
  spoilt([](v1::Record& one) { one.set_size(100'000), one.set_data(std::string(70'000, 'd')); });
  spoilt([](v1::Record& one) { one.add_receipted(std::string(outlet_name_bytes_max + 1, 'o')); });
  spoilt([](v1::Record& one) {
    for (std::size_t i = 0; i <= receipted_outlets_max; ++i) one.add_receipted("ebues");
  });
  spoilt([](v1::Record& one) { one.set_size(100'000), one.set_unpacked_size(70'000); });
  frames.push_back(chunk(0, 5));
  frames.push_back(hello());
  frames.push_back({});
  for (const v1::BoxFrame& frame : frames) {
    make();
    welcome();
    say(frame);
    expect_closed(CloseCode::protocol);
    EXPECT_TRUE(all<centre_action::Store>().empty());
  }
}

TEST_F(CentreTest, ABoxOverItsCreditIsCutOff) {
  welcome();
  for (std::uint64_t seq = 1; seq <= 257; ++seq) say(record(seq, 0, 0));
  expect_closed(CloseCode::protocol);
}

TEST_F(CentreTest, UnknownFramesAreSkippedWhenIgnorable) {
  welcome();
  v1::BoxFrame frame;
  frame.set_ignorable(true);
  say(frame);
  EXPECT_TRUE(session->is_up());
}

TEST_F(CentreTest, AnotherMajorVersionIsToldSo) {
  auto frame = hello();
  frame.mutable_hello()->set_major(2);
  say(frame);
  expect_closed(CloseCode::version);
}

TEST_F(CentreTest, SilenceFencingAndMissingHellosEndTheStream) {
  welcome();
  now.steady += 15s;
  session->on_timer(now);
  take();
  expect_closed(CloseCode::silent);
  make();
  welcome();
  session->fence();
  take();
  expect_closed(CloseCode::fenced);
  make();
  now.steady += 11s;
  session->on_timer(now);
  take();
  expect_closed(CloseCode::silent);
}

TEST_F(CentreTest, AStateThatCannotBeReadEndsTheStream) {
  say(hello());
  session->on_state_failed("the ledger cannot be read");
  take();
  expect_closed(CloseCode::failed);
}

}  // namespace
}  // namespace alarmwire::link
