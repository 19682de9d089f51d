// Commit, uploads, joins, identity, reading back.
#include <sys/stat.h>

#include <set>
#include <thread>

#include "edge/spool/tests/support.hpp"

namespace alarmwire::spool::test {
namespace {

class Commit : public testing::Test {
 protected:
  void SetUp() override {
    config.directory = folder.path();
    config.quota_bytes = 64 << 20;
    reopen();
  }
  void reopen() {
    opened.reset();
    opened = open(config);
    ASSERT_NE(opened, nullptr);
  }
  Spool& spool() { return **opened; }
  Folder folder;
  Config config;
  std::unique_ptr<Opened> opened;
};

TEST_F(Commit, ARecordComesBackAsItWasGiven) {
  const std::string body = body_of(5000, 1);
  const NewRecord record = record_of(body, Lane::live_alarm);
  const WallTimeUs before = wall_now_us();
  const Result<Spooled> done = commit(spool(), record);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->key.lane, Lane::live_alarm);
  EXPECT_EQ(done->key.seq, 1u);
  EXPECT_EQ(done->id, record.id);
  EXPECT_FALSE(done->joined);
  EXPECT_GE(done->spooled_us, before);
  for (int round = 0; round < 2; ++round) {
    const Result<StoredRecord> back = fetch(spool(), done->key, 100);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->header.id, record.id);
    EXPECT_EQ(back->header.hash, record.hash);
    EXPECT_EQ(back->header.envelope, record.envelope);
    EXPECT_EQ(back->header.size, body.size());
    EXPECT_EQ(back->header.accepted_us, record.accepted_us);
    EXPECT_EQ(back->header.spooled_us, done->spooled_us);
    EXPECT_EQ(back->head, round == 0 ? body : body.substr(0, 100));
    EXPECT_EQ(back->state, RowState::waiting);
    EXPECT_EQ(whole_body(spool(), done->key), body);
    EXPECT_TRUE(verify(spool(), done->key).has_value());
    reopen();  // from memory first, then from the file
  }
}

TEST_F(Commit, SeqsAreDensePerLaneAndEveryStartHasItsOwnEpoch) {
  const EpochId first = spool().snapshot().epoch;
  for (unsigned i = 1; i <= 3; ++i)
    for (const Lane lane : all_lanes) {
      const auto done = commit(spool(), record_of(body_of(10, i * 10 + unsigned(lane)), lane));
      ASSERT_TRUE(done.has_value());
      EXPECT_EQ(done->key, (RecordKey{first, lane, i}));
    }
  reopen();
  const EpochId second = spool().snapshot().epoch;
  EXPECT_NE(first, second);
  EXPECT_EQ(commit(spool(), record_of("x"))->key, (RecordKey{second, Lane::alarm, 1}));
  const std::vector<LaneRange> all = ranges(spool());
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(all.front().epoch, first);
  EXPECT_EQ(all.front().first_held, 1u);
  EXPECT_EQ(all.front().last, 3u);
  EXPECT_EQ(all.back().epoch, second);
}

TEST_F(Commit, ACopyOfAnOldSpoolNeverUsesAnIdentityAgain) {
  commit(spool(), record_of("before"));
  opened.reset();
  Folder copy;
  std::filesystem::copy(
      folder.path(), copy.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  reopen();
  std::set<RecordKey> used;
  for (unsigned i = 0; i < 5; ++i) used.insert(commit(spool(), record_of(body_of(9, i)))->key);
  opened.reset();
  config.directory = copy.path();
  reopen();
  for (unsigned i = 10; i < 15; ++i)
    EXPECT_FALSE(used.contains(commit(spool(), record_of(body_of(9, i)))->key));
}

TEST_F(Commit, ManyThreadsAtOnceShareTransactions) {
  constexpr int threads = 8;
  constexpr int each = 50;
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::set<RecordKey> keys;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const auto done = commit(spool(), record_of(body_of(1000, unsigned(t * 1000 + i)),
                                                    Lane::alarm, "camera-" + std::to_string(t)));
        const std::lock_guard lock(mutex);
        if (done.has_value()) keys.insert(done->key);
      }
    });
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(keys.size(), std::size_t(threads * each));
  EXPECT_EQ(keys.rbegin()->seq, std::uint64_t(threads * each));
  const Snapshot snapshot = spool().snapshot();
  EXPECT_EQ(snapshot.waiting_records, std::uint64_t(threads * each));
  EXPECT_EQ(snapshot.waiting_bytes, 1000u * threads * each);
  EXPECT_LT(snapshot.commits, snapshot.committed_records);
}

