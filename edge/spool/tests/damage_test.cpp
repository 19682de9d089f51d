// Damaged files: quarantine, service at once, salvage; damage met at run time.
#include <fstream>
#include <set>

#include "common/sqlite.hpp"
#include "edge/spool/files.hpp"
#include "edge/spool/tests/support.hpp"
#include "tests/powercut/vfs.hpp"

namespace alarmwire::spool::test {
namespace {

class Damage : public testing::Test {
 protected:
  void SetUp() override {
    config.directory = folder.path();
    config.quota_bytes = 64 << 20;
  }
  std::string database() const { return folder.path() + "/spool.db"; }
  // Some settled, some waiting, one parked, one large.
  void make() {
    auto opened = open(config);
    std::vector<NewRecord> records;
    for (unsigned i = 0; i < 200; ++i) {
      records.push_back(record_of(body_of(3000, i), i % 4 == 0 ? Lane::fault : Lane::alarm));
      lanes[records.back().id] = records.back().lane;
    }
    keys = commit_all(**opened, records);
    const NewRecord large = record_of(body_of(400'000, 999));
    ASSERT_TRUE(commit_upload(**opened, large, 65'536).has_value());
    lanes[large.id] = Lane::alarm;
    large_id = large.id;
    (*opened)->settle(keys[0].epoch, Lane::alarm, 20);
    (*opened)->park(keys[40], "never: refused");
    EXPECT_TRUE(eventually([&] { return (*opened)->snapshot().parked_records == 1; }));
    EXPECT_TRUE(eventually([&] { return (*opened)->snapshot().settled_records == 20; }));
  }
  void scribble(std::uint64_t offset, std::size_t bytes) {
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    const std::string noise = body_of(bytes, 4242);
    file.write(noise.data(), static_cast<std::streamsize>(noise.size()));
  }
  // Every record that is in the new spool is whole and has its old alarm id and lane.
  void expect_whole(Spool& spool) {
    const auto all =
        *wait<std::vector<ListedRecord>>([&](auto done) { spool.list(1000, false, done); });
    std::set<AlarmId> ids;
    for (const ListedRecord& record : all) {
      EXPECT_TRUE(ids.insert(record.header.id).second);
      EXPECT_EQ(lanes.at(record.header.id), record.header.key.lane);
      EXPECT_TRUE(verify(spool, record.header.key).has_value());
    }
  }
  Folder folder;
  Config config;
  std::map<AlarmId, Lane> lanes;
  std::vector<RecordKey> keys;
  AlarmId large_id;
};

TEST_F(Damage, ATornPageLeadsToQuarantineServiceAndSalvage) {
  make();
  const auto size = std::filesystem::file_size(database());
  scribble(size / 4096 / 2 * 4096, 3 * 4096);
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  const auto fresh = commit(**opened, record_of("at once"));
  ASSERT_TRUE(fresh.has_value());
  lanes[find(**opened, fresh->id)->header.id] = Lane::alarm;
  EXPECT_NE(fresh->key.epoch, keys[0].epoch);
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-quarantined", false).code, "spool-quarantined");
  const auto end = opened->watcher.wait_for_fault("spool-quarantined", true);
  ASSERT_EQ(end.code, "spool-quarantined");
  SCOPED_TRACE(end.reason);
  const Snapshot snapshot = (*opened)->snapshot();
  EXPECT_EQ(snapshot.quarantined_files, 1u);
  // 181 waited or were parked; three pages are gone.
  EXPECT_GT(snapshot.waiting_records, 120u);
  EXPECT_LT(snapshot.waiting_records, 183u);
  EXPECT_EQ(snapshot.parked_records, 1u);
  expect_whole(**opened);
  const std::string name = quarantines(folder.path()).at(0);
  EXPECT_TRUE(is_salvaged(folder.path(), name));
  opened.reset();
  opened = open(config);
  EXPECT_EQ((*opened)->snapshot().waiting_records, snapshot.waiting_records);
  EXPECT_EQ(opened->watcher.count_faults("spool-quarantined", false), 0u);
}

TEST_F(Damage, SettledRowsDoNotComeBack) {
  make();
  { std::ofstream(folder.path() + "/spool.suspect") << "x"; }
  auto opened = open(config);
  const auto end = opened->watcher.wait_for_fault("spool-quarantined", true);
  SCOPED_TRACE(end.reason);
  EXPECT_EQ((*opened)->snapshot().waiting_records, 201u - 20 - 1);
  EXPECT_EQ((*opened)->snapshot().parked_records, 1u);
  expect_whole(**opened);
  EXPECT_EQ(whole_body(**opened, find(**opened, large_id)->header.key), body_of(400'000, 999));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/spool.suspect"));
}

// The closing spool refuses the record in hand: the file is not through. Stops at ever later
// moments.
TEST_F(Damage, AStopWithTheLastRecordInHandLosesNothing) {
  for (int round = 0; round < 300; ++round) {
    Folder once;
    config.directory = once.path();
    const NewRecord record = record_of("the only one");
    {
      auto opened = open(config);
      ASSERT_TRUE(commit(**opened, record).has_value());
    }
    { std::ofstream(once.path() + "/spool.suspect") << "x"; }
    {
      auto stopped = open(config);
      const auto until = steady_now() + std::chrono::microseconds(400 + 2 * round);
      while (steady_now() < until) {
      }
    }
    auto opened = open(config);
    ASSERT_TRUE(eventually([&] { return find(**opened, record.id).has_value(); })) << round;
  }
}

TEST_F(Damage, AFileWithoutAReadableFirstPageIsKeptAndServiceGoesOn) {
  make();
  scribble(0, 4096);
  auto opened = open(config);
  ASSERT_NE(opened, nullptr);
  ASSERT_TRUE(commit(**opened, record_of("at once")).has_value());
  EXPECT_EQ(opened->watcher.wait_for_fault("spool-quarantined", true).code, "spool-quarantined");
  EXPECT_TRUE(std::filesystem::exists(
      quarantine_path(folder.path(), quarantines(folder.path()).at(0)) + "/spool.db"));
}

TEST_F(Damage, AnythingAtAllInPlaceOfTheFileStillOpens) {
  for (const std::string& content : {std::string("not a database"), std::string(100'000, 'x'),
                                     std::string(4096, '\0'), std::string("")}) {
    Folder other;
    std::ofstream(other.path() + "/spool.db", std::ios::binary) << content;
    std::ofstream(other.path() + "/spool.db-wal", std::ios::binary) << content;
    Config elsewhere = config;
    elsewhere.directory = other.path();
    auto opened = open(elsewhere);
    ASSERT_NE(opened, nullptr);
    EXPECT_TRUE(commit(**opened, record_of("x")).has_value());
  }
}

TEST_F(Damage, EveryPageTornInTurnNeverStopsServiceAndNeverLies) {
  make();
  const auto pages = std::filesystem::file_size(database()) / 4096;
  Folder good;
  std::filesystem::copy_file(database(), good.path() + "/spool.db");
  for (std::uint64_t page = 0; page < pages; page += pages / 12) {
    std::filesystem::remove_all(folder.path() + "/quarantine");
    std::filesystem::remove(folder.path() + "/spool.db-wal");
    std::filesystem::copy_file(good.path() + "/spool.db", database(),
                               std::filesystem::copy_options::overwrite_existing);
    scribble(page * 4096 + 100, 2000);
    auto opened = open(config);
    ASSERT_NE(opened, nullptr) << page;
    ASSERT_TRUE(commit(**opened, record_of("at once")).has_value()) << page;
    if ((*opened)->snapshot().quarantined_files == 0) continue;  // damage inside bodies only
    ASSERT_NE(opened->watcher.wait_for_fault("spool-quarantined", true).code, "") << page;
  }
}

TEST_F(Damage, AFlippedBodyByteIsFoundByItsHash) {
  make();
  std::string bytes;
  {
    std::ifstream in(database(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t at = bytes.find(body_of(3000, 100).substr(0, 200));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 50] = static_cast<char>(bytes[at + 50] ^ 1);
  std::ofstream(database(), std::ios::binary | std::ios::trunc) << bytes;
  auto opened = open(config);
  const auto broken = fetch(**opened, keys[100]);
  ASSERT_TRUE(broken.has_error());
  EXPECT_TRUE(broken.error().is(Errc::corrupt));
  EXPECT_TRUE(verify(**opened, keys[100]).error().is(Errc::corrupt));
  // On its way to the centre it is booked there, with its tombstone; a re-entry is on its own.
  EXPECT_EQ(opened->watcher.count_faults("row-unreadable", false), 0u);
  EXPECT_TRUE(reenter(**opened, keys[100]).error().is(Errc::corrupt));
  EXPECT_EQ(opened->watcher.wait_for_fault("row-unreadable", false).subject, keys[100].to_string());
  EXPECT_TRUE(eventually([&] { return (*opened)->snapshot().parked_records == 1; }));
  EXPECT_TRUE(reenter(**opened, keys[100]).error().is(Errc::not_found));
  EXPECT_EQ(opened->watcher.count_faults("row-unreadable", false), 1u);
  EXPECT_EQ(opened->watcher.fatals(), 0u);
  EXPECT_TRUE(fetch(**opened, keys[101]).has_value());
}

TEST_F(Damage, AResendWhoseFirstCopyIsUnreadableEntersAsARecordOfItsOwn) {
  const NewRecord record = record_of(body_of(3000, 1));
  auto opened = open(config);
  const auto first = commit(**opened, record);
  opened.reset();
  {
    auto file = sqlite::Database::open(database(), sqlite::Database::Mode::read_write);
    ASSERT_TRUE(file->exec("UPDATE record SET id = x'00'").has_value());
  }
  opened = open(config);
  const auto again = commit(**opened, record);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->joined);
  EXPECT_NE(again->key, first->key);
  EXPECT_TRUE(verify(**opened, again->key).has_value());
  EXPECT_EQ(opened->watcher.fatals(), 0u);
}

TEST_F(Damage, OldSalvagedQuarantinesArePrunedOthersNever) {
  for (int i = 0; i < 9; ++i) {
    const std::string name = "20260101T00000" + std::to_string(i) + ".000Z";
    std::filesystem::create_directories(quarantine_path(folder.path(), name));
    const bool is_marked = i == 2 || mark_salvaged(folder.path(), name, "done").has_value();
    ASSERT_TRUE(is_marked);
  }
  EXPECT_EQ(prune_quarantines(folder.path()).size(), 8 - quarantines_kept_max);
  const std::vector<std::string> left = quarantines(folder.path());
  EXPECT_EQ(left.size(), quarantines_kept_max + 1);
  EXPECT_EQ(left.front(), "20260101T000002.000Z");
}

TEST_F(Damage, AQuarantineCutInHalfIsFinished) {
  make();
  const std::string name = "20260101T000000.000Z";
  std::filesystem::create_directories(quarantine_path(folder.path(), name));
  std::ofstream(quarantine_path(folder.path(), name) + "/spool.db-wal") << "";
  auto opened = open(config);
  EXPECT_TRUE(std::filesystem::exists(quarantine_path(folder.path(), name) + "/spool.db"));
  EXPECT_NE(opened->watcher.wait_for_fault("spool-quarantined", true).code, "");
  EXPECT_EQ((*opened)->snapshot().waiting_records, 180u);
}

class RunTimeDamage : public testing::Test {
 protected:
  void SetUp() override {
    config.directory = folder.path();
    opened = open(config);
    for (unsigned i = 0; i < 3000; ++i) records.push_back(record_of(body_of(3000, i)));
    keys = commit_all(**opened, records);
    opened.reset();
    opened = open(config);  // nothing in SQLite's cache of the far pages
    const auto size = std::filesystem::file_size(folder.path() + "/spool.db");
    std::fstream file(folder.path() + "/spool.db", std::ios::in | std::ios::out | std::ios::binary);
    for (std::uint64_t at = 10 * 4096; at < size; at += 4096) {
      file.seekp(static_cast<std::streamoff>(at));
      file.write(body_of(64, 1).data(), 64);
    }
  }
  void expect_quarantine() {
    opened.reset();
    EXPECT_TRUE(is_suspect(folder.path()));
    opened = open(config);
    ASSERT_NE(opened, nullptr);
    EXPECT_EQ(opened->watcher.wait_for_fault("spool-quarantined", false).code, "spool-quarantined");
    EXPECT_TRUE(commit(**opened, record_of("again")).has_value());
  }
  Folder folder;
  Config config;
  std::vector<NewRecord> records;
  std::vector<RecordKey> keys;
  std::unique_ptr<Opened> opened;
};

TEST_F(RunTimeDamage, IsFatalAndTheNextStartQuarantines) {
  bool was_corrupt = false;
  for (const RecordKey& key : keys) {
    const auto row = fetch(**opened, key);
    if (row.has_error() && opened->watcher.fatals() > 0) {
      was_corrupt = true;
      break;
    }
  }
  EXPECT_TRUE(was_corrupt);
  EXPECT_TRUE(commit(**opened, record_of("late")).has_error());
  expect_quarantine();
}

TEST_F(RunTimeDamage, MetByAResendThatLooksForItsFirstCopyQuarantinesTooAndTheResendEnters) {
  EXPECT_TRUE(commit(**opened, records[1500]).has_error());
  EXPECT_TRUE(opened->watcher.wait_for_fatal());
  expect_quarantine();
  EXPECT_TRUE(commit(**opened, records[1500]).has_value());
}

}  // namespace
}  // namespace alarmwire::spool::test
