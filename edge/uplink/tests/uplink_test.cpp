// The whole messenger over real gRPC on ::1, with a real spool on one side and a small centre on
// the other.
#include "edge/uplink/uplink.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "common/files.hpp"
#include "edge/spool/tests/support.hpp"
#include "edge/uplink/tests/centre.hpp"

namespace alarmwire::uplink {
namespace {

using namespace std::chrono_literals;
using spool::test::body_of;

class UplinkTest : public ::testing::Test, private spool::Observer {
 protected:
  UplinkTest() : guard_(box.get_executor()), thread_([this] { box.run(); }) {
    spool::Config config;
    config.directory = folder.path();
    spool = spool::Spool::open(config, *this).value();
    centre.appear();
    centre.vanish();  // a port of its own, and nobody there
  }
  ~UplinkTest() override {
    on_box([this] { uplink.reset(); });
    spool.reset();
    guard_.reset();
    thread_.join();
  }

  template <typename Call>
  auto on_box(Call call) -> decltype(call()) {
    return test::ask_on(box, std::move(call));
  }
  void start() {
    on_box([this] {
      Config config;
      config.centre = {"::1", centre.port(), 2000ms};
      config.software = "test box";
      config.ledger_id_file = folder.path() + "/ledger-id";
      Callbacks callbacks;
      callbacks.on_link = [this](bool up, const std::string&) { links.push_back(up); };
      callbacks.on_fault = [this](const std::string& code, const std::string&, const std::string&) {
        faults.push_back(code);
      };
      uplink = std::make_unique<Uplink>(box, *spool, std::move(config), std::move(callbacks));
      uplink->start();
    });
  }
  void start_and_wait() {
    centre.appear();
    start();
    ASSERT_TRUE(wait_for_link(true));
  }
  template <typename Condition>
  bool eventually(Condition condition, std::chrono::milliseconds patience = 20s) {
    const SteadyTime end = steady_now() + patience;
    while (!condition()) {
      if (steady_now() > end) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
  bool wait_for_link(bool up) {
    return eventually([this, up] {
      return on_box([this, up] { return uplink->is_up() == up && !links.empty(); });
    });
  }
  RecordKey commit(Lane lane, std::size_t bytes) {
    spool::NewRecord record = spool::test::record_of(body_of(bytes, ++seed), lane);
    last_id = record.id;
    const auto done = bytes > spool::inline_body_bytes_max
                          ? spool::test::commit_upload(*spool, std::move(record), 60'000)
                          : spool::test::commit(*spool, std::move(record));
    return done.value().key;
  }
  // The answer, and how long it took to come.
  std::future<bool> ask_stored(const RecordKey& key, std::chrono::milliseconds ack_wait) {
    auto promise = std::make_shared<std::promise<bool>>();
    on_box([&] {
      uplink->wait_stored(key, ack_wait, [promise](bool stored) { promise->set_value(stored); });
    });
    return promise->get_future();
  }
  static bool is_answered(const std::future<bool>& answer, std::chrono::milliseconds within) {
    return answer.wait_for(within) == std::future_status::ready;
  }
  bool is_empty_soon() {
    return eventually([this] { return spool->snapshot().waiting_records == 0; });
  }
  std::vector<std::uint64_t> seqs_of(Lane lane) {
    return centre.ask([this, lane] {
      std::vector<std::uint64_t> seqs;
      for (const test::Centre::Row& row : centre.rows)
        if (row.header.key.lane == lane) seqs.push_back(row.header.key.seq);
      return seqs;
    });
  }
  static std::vector<std::uint64_t> up_to(std::uint64_t last) {
    std::vector<std::uint64_t> seqs;
    for (std::uint64_t seq = 1; seq <= last; ++seq) seqs.push_back(seq);
    return seqs;
  }
  long count_faults(const std::string& code) {
    return on_box([&] { return std::count(faults.begin(), faults.end(), code); });
  }
  spool::RowState state_of(const RecordKey& key) {
    return spool::test::fetch(*spool, key).value().state;
  }
  bool has_stage(const AlarmId& id, const std::string& stage) {
    const auto notes = on_box([&] { return uplink->stages_of(id); });
    return std::any_of(notes.begin(), notes.end(),
                       [&](const StageNote& note) { return note.stage == stage; });
  }

  spool::test::Folder folder;
  test::Centre centre;
  boost::asio::io_context box;
  std::unique_ptr<spool::Spool> spool;
  // On the box's thread only:
  std::unique_ptr<Uplink> uplink;
  std::vector<bool> links;
  std::vector<std::string> faults;
  unsigned seed = 0;
  AlarmId last_id;

 private:
  void on_record(const RecordKey& key) override {
    boost::asio::post(box, [this, key] {
      if (uplink) uplink->on_record(key);
    });
  }
  void on_fault(const std::string&, const std::string&, const std::string&, bool) override {}
  void on_fatal(const Failure& failure) override { ADD_FAILURE() << failure.diagnostics; }

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

TEST_F(UplinkTest, what_was_committed_before_and_after_the_connect_arrives_in_order) {
  for (int i = 0; i < 12; ++i) commit(i % 3 == 0 ? Lane::routine : Lane::alarm, 3000);
  commit(Lane::alarm, 200'000);
  start_and_wait();
  for (int i = 0; i < 12; ++i) commit(Lane::live_alarm, 20'000);
  commit(Lane::alarm, 100'000);
  ASSERT_TRUE(is_empty_soon());
  EXPECT_EQ(seqs_of(Lane::live_alarm), up_to(12));
  EXPECT_EQ(seqs_of(Lane::alarm), up_to(10));
  EXPECT_EQ(seqs_of(Lane::routine), up_to(4));
  EXPECT_EQ(spool->snapshot().settled_records, 26u);
  const LinkStatus status = on_box([this] { return uplink->status(); });
  EXPECT_EQ(status.state, LinkStatus::State::up);
  EXPECT_EQ(status.settled_records, 26u);
  EXPECT_EQ(status.in_flight, 0u);
  EXPECT_EQ(status.centre_software, "test centre");
  EXPECT_EQ(status.ledger_id, "ledger-1");
  EXPECT_EQ(read_file(folder.path() + "/ledger-id").value(), "ledger-1");
}

TEST_F(UplinkTest, a_waiting_device_hears_stored_when_it_is_settled_and_not_before) {
  start_and_wait();
  centre.keep_answers(true);
  const auto answer = [&](const RecordKey& key) { return ask_stored(key, 20s); };
  std::future<bool> stored = answer(commit(Lane::live_alarm, 500));
  EXPECT_FALSE(is_answered(stored, 200ms));
  centre.keep_answers(false);
  ASSERT_TRUE(is_answered(stored, 10s));
  EXPECT_TRUE(stored.get());
  const RecordKey key = commit(Lane::live_alarm, 500);
  ASSERT_TRUE(is_empty_soon());
  EXPECT_TRUE(answer(key).get()) << "asked after it was settled";
}

TEST_F(UplinkTest, nobody_waits_while_the_link_is_down) {
  start();
  std::future<bool> stored = ask_stored(commit(Lane::live_alarm, 500), 60s);
  ASSERT_TRUE(is_answered(stored, 5s));
  EXPECT_FALSE(stored.get());
}

TEST_F(UplinkTest, those_who_wait_are_released_when_the_link_breaks_or_stops) {
  start_and_wait();
  centre.keep_answers(true);
  std::future<bool> first = ask_stored(commit(Lane::live_alarm, 500), 60s);
  EXPECT_FALSE(is_answered(first, 100ms));
  centre.vanish();
  ASSERT_TRUE(is_answered(first, 10s));
  EXPECT_FALSE(first.get());
  centre.appear();
  ASSERT_TRUE(wait_for_link(true));
  std::future<bool> second = ask_stored(commit(Lane::live_alarm, 500), 60s);
  EXPECT_FALSE(is_answered(second, 100ms));
  on_box([this] { uplink->stop(); });
  ASSERT_TRUE(is_answered(second, 5s));
  EXPECT_FALSE(second.get());
  EXPECT_EQ(on_box([this] { return uplink->status().state; }), LinkStatus::State::down);
}

TEST_F(UplinkTest, nobody_waits_for_a_centre_from_which_nothing_at_all_is_heard) {
  start_and_wait();
  EXPECT_TRUE(ask_stored(commit(Lane::live_alarm, 500), 60s).get());
  std::promise<void> gate;
  std::promise<void> is_silent;
  std::thread silent([&] {
    centre.ask([&] {
      is_silent.set_value();
      gate.get_future().wait();
    });
  });
  is_silent.get_future().wait();
  std::future<bool> stored = ask_stored(commit(Lane::live_alarm, 500), 60s);
  const bool came = is_answered(stored, 20s);
  const bool was_up = on_box([this] { return uplink->is_up(); });
  gate.set_value();
  silent.join();
  ASSERT_TRUE(came);
  EXPECT_FALSE(stored.get());
  EXPECT_TRUE(was_up) << "the stream was given up for it";
  EXPECT_TRUE(is_empty_soon());
}

TEST_F(UplinkTest, a_slow_ledger_is_no_silence) {
  start_and_wait();
  centre.keep_answers(true);
  std::future<bool> stored = ask_stored(commit(Lane::live_alarm, 500), 60s);
  EXPECT_FALSE(is_answered(stored, 2 * silence_max));
  centre.keep_answers(false);
  ASSERT_TRUE(is_answered(stored, 20s));
  EXPECT_TRUE(stored.get());
}

TEST_F(UplinkTest, after_one_wait_ran_out_nobody_waits_until_the_next_settled) {
  start_and_wait();
  centre.keep_answers(true);
  const SteadyTime begun = steady_now();
  EXPECT_FALSE(ask_stored(commit(Lane::live_alarm, 500), 150ms).get());
  EXPECT_GE(steady_now() - begun, 150ms);
  std::future<bool> second = ask_stored(commit(Lane::live_alarm, 500), 60s);
  ASSERT_TRUE(is_answered(second, 5s));
  EXPECT_FALSE(second.get());
  centre.keep_answers(false);
  ASSERT_TRUE(is_empty_soon());
  centre.keep_answers(true);
  std::future<bool> third = ask_stored(commit(Lane::live_alarm, 500), 60s);
  EXPECT_FALSE(is_answered(third, 100ms)) << "waits again";
  centre.keep_answers(false);
  EXPECT_TRUE(third.get());
}

TEST_F(UplinkTest, a_record_broken_off_goes_on_where_it_was_staged_and_live_ones_pass_it) {
  centre.ask([this] { centre.staged_bytes_max = 400'000; });
  start_and_wait();
  const RecordKey large = commit(Lane::alarm, 1 << 20);
  const auto staged = [&] { return centre.ask([&] { return centre.staged[large].bytes.size(); }); };
  ASSERT_TRUE(eventually([&] { return staged() > 300'000; }));
  // The lane is stuck in mid-record, its credit used up: a live alarm does not mind.
  EXPECT_TRUE(ask_stored(commit(Lane::live_alarm, 30'000), 20s).get());
  const std::uint64_t offset = staged();
  centre.vanish();
  ASSERT_TRUE(wait_for_link(false));
  centre.ask([this] { centre.staged_bytes_max = 1 << 30; });
  centre.appear();
  ASSERT_TRUE(is_empty_soon());
  const auto resumed = centre.ask([this] { return centre.resumed; });
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_EQ(resumed[0], std::pair(large, offset));
  EXPECT_EQ(centre.ask([this] { return centre.rows.back().body; }), body_of(1 << 20, 1));
}

TEST_F(UplinkTest, the_link_is_told_down_and_up_and_comes_back_soon) {
  start_and_wait();
  for (std::size_t i = 0; i < 3; ++i) {
    centre.vanish();
    ASSERT_TRUE(wait_for_link(false));
    std::this_thread::sleep_for(100ms * i);
    centre.appear();
    const SteadyTime begun = steady_now();
    ASSERT_TRUE(wait_for_link(true));
    EXPECT_LT(steady_now() - begun, 4s);
  }
  commit(Lane::live_alarm, 500);
  EXPECT_TRUE(is_empty_soon());
  EXPECT_EQ(on_box([this] { return links; }),
            (std::vector<bool>{true, false, true, false, true, false, true}));
  EXPECT_EQ(on_box([this] { return uplink->status().reconnects; }), 3u);
}

TEST_F(UplinkTest, hurry_connects_at_once) {
  start();
  ASSERT_TRUE(eventually(
      [this] { return on_box([this] { return !uplink->status().last_error.empty(); }); }));
  centre.appear();
  on_box([this] {
    for (int i = 0; i < 3; ++i) uplink->hurry();
  });
  EXPECT_TRUE(wait_for_link(true));
}

TEST_F(UplinkTest, what_the_centre_never_takes_is_parked_with_a_fault_and_the_lane_goes_on) {
  centre.ask([this] { centre.record_bytes_max = 100'000; });
  start_and_wait();
  const RecordKey refused = commit(Lane::alarm, 150'000);
  const RecordKey next = commit(Lane::alarm, 1000);
  ASSERT_TRUE(is_empty_soon());
  EXPECT_EQ(count_faults("record-never"), 0) << "the centre books it";
  EXPECT_TRUE(eventually([&] { return state_of(refused) == spool::RowState::parked; }));
  EXPECT_EQ(state_of(next), spool::RowState::settled);
  EXPECT_EQ(seqs_of(Lane::alarm), (std::vector<std::uint64_t>{2}));
  EXPECT_FALSE(ask_stored(refused, 50ms).get());
}

TEST_F(UplinkTest, a_conflict_enters_once_more) {
  start_and_wait();
  const EpochId epoch = spool->snapshot().epoch;
  centre.ask([&] {
    centre.cursors[{epoch, Lane::live_alarm}] = 1;
    centre.hashes[{epoch, Lane::live_alarm, 1}] = Hash{};
  });
  const RecordKey taken = commit(Lane::live_alarm, 500);
  ASSERT_EQ(taken.seq, 1u);
  ASSERT_TRUE(eventually([this] { return centre.count() == 1; }));
  ASSERT_TRUE(is_empty_soon());
  const auto row = centre.ask([this] { return centre.rows.front().header; });
  EXPECT_EQ(row.id, last_id);
  EXPECT_EQ(row.key.seq, 2u);
  EXPECT_EQ(count_faults("record-conflict"), 0) << "the centre books it";
  EXPECT_EQ(state_of(taken), spool::RowState::parked);
  commit(Lane::live_alarm, 500);
  ASSERT_TRUE(is_empty_soon());
  EXPECT_EQ(centre.count(), 2u) << "once";
}

// The centre refused both, and the stream broke before the box heard of it.
TEST_F(UplinkTest, verdicts_not_heard_are_heard_at_the_next_connect) {
  const RecordKey taken = commit(Lane::live_alarm, 500);
  const AlarmId id = last_id;
  const RecordKey refused = commit(Lane::alarm, 500);
  centre.ask([&] {
    centre.cursors[{taken.epoch, Lane::live_alarm}] = centre.cursors[{taken.epoch, Lane::alarm}] =
        1;
    centre.refused[taken] = {taken, id, true, "conflict: another one"};
    centre.refused[refused] = {refused, last_id, false, "too-large: 500 bytes"};
  });
  start_and_wait();
  ASSERT_TRUE(eventually([this] { return centre.count() == 1; }));
  ASSERT_TRUE(is_empty_soon());
  EXPECT_EQ(centre.ask([this] { return centre.rows.front().header.id; }), id);
  EXPECT_EQ(state_of(taken), spool::RowState::parked);
  EXPECT_EQ(state_of(refused), spool::RowState::parked);
  centre.vanish();
  ASSERT_TRUE(wait_for_link(false));
  centre.appear();
  ASSERT_TRUE(wait_for_link(true));
  commit(Lane::live_alarm, 500);
  ASSERT_TRUE(is_empty_soon());
  EXPECT_EQ(centre.count(), 2u) << "once";
}

TEST_F(UplinkTest, a_receipt_goes_back_with_the_record_when_the_ledger_was_restored) {
  start_and_wait();
  const RecordKey taken = commit(Lane::live_alarm, 500);
  const AlarmId id = last_id;
  const RecordKey untaken = commit(Lane::live_alarm, 500);
  ASSERT_TRUE(is_empty_soon());
  centre.receipt({id, link::ReceiptStage::handed_over, 77, "ebues", "250 ok"});
  centre.receipt({last_id, link::ReceiptStage::displayed, 78, "console", ""});
  ASSERT_TRUE(eventually([&] { return has_stage(last_id, "displayed"); }));
  centre.vanish();
  centre.ask([this] {
    centre.rows.clear();
    centre.cursors.clear();
    centre.hashes.clear();
    centre.receipted.clear();
  });
  centre.appear();
  ASSERT_TRUE(eventually([this] { return centre.count() == 2; }));
  const auto receipted = centre.ask([this] { return centre.receipted; });
  EXPECT_EQ(receipted.at(taken), std::vector<std::string>{"ebues"});
  EXPECT_TRUE(receipted.at(untaken).empty());
}

TEST_F(UplinkTest, receipts_reach_the_stages) {
  start_and_wait();
  commit(Lane::live_alarm, 500);
  const AlarmId id = last_id;
  ASSERT_TRUE(is_empty_soon());
  centre.receipt({id, link::ReceiptStage::handed_over, 77, "ebues", "250 ok"});
  ASSERT_TRUE(eventually([&] { return has_stage(id, "handed over"); }));
  EXPECT_TRUE(has_stage(id, "sent"));
  EXPECT_TRUE(has_stage(id, "stored"));
  const auto notes = on_box([&] { return uplink->stages_of(id); });
  EXPECT_EQ(notes.back().outlet, "ebues");
  EXPECT_EQ(notes.back().time_us, 77);
}

// Stopped and destroyed at once, at any moment, while the spool still answers and frames fly; the
// last one finds everything in order, and nothing twice.
TEST_F(UplinkTest, stop_and_destruction_at_any_moment_harm_nothing) {
  centre.appear();
  std::atomic<bool> goes_on{true};
  std::thread device([&] {
    for (int i = 0; goes_on && i < 400; ++i)
      commit(i % 2 == 0 ? Lane::live_alarm : Lane::alarm, i % 7 == 0 ? 90'000 : 9'000);
  });
  for (std::size_t round = 0; round < 24; ++round) {
    const std::size_t before = centre.count();
    start();
    if (round % 4 != 0) eventually([&] { return centre.count() > before + round % 4; }, 500ms);
    on_box([&] {
      if (round % 2 == 0) uplink->stop();
      uplink.reset();
    });
  }
  goes_on = false;
  device.join();
  start();
  ASSERT_TRUE(is_empty_soon());
  const spool::Snapshot held = spool->snapshot();
  EXPECT_EQ(centre.count(), held.committed_records);
  EXPECT_EQ(seqs_of(Lane::live_alarm).size() + seqs_of(Lane::alarm).size(), seed);
  EXPECT_EQ(seqs_of(Lane::live_alarm), up_to(seqs_of(Lane::live_alarm).size()));
  EXPECT_EQ(seqs_of(Lane::alarm), up_to(seqs_of(Lane::alarm).size()));
}

TEST_F(UplinkTest, another_ledger_is_remembered) {
  start_and_wait();
  centre.vanish();
  centre.ask([this] { centre.ledger_id = "ledger-2"; });
  centre.appear();
  ASSERT_TRUE(eventually(
      [this] { return on_box([this] { return uplink->status().ledger_id; }) == "ledger-2"; }));
  EXPECT_EQ(read_file(folder.path() + "/ledger-id").value(), "ledger-2");
}

}  // namespace
}  // namespace alarmwire::uplink