TEST_F(Commit, LargeBodiesComeThroughUploadsOfAnyPieceSize) {
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{65536}, std::size_t{50'001}}) {
    const std::string body = body_of(300'000 + piece, unsigned(piece));
    const NewRecord record = record_of(body);
    const Result<Spooled> done = commit_upload(spool(), record, piece);
    ASSERT_TRUE(done.has_value()) << done.error().diagnostics;
    EXPECT_EQ(whole_body(spool(), done->key), body);
    EXPECT_EQ(fetch(spool(), done->key, 70'000)->head, body.substr(0, 70'000));
    EXPECT_EQ(*fetch_body(spool(), done->key, 65'530, 20), body.substr(65'530, 20));
    EXPECT_TRUE(verify(spool(), done->key).has_value());
  }
  EXPECT_EQ(opened->watcher.records().size(), 3u);
}

TEST_F(Commit, AnUploadOfExactlyWholeChunksHasNoTail) {
  const std::string body = body_of(2 * chunk_bytes_max, 3);
  const auto done = commit_upload(spool(), record_of(body), chunk_bytes_max);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(whole_body(spool(), done->key), body);
}

TEST_F(Commit, AShortUploadStandsInTheRowItself) {
  const auto done = commit_upload(spool(), record_of(body_of(3000, 4)), 700);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(whole_body(spool(), done->key), body_of(3000, 4));
}

TEST_F(Commit, CommitRightAfterTheLastAppendWaitsForItsChunks) {
  NewRecord record = record_of(body_of(4 * chunk_bytes_max + 5, 9));
  record.upload = spool().begin_upload();
  const std::string body = std::exchange(record.body, "");
  for (std::size_t at = 0; at < body.size(); at += chunk_bytes_max)
    ASSERT_TRUE(wait<void>([&](auto done) {
                  spool().append(record.upload, body.substr(at, chunk_bytes_max), done);
                }).has_value());
  const auto done = commit(spool(), record);
  ASSERT_TRUE(done.has_value()) << done.error().diagnostics;
  EXPECT_EQ(whole_body(spool(), done->key), body);
}

TEST_F(Commit, AnUploadThatWasNeverFinishedIsSweptAndReported) {
  const UploadId upload = spool().begin_upload();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(wait<void>([&](auto done) {
                  spool().append(upload, body_of(chunk_bytes_max, unsigned(i)), done);
                }).has_value());
  reopen();
  EXPECT_EQ(opened->watcher.wait_for_fault("upload-swept", false).code, "upload-swept");
  EXPECT_TRUE(eventually([&] { return spool().snapshot().used_bytes < 2 * chunk_bytes_max; }));
  reopen();
  commit(spool(), record_of("y"));
  EXPECT_EQ(opened->watcher.count_faults("upload-swept", false), 0u);
}

TEST_F(Commit, AnAbortedUploadGivesItsRoomBack) {
  commit(spool(), record_of("first"));
  const std::uint64_t before = spool().snapshot().used_bytes;
  const UploadId upload = spool().begin_upload();
  for (int i = 0; i < 40; ++i)
    ASSERT_TRUE(wait<void>([&](auto done) {
                  spool().append(upload, body_of(chunk_bytes_max, unsigned(i)), done);
                }).has_value());
  EXPECT_TRUE(eventually([&] { return spool().snapshot().used_bytes > before + (1 << 20); }));
  spool().abort(upload);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().used_bytes < before + (1 << 20); }));
  const auto late = wait<void>([&](auto done) { spool().append(upload, "x", done); });
  EXPECT_TRUE(late.has_error() && late.error().is(Errc::not_found));
}

