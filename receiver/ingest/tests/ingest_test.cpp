#include "receiver/ingest/ingest.hpp"

#include "receiver/ingest/flap_watch.hpp"
#include "receiver/ingest/tests/harness.hpp"

namespace alarmwire::ingest::testing {
namespace {

TEST_F(Centre, a_record_is_settled_after_the_ledgers_commit_and_not_before) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  EXPECT_EQ(box.welcome()->ledger_id().empty(), false);
  gate->keep_answers();
  const ledger::Incoming incoming = alarm(1);
  box.send(record(incoming));
  ASSERT_TRUE(eventually([&] { return gate->kept() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(box.settled(Lane::live_alarm), 0u);
  gate->let_answers_go();
  EXPECT_TRUE(box.wait_settled(Lane::live_alarm, 1));
  EXPECT_EQ(real->find(incoming.header.id)->box, "site-a");
  const std::optional<BoxStatus> status = ingest->status("site-a");
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->connected);
  EXPECT_EQ(status->stored, 1u);
  EXPECT_EQ(status->software, "test box");
  EXPECT_EQ(status->peer_address, "fd00::a");
  EXPECT_GT(status->last_stored_us, 0);
  EXPECT_EQ(witness.count("up site-a"), 1);
  EXPECT_GE(box.link().consumed_frames(), 2);
}

TEST_F(Centre, an_unknown_address_is_refused) {
  BoxEnd stranger(*ingest, "fd00::bad");
  EXPECT_TRUE(stranger.wait_closed(link::CloseCode::denied));
  EXPECT_TRUE(ingest->status().empty());
}

TEST_F(Centre, the_box_is_known_by_its_address_whatever_it_says) {
  BoxEnd box(*ingest, "fd00::b");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  const ledger::Incoming incoming = alarm(1);
  box.send(record(incoming));
  EXPECT_TRUE(box.wait_settled(Lane::live_alarm, 1));
  EXPECT_EQ(real->find(incoming.header.id)->box, "site-b");
}

TEST_F(Centre, the_newest_stream_wins_and_starts_when_the_older_ones_writes_are_through) {
  BoxEnd older(*ingest, "fd00::a");
  older.send(hello(epoch));
  ASSERT_TRUE(older.welcome().has_value());
  gate->keep_answers();
  older.send(record(alarm(1)));
  ASSERT_TRUE(eventually([&] { return gate->kept() == 1; }));
  BoxEnd newer(*ingest, "fd00::a");
  newer.send(hello(epoch));
  EXPECT_TRUE(older.wait_closed(link::CloseCode::fenced));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(newer.has_welcome());
  gate->let_answers_go();
  const std::optional<v1::Welcome> welcome = newer.welcome();
  ASSERT_TRUE(welcome.has_value());
  EXPECT_GT(welcome->session(), older.welcome()->session());
  std::uint64_t cursor = 0;
  for (const v1::Cursor& at : welcome->cursors())
    if (at.lane() == 0) cursor = at.seq();
  EXPECT_EQ(cursor, 1u);
  EXPECT_EQ(witness.count("up site-a"), 2);
  EXPECT_TRUE(ingest->status("site-a")->connected);
  newer.hang_up("the line is dead");
  EXPECT_TRUE(eventually([&] { return !ingest->status("site-a")->connected; }));
  EXPECT_EQ(witness.count("down site-a the line is dead"), 1);
  EXPECT_EQ(ingest->status("site-a")->down_reason, "the line is dead");
}

TEST_F(Centre, a_box_that_keeps_fencing_itself_may_be_cloned) {
  std::vector<std::unique_ptr<BoxEnd>> streams;
  for (std::size_t i = 0; i <= FlapWatch::fences_max; ++i) {
    streams.push_back(std::make_unique<BoxEnd>(*ingest, "fd00::a"));
    streams.back()->send(hello(epoch));
    ASSERT_TRUE(streams.back()->welcome().has_value());
  }
  EXPECT_TRUE(eventually([&] { return witness.count("fault site-a box-cloned") == 1; }));
}

TEST_F(Centre, receipts_reach_the_box_whose_alarm_it_was) {
  BoxEnd a(*ingest, "fd00::a"), b(*ingest, "fd00::b");
  a.send(hello(epoch));
  b.send(hello(epoch));
  ASSERT_TRUE(a.welcome().has_value() && b.welcome().has_value());
  const AlarmId id = AlarmId::make(wall_now_us());
  ingest->receipt("site-a", id, {ledger::Stage::handed_over, 42, "ebues", "250 taken"});
  ingest->receipt("site-nowhere", id, {ledger::Stage::handed_over, 42, "ebues", "250"});
  ASSERT_TRUE(eventually([&] { return a.receipts().size() == 1; }));
  EXPECT_EQ(a.receipts().front().text(), "250 taken");
  EXPECT_EQ(a.receipts().front().stage(), v1::Receipt::HANDED_OVER);
  EXPECT_TRUE(b.receipts().empty());
}

TEST_F(Centre, receipts_of_a_box_that_is_offline_arrive_when_it_is_back) {
  const auto texts = [](const BoxEnd& box) {
    std::vector<std::string> found;
    for (const v1::Receipt& receipt : box.receipts()) found.push_back(receipt.text());
    return found;
  };
  using Texts = std::vector<std::string>;
  const AlarmId id = AlarmId::make(wall_now_us());
  const auto hand_over = [&](const char* text) {
    ingest->receipt("site-a", id, {ledger::Stage::handed_over, 42, "ebues", text});
  };
  hand_over("never seen");  // since the receiver's start
  BoxEnd first(*ingest, "fd00::a");
  first.send(hello(epoch));
  ASSERT_TRUE(eventually([&] { return texts(first) == Texts{"never seen"}; }));
  hand_over("into a dead line");  // written, and who knows whether read
  ASSERT_TRUE(eventually([&] { return texts(first).size() == 2; }));
  first.hang_up("the line is dead");
  ASSERT_TRUE(eventually([&] { return !ingest->status("site-a")->connected; }));
  hand_over("offline");
  BoxEnd other(*ingest, "fd00::b");
  other.send(hello(epoch));
  BoxEnd back(*ingest, "fd00::a");
  back.send(hello(epoch));
  EXPECT_TRUE(eventually([&] {
    return texts(back) == Texts{"never seen", "into a dead line", "offline"};
  }));
  EXPECT_TRUE(other.welcome().has_value());
  EXPECT_TRUE(other.receipts().empty());
}

TEST_F(Centre, seqs_the_box_lost_leave_a_tombstone_and_a_fault) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  v1::BoxFrame frame;
  v1::Void& gone = *frame.mutable_void_();
  gone.set_epoch(epoch.value);
  gone.set_lane(0);
  gone.set_first_seq(1);
  gone.set_last_seq(3);
  gone.set_reason("not-held");
  box.send(std::move(frame));
  EXPECT_TRUE(box.wait_settled(Lane::live_alarm, 3));
  EXPECT_EQ(real->tombstones("site-a", 10)->size(), 1u);
  EXPECT_EQ(fault_codes(), std::vector<std::string>{"records-missing"});
  EXPECT_EQ(ingest->status("site-a")->refused, 1u);
}

TEST_F(Centre, what_was_refused_is_said_again_until_the_box_has_settled_it) {
  ledger::Incoming refused = alarm(1);
  refused.header.envelope = "no envelope";
  {
    BoxEnd box(*ingest, "fd00::a");
    box.send(hello(epoch));
    ASSERT_TRUE(box.welcome().has_value());
    box.send(record(refused));
    ASSERT_TRUE(box.wait_settled(Lane::live_alarm, 1));
    box.hang_up("before it was heard");
  }
  EXPECT_EQ(fault_codes(), std::vector<std::string>{"record-never"});
  const auto verdicts = [&](std::uint64_t first_unsettled) {
    BoxEnd box(*ingest, "fd00::a");
    v1::BoxFrame frame = hello(epoch);
    frame.mutable_hello()->mutable_ranges(0)->set_first_unsettled(first_unsettled);
    frame.mutable_hello()->mutable_ranges(0)->set_last(first_unsettled + 1);
    box.send(std::move(frame));
    EXPECT_TRUE(box.welcome().has_value());
    box.send(record(alarm(first_unsettled + 1)));
    EXPECT_TRUE(box.wait_settled(Lane::live_alarm, first_unsettled + 1));
    std::vector<std::string> said;
    for (const v1::CentreFrame& one : box.link().frames())
      if (one.settled().verdict() == v1::Settled::NEVER)
        said.push_back(std::to_string(one.settled().seq()) + " " + one.settled().code());
    return said;
  };
  EXPECT_EQ(verdicts(1), std::vector<std::string>{"1 malformed-envelope"});
  EXPECT_TRUE(verdicts(2).empty());
  EXPECT_EQ(fault_codes().size(), 1u) << "booked once";
}

TEST_F(Centre, an_alarm_the_box_holds_a_receipt_for_is_stored_and_not_owed) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  for (std::uint64_t seq = 1; seq <= 2; ++seq) {
    v1::BoxFrame frame = record(alarm(seq));
    frame.mutable_record()->set_replayed(true);
    if (seq == 1) frame.mutable_record()->add_receipted("ebues");
    box.send(std::move(frame));
  }
  ASSERT_TRUE(box.wait_settled(Lane::live_alarm, 2));
  EXPECT_EQ(*real->count_hand_overs("ebues", ledger::HandOverState::skipped), 1u);
  EXPECT_EQ(*real->count_hand_overs("ebues", ledger::HandOverState::waiting), 1u);
}

TEST_F(Centre, a_full_ledger_loses_nothing_and_floods_nothing) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  gate->fail_stores(1, Errc::full);
  const SteadyTime start = steady_now();
  std::vector<ledger::Incoming> sent;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    sent.push_back(alarm(seq));
    box.send(record(sent.back()));
  }
  ASSERT_TRUE(eventually([&] { return gate->stores() == 5; }));
  EXPECT_EQ(box.agains(), 0);  // the ones behind were gaps; that is kept back too
  ASSERT_TRUE(eventually([&] { return box.agains() > 0; }));
  EXPECT_GE(steady_now() - start, full_pause_min);
  EXPECT_EQ(box.agains(), 1);
  EXPECT_EQ(box.settled(Lane::live_alarm), 0u);
  for (const ledger::Incoming& incoming : sent) box.send(record(incoming));
  EXPECT_TRUE(box.wait_settled(Lane::live_alarm, 5));
  EXPECT_EQ(real->snapshot().records, 5u);
  EXPECT_EQ(ingest->status("site-a")->held, 1u);
}

