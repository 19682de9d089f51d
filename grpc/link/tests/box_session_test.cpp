// The box's session, step by step: what goes in, what comes out.
#include "grpc/link/box_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;

constexpr EpochId old_epoch{7};
constexpr EpochId epoch{9};

class BoxTest : public ::testing::Test {
 protected:
  void make(std::vector<HeldRange> ranges) {
    session = std::make_unique<BoxSession>(BoxConfig{"box"}, std::move(ranges), "L", now);
    take();
  }
  void take() {
    for (BoxAction& action : session->take_actions()) {
      if (auto* write = std::get_if<box_action::Write>(&action)) {
        written.push_back(write->frame);
        writing = true;
      }
      actions.push_back(std::move(action));
    }
  }
  // Writes complete at once until nothing more comes; answers fetches from `rows`.
  void settle_down() {
    for (int i = 0; i < 200; ++i) {
      take();
      const std::vector<BoxAction> batch = std::exchange(actions, {});
      for (const BoxAction& action : batch) {
        if (const auto* fetch = std::get_if<box_action::Fetch>(&action)) answer(*fetch);
        if (const auto* body = std::get_if<box_action::FetchBody>(&action)) answer(*body);
        done.push_back(action);
      }
      if (std::exchange(writing, false)) session->on_write_ready(now);
      if (batch.empty()) return;
    }
    FAIL() << "it never comes to rest";
  }
  void answer(const box_action::Fetch& fetch) {
    FetchedRecord record;
    record.header.key = fetch.key;
    record.header.envelope = "e";
    record.header.size = size;
    record.head = std::string(std::min<std::size_t>(size, fetch.head_bytes_max), 'h');
    record.receipted = receipted;
    session->on_fetched(fetch.key, fetch_result, std::move(record), now);
  }
  void answer(const box_action::FetchBody& body) {
    const auto count = std::min<std::uint64_t>(size - body.offset, body.bytes_max);
    session->on_body(body.key, body.offset, FetchResult::ok, std::string(count, 'b'), now);
  }
  v1::CentreFrame welcome(std::uint64_t cursor = 0) {
    v1::CentreFrame frame;
    v1::Welcome& said = *frame.mutable_welcome();
    said.set_major(protocol_major);
    said.set_beat_interval_ms(5000);
    said.set_record_bytes_max(10'000'000);
    for (std::uint32_t lane = 0; lane < lane_count; ++lane) {
      v1::Credit& credit = *said.add_credits();
      credit.set_lane(lane);
      credit.set_records(16);
      credit.set_bytes(1024 * 1024);
    }
    v1::Cursor& at = *said.add_cursors();
    at.set_epoch(epoch.value);
    at.set_lane(2);
    at.set_seq(cursor);
    return frame;
  }
  v1::CentreFrame settled(std::uint64_t seq, v1::Settled::Verdict verdict = v1::Settled::STORED,
                          const std::string& code = "") {
    v1::CentreFrame frame;
    v1::Settled& said = *frame.mutable_settled();
    said.set_epoch(epoch.value);
    said.set_lane(2);
    said.set_seq(seq);
    said.set_verdict(verdict);
    said.set_code(code);
    return frame;
  }
  void say(v1::CentreFrame frame) {
    session->on_frame(std::move(frame), now);
    settle_down();
  }
  void later(std::chrono::milliseconds time) {
    now.steady += time;
    session->on_timer(now);
    settle_down();
  }
  std::vector<std::string> sent() {
    std::vector<std::string> names;
    for (const v1::BoxFrame& frame : written) {
      if (frame.has_record()) names.push_back("R" + std::to_string(frame.record().seq()));
      if (frame.has_chunk()) names.push_back("C");
      if (frame.has_void_()) {
        names.push_back("V" + std::to_string(frame.void_().first_seq()) + "-" +
                        std::to_string(frame.void_().last_seq()));
      }
    }
    return names;
  }
  template <typename Action>
  const Action* last() {
    for (auto one = done.rbegin(); one != done.rend(); ++one) {
      if (const auto* action = std::get_if<Action>(&*one)) return action;
    }
    return nullptr;
  }
  template <typename Action>
  std::size_t count() {
    return static_cast<std::size_t>(std::count_if(
        done.begin(), done.end(),
        [](const BoxAction& action) { return std::holds_alternative<Action>(action); }));
  }