TEST_F(Commit, AByteIdenticalResendJoinsTheWaitingCopy) {
  const NewRecord record = record_of("fire");
  const auto first = commit(spool(), record);
  NewRecord resend = record;
  resend.id = AlarmId::make(wall_now_us());
  const auto second = commit(spool(), resend);
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->joined);
  EXPECT_EQ(second->id, record.id);
  EXPECT_EQ(second->key, first->key);
  EXPECT_EQ(fetch(spool(), first->key)->header.repeats, 1u);
  EXPECT_EQ(spool().snapshot().waiting_records, 1u);
  reopen();
  EXPECT_TRUE(commit(spool(), resend)->joined);
  EXPECT_EQ(fetch(spool(), first->key)->header.repeats, 2u);
}

TEST_F(Commit, ResendsWithinOneGroupJoinToo) {
  const NewRecord record = record_of("fire");
  std::atomic<int> joined = 0;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 10; ++i)
    spool().commit(record, [&](const Result<Spooled>& done) {
      joined += done.has_value() && done->joined ? 1 : 0;
      ++answered;
    });
  EXPECT_TRUE(eventually([&] { return answered == 10; }));
  EXPECT_EQ(joined, 9);
}

TEST_F(Commit, NothingJoinsASettledCopyOrWhenItMayNot) {
  NewRecord record = record_of("fire");
  const auto first = commit(spool(), record);
  record.may_join = false;
  EXPECT_FALSE(commit(spool(), record)->joined);
  record.may_join = true;
  spool().settle(first->key.epoch, Lane::alarm, 2);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().waiting_records == 0; }));
  EXPECT_FALSE(commit(spool(), record)->joined);
}

TEST_F(Commit, AJoinedUploadGivesItsChunksBack) {
  const NewRecord record = record_of(body_of(20 * chunk_bytes_max, 1));
  ASSERT_FALSE(commit_upload(spool(), record, chunk_bytes_max)->joined);
  const std::uint64_t used = spool().snapshot().used_bytes;
  ASSERT_TRUE(commit_upload(spool(), record, chunk_bytes_max)->joined);
  EXPECT_TRUE(eventually([&] { return spool().snapshot().used_bytes < used + (300 << 10); }));
  EXPECT_TRUE(verify(spool(), {spool().snapshot().epoch, Lane::alarm, 1}).has_value());
}

TEST_F(Commit, ABodyThatComesWithItsCommitIsDividedIntoChunksInOneTransaction) {
  const std::string body = body_of(3 * chunk_bytes_max + 17, 1);
  const std::uint64_t commits = spool().snapshot().commits;
  const auto done = commit(spool(), record_of(body));
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(spool().snapshot().commits, commits + 1);
  EXPECT_EQ(fetch(spool(), done->key, 100)->head, body) << "fresh";
  EXPECT_EQ(fetch(spool(), done->key, 100)->head, body.substr(0, 100)) << "from the file";
  EXPECT_TRUE(verify(spool(), done->key).has_value());
  const RecordKey key = done->key;
  reopen();
  EXPECT_EQ(whole_body(spool(), key), body);
  EXPECT_TRUE(verify(spool(), key).has_value());
}

TEST_F(Commit, WrongSizesAreRefused) {
  NewRecord record = record_of("four");
  record.size = 5;
  const auto done = commit(spool(), record);
  EXPECT_TRUE(done.has_error() && done.error().is(Errc::invalid_argument));
  NewRecord long_record = record_of(body_of(whole_body_bytes_max + 1, 1));
  EXPECT_TRUE(commit(spool(), long_record).has_error());
  EXPECT_EQ(commit(spool(), record_of("next"))->key.seq, 1u);
}