TEST_F(Centre, a_held_lane_does_not_hold_the_others) {
  BoxEnd box(*ingest, "fd00::a"), other(*ingest, "fd00::b");
  box.send(hello(epoch));
  other.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value() && other.welcome().has_value());
  gate->fail_stores(1, Errc::full);
  box.send(record(alarm(1, "routine", Lane::routine)));
  ASSERT_TRUE(eventually([&] { return gate->stores() == 1; }));
  box.send(record(alarm(1)));
  other.send(record(alarm(1)));
  EXPECT_TRUE(box.wait_settled(Lane::live_alarm, 1));
  EXPECT_TRUE(other.wait_settled(Lane::live_alarm, 1));
  EXPECT_EQ(box.agains(), 0);
}

TEST_F(Centre, a_large_record_is_staged_hashed_on_the_way_and_stored) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  const ledger::Incoming incoming = alarm(1, ledger::testing::pattern_body(400'000), Lane::alarm);
  EXPECT_EQ(box.credit(Lane::alarm), credit_bytes_backlog);
  box.send(record(incoming, 50'000));
  for (std::size_t at = 50'000; at < 400'000; at += 50'000) {
    ASSERT_TRUE(eventually([&] { return box.credit(Lane::alarm) >= at + 51'000; }));
    box.send(chunk(incoming, at, 50'000));
  }
  ASSERT_TRUE(box.wait_settled(Lane::alarm, 1));
  EXPECT_EQ(gate->announced(), 1);
  const ledger::Position position = real->find(incoming.header.id)->position;
  EXPECT_EQ(*real->body(position, 0, 1'000'000), incoming.body);
}

TEST_F(Centre, a_box_that_resends_is_counted_and_settled) {
  const ledger::Incoming incoming = alarm(1);
  {
    BoxEnd box(*ingest, "fd00::a");
    box.send(hello(epoch));
    ASSERT_TRUE(box.welcome().has_value());
    box.send(record(incoming));
    ASSERT_TRUE(box.wait_settled(Lane::live_alarm, 1));
    box.hang_up("gone");
  }
  BoxEnd salvaged(*ingest, "fd00::a");
  salvaged.send(hello(EpochId{99}));
  ASSERT_TRUE(salvaged.welcome().has_value());
  ledger::Incoming again = incoming;
  again.header.key.epoch = EpochId{99};
  salvaged.send(record(again));
  EXPECT_TRUE(salvaged.wait_settled(Lane::live_alarm, 1));
  EXPECT_EQ(real->snapshot().records, 1u);
  EXPECT_TRUE(eventually([&] { return ingest->status("site-a")->duplicates == 1; }));
}

TEST_F(Centre, a_revoked_box_is_sent_away) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  ingest->disconnect("fd00::a", "revoked");
  EXPECT_TRUE(box.wait_closed(link::CloseCode::denied));
  EXPECT_TRUE(eventually([&] { return !ingest->status("site-a")->connected; }));
}

TEST_F(Centre, drains_what_is_in_flight_and_turns_newcomers_away) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  gate->keep_answers();
  box.send(record(alarm(1)));
  ASSERT_TRUE(eventually([&] { return gate->kept() == 1; }));
  std::atomic<bool> drained{false};
  const SteadyTime start = steady_now();
  ingest->drain(std::chrono::seconds(1), "restart", [&] { drained = true; });
  ASSERT_TRUE(eventually([&] { return box.has_drain(); }));
  BoxEnd late(*ingest, "fd00::b");
  EXPECT_TRUE(late.wait_closed(link::CloseCode::drained));
  EXPECT_FALSE(drained);
  gate->let_answers_go();
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
  EXPECT_LT(steady_now() - start, std::chrono::seconds(3));
  EXPECT_EQ(box.settled(Lane::live_alarm), 1u);
  EXPECT_TRUE(box.link().closed().has_value());
}

TEST_F(Centre, a_drain_ends_in_time_though_the_ledger_does_not_answer) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(hello(epoch));
  ASSERT_TRUE(box.welcome().has_value());
  gate->keep_answers();
  box.send(record(alarm(1)));
  std::atomic<bool> drained{false};
  const SteadyTime start = steady_now();
  ingest->drain(std::chrono::seconds(1), "restart", [&] { drained = true; });
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
  EXPECT_LT(steady_now() - start, std::chrono::seconds(3));
}

TEST_F(Centre, a_box_cannot_pile_up_streams_that_never_say_hello) {
  std::vector<std::unique_ptr<BoxEnd>> silent;
  for (std::size_t i = 0; i < unwelcomed_per_box_max + 2; ++i)
    silent.push_back(std::make_unique<BoxEnd>(*ingest, "fd00::a"));
  EXPECT_TRUE(silent[0]->wait_closed(link::CloseCode::stopped));
  EXPECT_TRUE(silent[1]->wait_closed(link::CloseCode::stopped));
  EXPECT_FALSE(silent[2]->link().closed().has_value());
  silent.back()->send(hello(epoch));
  EXPECT_TRUE(silent.back()->welcome().has_value());
}

TEST_F(Centre, garbage_ends_the_stream_and_touches_nothing) {
  BoxEnd box(*ingest, "fd00::a");
  box.send(v1::BoxFrame());
  EXPECT_TRUE(box.wait_closed(link::CloseCode::protocol));
  BoxEnd early(*ingest, "fd00::a");
  early.send(record(alarm(1)));
  EXPECT_TRUE(early.wait_closed(link::CloseCode::protocol));
  EXPECT_EQ(real->snapshot().records, 0u);
  EXPECT_TRUE(witness.notes().empty());
}

}  // namespace
}  // namespace alarmwire::ingest::testing