  using Names = std::vector<std::string>;
  Now now{SteadyTime(1000s), 1'700'000'000'000'000};
  std::uint64_t size = 10;
  FetchResult fetch_result = FetchResult::ok;
  std::vector<std::string> receipted;
  std::unique_ptr<BoxSession> session;
  std::vector<BoxAction> actions;
  std::vector<BoxAction> done;
  std::vector<v1::BoxFrame> written;
  bool writing = false;
};

TEST_F(BoxTest, SaysHelloFirstAndNothingElseBeforeTheWelcome) {
  make({{epoch, Lane::alarm, 1, 1, 2}});
  session->on_record({epoch, Lane::alarm, 3}, now);
  settle_down();
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].hello().ranges(0).last(), 2u);
  EXPECT_EQ(written[0].hello().ledger_id(), "L");
  say(welcome());
  EXPECT_EQ(sent(), (Names{"R1", "R2", "R3"}));
}

TEST_F(BoxTest, ContinuesBehindTheCursorAndTellsTheSpool) {
  make({{epoch, Lane::alarm, 1, 1, 4}});
  say(welcome(2));
  EXPECT_EQ(sent(), (Names{"R3", "R4"}));
  ASSERT_NE(last<box_action::Settled>(), nullptr);
  EXPECT_EQ(last<box_action::Settled>()->up_to, 2u);
  say(settled(4));
  EXPECT_EQ(last<box_action::Settled>()->up_to, 4u);
  EXPECT_EQ(last<box_action::Settled>()->stored.size(), 2u);
  EXPECT_EQ(session->records_in_flight(), 0u);
}

// The hole is booked as a fault with its tombstone, at the centre alone.
TEST_F(BoxTest, FillsUpARestoredLedgerAndReportsTheHole) {
  make({{epoch, Lane::alarm, 3, 5, 5}});
  say(welcome(0));
  EXPECT_EQ(sent(), (Names{"V1-2", "R3", "R4", "R5"}));
  EXPECT_EQ(last<box_action::Fault>(), nullptr);
  for (const v1::BoxFrame& frame : written) {
    if (!frame.has_record()) continue;
    EXPECT_EQ(frame.record().replayed(), frame.record().seq() < 5);
  }
}

TEST_F(BoxTest, OlderEpochsGoFirstAndTheNextWaitsUntilTheyAreSettled) {
  make({{old_epoch, Lane::alarm, 1, 1, 1}, {epoch, Lane::alarm, 1, 1, 1}});
  say(welcome());
  EXPECT_EQ(written.back().record().epoch(), old_epoch.value);
  EXPECT_EQ(sent(), (Names{"R1"}));
  auto frame = settled(1);
  frame.mutable_settled()->set_epoch(old_epoch.value);
  say(frame);
  EXPECT_EQ(sent(), (Names{"R1", "R1"}));
  EXPECT_EQ(written.back().record().epoch(), epoch.value);
}

TEST_F(BoxTest, AlarmsOvertakeBetweenTheChunksOfALargeRecord) {
  size = 400'000;
  make({{epoch, Lane::alarm, 1, 1, 1}});
  session->on_frame(welcome(), now);
  for (int i = 0; i < 4; ++i) {
    take();
    const auto batch = std::exchange(actions, {});
    for (const BoxAction& action : batch) {
      if (const auto* fetch = std::get_if<box_action::Fetch>(&action)) answer(*fetch);
      if (const auto* body = std::get_if<box_action::FetchBody>(&action)) answer(*body);
    }
    session->on_write_ready(now);
  }
  EXPECT_TRUE(written.back().has_chunk());
  size = 5;
  session->on_record({epoch, Lane::live_alarm, 1}, now);
  take();
  for (const BoxAction& action : std::exchange(actions, {})) {
    const auto* fetch = std::get_if<box_action::Fetch>(&action);
    if (fetch != nullptr && fetch->key.lane == Lane::live_alarm) answer(*fetch);
  }
  session->on_write_ready(now);
  take();
  EXPECT_EQ(written.back().record().lane(), 0u);
}

TEST_F(BoxTest, FramesNeverExceed64KiB) {
  size = 1'000'000;
  make({{epoch, Lane::alarm, 1, 1, 1}});
  say(welcome());
  for (const v1::BoxFrame& frame : written) EXPECT_LE(frame.ByteSizeLong(), frame_bytes_max);
}