TEST_F(Commit, TooManyAtOnceAreBusyAndNoneIsForgotten) {
  std::atomic<std::size_t> ok = 0;
  std::atomic<std::size_t> busy = 0;
  const std::string body = body_of(2000, 1);
  constexpr std::size_t count = 3 * pending_commits_max;
  NewRecord record = record_of(body);
  record.may_join = false;
  for (std::size_t i = 0; i < count; ++i)
    spool().commit(record, [&](const Result<Spooled>& done) {
      if (done.has_value())
        ++ok;
      else if (done.error().is(Errc::busy))
        ++busy;
    });
  EXPECT_TRUE(eventually([&] { return ok + busy == count; }));
  EXPECT_GE(ok, pending_commits_max);
  EXPECT_EQ(spool().snapshot().waiting_records, ok);
}

TEST_F(Commit, ClosingFinishesWhatWasQueued) {
  std::atomic<int> ok = 0;
  for (unsigned i = 0; i < 500; ++i)
    spool().commit(record_of(body_of(500, i)),
                   [&](const Result<Spooled>& done) { ok += done.has_value() ? 1 : 0; });
  reopen();
  EXPECT_EQ(ok, 500);
  EXPECT_EQ(spool().snapshot().waiting_records, 500u);
}

TEST_F(Commit, FindAndListShowPeopleWhatIsThere) {
  std::vector<AlarmId> ids;
  for (unsigned i = 0; i < 5; ++i) {
    const NewRecord record = record_of(body_of(10, i), i % 2 == 0 ? Lane::alarm : Lane::routine);
    ids.push_back(record.id);
    commit(spool(), record);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // ids of different milliseconds
  }
  EXPECT_EQ(find(spool(), ids[3])->header.id, ids[3]);
  EXPECT_TRUE(find(spool(), AlarmId::make(1)).error().is(Errc::not_found));
  spool().settle(spool().snapshot().epoch, Lane::alarm, 1);
  const auto listed = [&](std::size_t limit, bool waiting_only) {
    return *wait<std::vector<ListedRecord>>(
        [&](auto done) { spool().list(limit, waiting_only, done); });
  };
  EXPECT_TRUE(eventually([&] { return listed(10, true).size() == 4; }));
  ASSERT_EQ(listed(2, false).size(), 2u);
  EXPECT_EQ(listed(2, false)[0].header.id, ids[4]);
  EXPECT_EQ(listed(10, false).back().state, RowState::settled);
}

TEST_F(Commit, WhatIsNotHeldIsNotFound) {
  const EpochId epoch = spool().snapshot().epoch;
  for (const RecordKey& key : {RecordKey{epoch, Lane::alarm, 1}, RecordKey{{5}, Lane::alarm, 1},
                               RecordKey{epoch, Lane::alarm, UINT64_MAX}}) {
    EXPECT_TRUE(fetch(spool(), key).error().is(Errc::not_found));
    EXPECT_TRUE(verify(spool(), key).error().is(Errc::not_found));
  }
}

TEST_F(Commit, FilesArePrivate) {
  commit(spool(), record_of("x"));
  for (const char* name : {"/spool.db", "/spool.db-wal", "/spool.lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat((folder.path() + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/spool.db-shm"));
}

TEST_F(Commit, ASecondOpenIsRefusedAndHarmsNothing) {
  const auto done = commit(spool(), record_of("x"));
  Watcher other;
  const auto second = Spool::open(config, other);
  ASSERT_TRUE(second.has_error());
  EXPECT_TRUE(second.error().is(Errc::busy));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/quarantine"));
  EXPECT_TRUE(verify(spool(), done->key).has_value());
}

}  // namespace
}  // namespace alarmwire::spool::test
