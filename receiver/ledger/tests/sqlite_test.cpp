// What is SQLite's own among the ledger's promises.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "common/sqlite.hpp"
#include "receiver/ledger/tests/harness.hpp"

namespace alarmwire::ledger::testing {
namespace {

using Verdict = StoreResult::Verdict;
namespace fs = std::filesystem;

class SqliteLedgerTest : public ::testing::Test {
 protected:
  SqliteLedgerTest() {
    config.directory = folder.path();
    config.outlets = {"ebues"};
  }
  void open() {
    ledger.reset();
    Result<std::unique_ptr<Ledger>> opened = open_sqlite_ledger(config, memory);
    ASSERT_TRUE(opened.has_value()) << opened.error().diagnostics;
    ledger = std::move(*opened);
  }
  std::string file() const { return folder.path() + "/ledger.db"; }
  void sql(const std::string& text) {
    auto database = sqlite::Database::open(file(), sqlite::Database::Mode::read_write);
    ASSERT_TRUE(database.has_value());
    const Status done = database->exec(text);
    ASSERT_FALSE(done.has_error()) << done.error().diagnostics;
  }

  Folder folder;
  Memory memory;
  Config config;
  std::unique_ptr<Ledger> ledger;
  const EpochId epoch{77};
};

TEST_F(SqliteLedgerTest, keeps_its_id_and_its_files_to_itself) {
  open();
  store(*ledger, alarm("site-a", epoch, Lane::alarm, 1));
  const std::string id = ledger->id();
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(ledger->snapshot().ledger_id, id);
  for (const char* name : {"/ledger.db", "/ledger.db-wal", "/ledger.db-shm", "/ledger.lock"}) {
    struct stat stat {};
    ASSERT_EQ(::stat((folder.path() + name).c_str(), &stat), 0) << name;
    EXPECT_EQ(stat.st_mode & 0777u, 0600u) << name;
  }
  open();
  EXPECT_EQ(ledger->id(), id);
}

TEST_F(SqliteLedgerTest, refuses_a_second_receiver_on_the_same_folder) {
  open();
  Memory other;
  const auto second = open_sqlite_ledger(config, other);
  ASSERT_TRUE(second.has_error());
  EXPECT_TRUE(second.error().is(Errc::busy));
}

TEST_F(SqliteLedgerTest, refuses_a_newer_schema_and_a_strange_file_in_words) {
  open();
  ledger.reset();
  sql("PRAGMA user_version=3");
  const auto newer = open_sqlite_ledger(config, memory);
  ASSERT_TRUE(newer.has_error());
  EXPECT_TRUE(newer.error().is(Errc::unsupported));
  EXPECT_NE(newer.error().diagnostics.find("has schema 3, this version knows 2"),
            std::string::npos);
  sql("PRAGMA user_version=1; PRAGMA application_id=5");
  const auto strange = open_sqlite_ledger(config, memory);
  ASSERT_TRUE(strange.has_error());
  EXPECT_TRUE(strange.error().is(Errc::corrupt));
  std::ofstream(file(), std::ios::trunc) << std::string(9000, 'x');
  fs::remove(file() + "-wal");
  EXPECT_TRUE(open_sqlite_ledger(config, memory).has_error());
}

TEST_F(SqliteLedgerTest, a_ledger_restored_from_backup_is_filled_up_by_its_boxes) {
  open();
  std::vector<Incoming> sent;
  for (std::uint64_t seq = 1; seq <= 10; ++seq) {
    sent.push_back(alarm("site-a", epoch, Lane::alarm, seq));
    const Position position = store(*ledger, sent.back())->position;
    hand_over(*ledger, "ebues", position, HandOverState::taken);
    if (seq == 4) {
      ledger.reset();
      fs::copy_file(file(), folder.path() + "/backup");
      open();
    }
  }
  const std::string id = ledger->id();
  ledger.reset();
  fs::rename(folder.path() + "/backup", file());
  open();
  EXPECT_EQ(ledger->id(), id);
  ASSERT_EQ(ledger->cursors("site-a")->front().seq, 4u);  // what Welcome will say
  for (std::uint64_t seq = 5; seq <= 10; ++seq) {
    Incoming replay = sent[seq - 1];
    replay.replayed = true;
    EXPECT_EQ(store(*ledger, replay)->verdict, Verdict::stored);
  }
  EXPECT_EQ(store(*ledger, sent[9])->verdict, Verdict::duplicate);
  EXPECT_EQ(ledger->snapshot().records, 10u);
  EXPECT_EQ(ledger->cursors("site-a")->front().seq, 10u);
  // The backup knows nothing of the hand-overs after it: they are offered again, marked replayed.
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 6u);
  EXPECT_TRUE(ledger->read_after(4, 1)->front().replayed);
}

TEST_F(SqliteLedgerTest, a_file_of_version_one_is_brought_up_to_date) {
  open();
  ASSERT_EQ(store(*ledger, alarm("site-a", epoch, Lane::alarm, 1))->verdict, Verdict::stored);
  Tombstone gone{"site-a", epoch, Lane::alarm, 2, 2, std::nullopt, "not-held", 5};
  await<std::uint64_t>([&](auto done) { ledger->tombstone(gone, done); });
  ledger.reset();
  {
    auto database = sqlite::Database::open(file(), sqlite::Database::Mode::read_write);
    ASSERT_TRUE(database
                    ->exec("DROP INDEX tombstones_refused; ALTER TABLE tombstones DROP COLUMN kind;"
                           "PRAGMA user_version=1")
                    .has_value());
  }
  open();
  EXPECT_EQ(ledger->tombstones("site-a", 9)->front().kind, Tombstone::Kind::gone);
  EXPECT_TRUE(ledger->refused("site-a", {{epoch, Lane::alarm, 1, 9}})->empty());
  gone.first_seq = gone.last_seq = 3;
  gone.kind = Tombstone::Kind::never;
  await<std::uint64_t>([&](auto done) { ledger->tombstone(gone, done); });
  EXPECT_EQ(ledger->refused("site-a", {{epoch, Lane::alarm, 1, 9}})->size(), 1u);
}

TEST_F(SqliteLedgerTest, tells_how_far_every_outlet_is_with_one_record) {
  config.outlets = {"webhook", "ebues"};
  open();
  const Result<StoreResult> one = store(*ledger, alarm("site-a", epoch, Lane::live_alarm, 1));
  store(*ledger, alarm("site-b", epoch, Lane::alarm, 1));
  ASSERT_FALSE(hand_over(*ledger, "ebues", one->position, HandOverState::parked).has_error());
  const auto of_one = ledger->hand_overs_of(one->position);
  ASSERT_EQ(of_one->size(), 2u);
  const auto& [first, parked] = of_one->front();
  EXPECT_EQ(first, "ebues");
  EXPECT_EQ(parked.state, HandOverState::parked);
  EXPECT_EQ(parked.position, one->position);
  EXPECT_EQ(parked.box, "site-a");
  EXPECT_EQ(parked.lane, Lane::live_alarm);
  EXPECT_EQ(parked.tries, 1u);
  EXPECT_EQ(of_one->back().first, "webhook");
  EXPECT_EQ(of_one->back().second.state, HandOverState::waiting);
  EXPECT_TRUE(ledger->hand_overs_of(999)->empty());
}

TEST_F(SqliteLedgerTest, full_is_said_to_each_write_and_is_over_when_there_is_room) {
  config.size_max_bytes = 1024 * 1024;
  config.full_calm = std::chrono::milliseconds(1000);
  open();
  std::uint64_t stored = 0;
  Result<StoreResult> last = store(*ledger, alarm("site-a", epoch, Lane::alarm, 1));
  while (last.has_value() && stored < 1000) {
    hand_over(*ledger, "ebues", last->position, HandOverState::taken);
    ++stored;
    last = store(*ledger, alarm("site-a", epoch, Lane::alarm, stored + 1, pattern_body(30'000)));
  }
  ASSERT_TRUE(last.has_error());
  EXPECT_TRUE(last.error().is(Errc::full)) << last.error().diagnostics;
  EXPECT_TRUE(ledger->snapshot().full);
  EXPECT_THAT(memory.faults(), ::testing::ElementsAre("ledger-full"));
  EXPECT_EQ(ledger->cursors("site-a")->front().seq, stored);
  EXPECT_GT(*retain(*ledger, {0, 500'000}, wall_now_us()), 0u);
  // At once and the last one for long: the fault is over by itself, and not before its calm.
  EXPECT_EQ(store(*ledger, alarm("site-a", epoch, Lane::alarm, stored + 1))->verdict,
            Verdict::stored);
  EXPECT_TRUE(memory.wait_for_fault("ledger-full over"));
  EXPECT_FALSE(ledger->snapshot().full);
  EXPECT_EQ(memory.fatals(), 0u);
}

TEST_F(SqliteLedgerTest, a_write_that_finds_no_room_does_not_fail_the_others_of_its_group) {
  config.size_max_bytes = 1024 * 1024;
  open();
  store(*ledger, alarm("site-0", epoch, Lane::alarm, 1));
  std::atomic<int> stored{0}, full{0};
  ledger->store(alarm("site-big", epoch, Lane::alarm, 1, pattern_body(3'000'000)),
                [&](Result<StoreResult> result) {
                  full += result.has_error() && result.error().is(Errc::full);
                });
  for (int box = 1; box <= 20; ++box)
    ledger->store(alarm("site-" + std::to_string(box), epoch, Lane::alarm, 1),
                  [&](Result<StoreResult> result) { stored += result.has_value(); });
  ledger->store(alarm("site-big2", epoch, Lane::alarm, 1, pattern_body(3'000'000)),
                [&](Result<StoreResult> result) {
                  full += result.has_error() && result.error().is(Errc::full);
                });
  open();  // finishes what is queued
  EXPECT_EQ(stored, 20);
  EXPECT_EQ(full, 2);
  EXPECT_EQ(ledger->snapshot().records, 21u);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 21u);
}

TEST_F(SqliteLedgerTest, a_filling_disk_is_a_fault_with_an_end) {
  std::atomic<double> ratio{0.5};
  config.disk_used_ratio = [&ratio] { return ratio.load(); };
  open();
  ratio = 0.85;
  EXPECT_TRUE(memory.wait_for_fault("ledger-disk-80"));
  ratio = 0.5;
  EXPECT_TRUE(memory.wait_for_fault("ledger-disk-80 over"));
  EXPECT_DOUBLE_EQ(ledger->snapshot().disk_used_ratio, 0.5);
  ledger.reset();  // `ratio` goes first
}

TEST_F(SqliteLedgerTest, dead_uploads_are_swept_and_their_rows_deleted) {
  open();
  const Incoming dead = alarm("site-a", epoch, Lane::alarm, 1, pattern_body(500'000));
  for (std::size_t at = 0; at < 400'000; at += 50'000)
    ASSERT_TRUE(stage(*ledger, dead, at, dead.body.substr(at, 50'000)).has_value());
  ledger.reset();
  sql("UPDATE staged SET changed_us = changed_us - 25 * 3600 * 1000000");
  open();  // the first tick sweeps
  for (int i = 0; i < 100 && !ledger->staged("site-a")->empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(ledger->staged("site-a")->empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ledger.reset();
  auto database = sqlite::Database::open(file(), sqlite::Database::Mode::read_write);
  EXPECT_EQ(*database->query_int("SELECT count(*) FROM chunks"), 0);
  EXPECT_EQ(*database->query_int("SELECT count(*) FROM dropped"), 0);
}

TEST_F(SqliteLedgerTest, staged_rows_become_the_records_without_being_copied) {
  open();
  Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1, pattern_body(4'000'000));
  ledger->announce(incoming.box, incoming.header);
  for (std::size_t at = 0; at < incoming.body.size(); at += 50'000)
    ASSERT_TRUE(stage(*ledger, incoming, at, incoming.body.substr(at, 50'000)).has_value());
  incoming.staged = true;
  incoming.body.clear();
  const SteadyTime start = steady_now();
  ASSERT_EQ(store(*ledger, incoming)->verdict, Verdict::stored);
  EXPECT_LT(steady_now() - start, std::chrono::milliseconds(500));
  ledger.reset();
  auto database = sqlite::Database::open(file(), sqlite::Database::Mode::read_write);
  EXPECT_EQ(*database->query_int("SELECT count(*) FROM chunks"), 80);
  EXPECT_EQ(*database->query_int("SELECT body_number FROM records") << 27,
            *database->query_int("SELECT min(key) FROM chunks"));
}

TEST_F(SqliteLedgerTest, too_many_waiting_is_busy_at_once_and_only_for_who_floods) {
  open();
  std::atomic<int> busy{0}, fine{0};
  const Incoming big = alarm("site-flood", epoch, Lane::alarm, 5, pattern_body(1'000'000));
  for (int i = 0; i < 100; ++i)
    ledger->store(big, [&](Result<StoreResult> result) {
      busy += result.has_error() && result.error().is(Errc::busy);
    });
  ledger->store(alarm("site-quiet", epoch, Lane::alarm, 1),
                [&](Result<StoreResult> result) { fine += result.has_value(); });
  ledger.reset();
  EXPECT_EQ(fine, 1);
  RecordProperty("busy", busy);
}

TEST_F(SqliteLedgerTest, many_small_records_a_second) {
  open();
  constexpr int boxes = 16, each = 1000;
  std::vector<std::vector<Incoming>> sent(boxes);
  for (int box = 0; box < boxes; ++box)
    for (int seq = 1; seq <= each; ++seq)
      sent[static_cast<std::size_t>(box)].push_back(
          alarm("site-" + std::to_string(box), epoch, Lane::alarm, static_cast<std::uint64_t>(seq),
                std::string(1024, 'x')));
  std::atomic<int> answered{0};
  std::promise<void> all;
  const SteadyTime start = steady_now();
  for (int seq = 0; seq < each; ++seq) {
    // As credits would: never more than 256 of a box in flight.
    while (seq * boxes - answered > 4096) std::this_thread::yield();
    for (int box = 0; box < boxes; ++box)
      ledger->store(std::move(sent[static_cast<std::size_t>(box)][static_cast<std::size_t>(seq)]),
                    [&](Result<StoreResult> result) {
                      EXPECT_TRUE(result.has_value());
                      if (++answered == boxes * each) all.set_value();
                    });
  }
  all.get_future().wait();
  const double seconds = std::chrono::duration<double>(steady_now() - start).count();
  std::printf("%d records of 1 KiB: %.0f/s, %llu commits\n", boxes * each, boxes * each / seconds,
              static_cast<unsigned long long>(ledger->snapshot().commits));
  EXPECT_GT(boxes * each / seconds, 1000) << "an order of magnitude below the target of 10000/s";
  EXPECT_EQ(ledger->snapshot().records, static_cast<std::uint64_t>(boxes * each));
}

}  // namespace
}  // namespace alarmwire::ledger::testing