TEST_F(BoxTest, SaysWhichOutletsHadTakenTheRecordWithinTheFramesLimits) {
  size = 100'000;
  receipted.assign(20, std::string(outlet_name_bytes_max, 'o'));
  receipted.push_back(std::string(outlet_name_bytes_max + 1, 'o'));
  receipted.front() = "ebues";
  make({{epoch, Lane::alarm, 1, 2, 1}});
  say(welcome());
  const auto record = std::find_if(written.begin(), written.end(),
                                   [](const v1::BoxFrame& frame) { return frame.has_record(); });
  ASSERT_NE(record, written.end());
  EXPECT_EQ(record->record().receipted_size(), static_cast<int>(receipted_outlets_max));
  EXPECT_EQ(record->record().receipted(0), "ebues");
  for (const v1::BoxFrame& frame : written) EXPECT_LE(frame.ByteSizeLong(), frame_bytes_max);
}

TEST_F(BoxTest, TakesARecordUpWhereItIsStaged) {
  size = 200'000;
  make({{epoch, Lane::alarm, 1, 1, 1}});
  auto frame = welcome();
  v1::Staged& staged = *frame.mutable_welcome()->add_staged();
  staged.set_epoch(epoch.value);
  staged.set_lane(2);
  staged.set_seq(1);
  staged.set_offset(150'000);
  staged.set_hash(std::string(32, '\0'));
  say(frame);
  ASSERT_EQ(sent(), (Names{"R1"}));
  EXPECT_EQ(written.back().has_record() ? written.back().record().offset() : 150'000u, 150'000u);
}

TEST_F(BoxTest, StopsAtItsCreditAndGoesOnWhenGranted) {
  make({{epoch, Lane::alarm, 1, 1, 20}});
  say(welcome());
  EXPECT_EQ(sent().size(), 16u);
  v1::CentreFrame grant;
  grant.mutable_grant()->mutable_credit()->set_lane(2);
  grant.mutable_grant()->mutable_credit()->set_records(2);
  grant.mutable_grant()->mutable_credit()->set_bytes(100);
  say(grant);
  EXPECT_EQ(sent().size(), 18u);
}

TEST_F(BoxTest, AgainRewindsTheLaneAtOnceThenVerifiesThenWaits) {
  make({{epoch, Lane::alarm, 1, 1, 2}});
  say(welcome());
  say(settled(0, v1::Settled::AGAIN, "hash-mismatch"));
  EXPECT_EQ(sent(), (Names{"R1", "R2", "R1", "R2"}));
  say(settled(0, v1::Settled::AGAIN, "hash-mismatch"));
  EXPECT_EQ(sent().size(), 6u);
  say(settled(0, v1::Settled::AGAIN, "hash-mismatch"));
  EXPECT_EQ(sent().size(), 6u);
  ASSERT_EQ(count<box_action::Verify>(), 1u);
  session->on_verified({epoch, Lane::alarm, 1}, FetchResult::ok, now);
  settle_down();
  EXPECT_EQ(last<box_action::Fault>()->code, "record-mismatch");
  later(1000ms);
  EXPECT_EQ(sent().size(), 8u);
}

TEST_F(BoxTest, ARowFoundDamagedLeavesAVoid) {
  make({{epoch, Lane::alarm, 1, 1, 1}});
  fetch_result = FetchResult::unreadable;
  say(welcome());
  ASSERT_EQ(count<box_action::Verify>(), 1u);
  session->on_verified({epoch, Lane::alarm, 1}, FetchResult::unreadable, now);
  settle_down();
  EXPECT_EQ(sent(), (Names{"V1-1"}));
  EXPECT_EQ(count<box_action::Park>(), 1u);
  EXPECT_EQ(count<box_action::Fault>(), 0u);  // the tombstone is booked as one
}

TEST_F(BoxTest, BusyHoldsTheLaneForAWhile) {
  make({{epoch, Lane::alarm, 1, 1, 1}});
  say(welcome());
  say(settled(0, v1::Settled::AGAIN, "busy"));
  EXPECT_EQ(sent().size(), 1u);
  EXPECT_LE(session->next_deadline(), now.steady + again_backoff_max);
  later(200ms);
  EXPECT_EQ(sent().size(), 2u);
}

TEST_F(BoxTest, NeverParksAndConflictReenters) {
  make({{epoch, Lane::alarm, 1, 1, 2}});
  say(welcome());
  say(settled(1, v1::Settled::NEVER, "too-large"));
  EXPECT_EQ(count<box_action::Park>(), 1u);
  EXPECT_TRUE(last<box_action::Settled>()->stored.empty());
  say(settled(2, v1::Settled::CONFLICT));
  EXPECT_EQ(count<box_action::Reenter>(), 1u);
  EXPECT_EQ(last<box_action::Settled>()->up_to, 2u);
  EXPECT_EQ(count<box_action::Fault>(), 0u);  // the centre books them
}

// The centre refused 2 and 4, and the stream broke before the box heard of it; now it breaks again
// after each frame in turn. What the spool was told is settled never holds a verdict it was not
// told.
TEST_F(BoxTest, VerdictsThatWereNotHeardComeAgainUntilTheSpoolHasThem) {
  constexpr std::uint64_t cursor = 5;
  std::uint64_t settled_up_to = 0;
  std::vector<std::uint64_t> reentered, parked;
  const auto frames = [&] {
    std::vector<v1::CentreFrame> all{welcome(cursor)};
    if (settled_up_to < 2) all.push_back(settled(2, v1::Settled::CONFLICT));
    if (settled_up_to < 4) all.push_back(settled(4, v1::Settled::NEVER, "too-large"));
    if (all.size() == 1) return all;
    all.front().mutable_welcome()->mutable_cursors(0)->set_first_verdict(all[1].settled().seq());
    all.push_back(settled(cursor));
    return all;
  };
  const auto live = [&](std::size_t frames_max) {
    make({{epoch, Lane::alarm, 1, settled_up_to + 1, cursor}});
    done.clear();
    const std::vector<v1::CentreFrame> all = frames();
    for (std::size_t i = 0; i < all.size() && i < frames_max; ++i) say(all[i]);
    for (const BoxAction& action : done) {
      if (const auto* one = std::get_if<box_action::Reenter>(&action))
        reentered.push_back(one->key.seq);
      if (const auto* one = std::get_if<box_action::Park>(&action)) parked.push_back(one->key.seq);
      if (const auto* one = std::get_if<box_action::Settled>(&action)) {
        settled_up_to = one->up_to;
        EXPECT_TRUE(settled_up_to < 2 || !reentered.empty());
        EXPECT_TRUE(settled_up_to < 4 || !parked.empty());
      }
    }
    EXPECT_FALSE(session->is_closed());
  };
  for (std::size_t first = 0; first <= 4; ++first) {
    for (std::size_t second = 0; second <= 4; ++second) {
      settled_up_to = 0;
      reentered.clear();
      parked.clear();
      live(first);
      live(second);
      live(4);
      EXPECT_EQ(settled_up_to, cursor);
      EXPECT_EQ(reentered, (std::vector<std::uint64_t>{2})) << first << " " << second;
      EXPECT_EQ(parked, (std::vector<std::uint64_t>{4})) << first << " " << second;
    }
  }
  EXPECT_TRUE(sent().empty());
}

TEST_F(BoxTest, ClosesWhenTheCentreSettlesWhatWasNeverSent) {
  make({{epoch, Lane::alarm, 1, 1, 1}});
  say(welcome());
  say(settled(9));
  ASSERT_NE(last<box_action::Close>(), nullptr);
  EXPECT_EQ(last<box_action::Close>()->code, CloseCode::protocol);
}

TEST_F(BoxTest, ClosesOnAnotherMajorVersionAndOnUnknownFrames) {
  make({{epoch, Lane::alarm, 0, 1, 0}});
  auto frame = welcome();
  frame.mutable_welcome()->set_major(2);
  say(frame);
  EXPECT_EQ(last<box_action::Close>()->code, CloseCode::version);
  make({{epoch, Lane::alarm, 0, 1, 0}});
  say(welcome());
  v1::CentreFrame unknown;
  unknown.set_ignorable(true);
  say(unknown);
  EXPECT_FALSE(session->is_closed());
  unknown.set_ignorable(false);
  say(unknown);
  EXPECT_TRUE(session->is_closed());
}

TEST_F(BoxTest, ThreeMissedBeatsEndTheStream) {
  make({{epoch, Lane::alarm, 0, 1, 0}});
  say(welcome());
  later(14999ms);
  EXPECT_FALSE(session->is_closed());
  later(2ms);
  ASSERT_TRUE(session->is_closed());
  EXPECT_EQ(last<box_action::Close>()->code, CloseCode::silent);
}

TEST_F(BoxTest, DrainFinishesWhatIsBegunAndComesBackLater) {
  make({{epoch, Lane::alarm, 1, 1, 1}});
  say(welcome());
  v1::CentreFrame drain;
  drain.mutable_drain()->set_retry_after_ms(700);
  say(drain);
  EXPECT_FALSE(session->is_closed());
  say(settled(1));
  ASSERT_TRUE(session->is_closed());
  EXPECT_EQ(last<box_action::Close>()->retry_after, 700ms);
}

}  // namespace
}  // namespace alarmwire::link
