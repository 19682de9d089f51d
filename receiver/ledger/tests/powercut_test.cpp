// What the ledger said was stored is there after the power was cut at any moment, and after any
// call to the disk has failed.
#include <atomic>
#include <map>
#include <random>

#include "receiver/ledger/tests/harness.hpp"
#include "tests/powercut/vfs.hpp"

namespace alarmwire::ledger::testing {
namespace {

using Verdict = StoreResult::Verdict;
const EpochId epoch{77};

// One life of a ledger under load: what was answered as stored, by box and seq.
struct Promised {
  std::mutex mutex;
  std::map<std::pair<BoxId, std::uint64_t>, Incoming> stored;
  std::map<BoxId, std::uint64_t> staged;  // bytes, of lane routine's seq 1
};

constexpr int boxes = 3;
constexpr std::uint64_t records_each = 12;

Incoming big_alarm(const BoxId& box) {
  return alarm(box, epoch, Lane::routine, 1, pattern_body(150'000));
}

void load(Ledger& ledger, Promised& promised, std::map<BoxId, Incoming>& big) {
  std::vector<std::future<void>> answers;
  for (std::uint64_t seq = 1; seq <= records_each; ++seq) {
    for (int i = 0; i < boxes; ++i) {
      const BoxId box = "site-" + std::to_string(i);
      const std::size_t bytes = seq % 5 == 0 ? 70'000 : 300;
      const Incoming incoming = alarm(box, epoch, Lane::alarm, seq, pattern_body(bytes));
      auto answered = std::make_shared<std::promise<void>>();
      answers.push_back(answered->get_future());
      ledger.store(incoming, [&promised, incoming, answered](Result<StoreResult> result) {
        if (result.has_value() && result->verdict == Verdict::stored) {
          const std::lock_guard lock(promised.mutex);
          promised.stored.emplace(std::pair(incoming.box, incoming.header.key.seq), incoming);
        }
        answered->set_value();
      });
      if (seq % 4 != 0 || promised.staged[box] >= 150'000) continue;
      const std::uint64_t at = promised.staged[box];
      big.emplace(box, big_alarm(box));
      const Result<std::uint64_t> done =
          stage(ledger, big.at(box), at, big.at(box).body.substr(at, 50'000));
      if (done.has_value()) promised.staged[box] = *done;
    }
    if (seq % 3 == 0)
      for (std::future<void>& answer : answers) answer.wait();
    if (seq % 3 == 0) answers.clear();
  }
  for (std::future<void>& answer : answers) answer.wait();
}

std::string lost_after(const Config& config, Promised& promised) {
  Memory memory;
  Result<std::unique_ptr<Ledger>> opened = open_sqlite_ledger(config, memory);
  if (opened.has_error())
    return promised.stored.empty() ? "" : "does not open: " + opened.error().diagnostics;
  Ledger& ledger = **opened;
  for (const auto& [name, incoming] : promised.stored) {
    const Result<Record> record = ledger.find(incoming.header.id);
    if (record.has_error()) return name.first + " " + std::to_string(name.second) + " is lost";
    const Result<std::string> body = ledger.body(record->position, 0, 1'000'000);
    if (body.has_error() || *body != incoming.body) return "a body is damaged";
  }
  for (const auto& [box, bytes] : promised.staged) {
    const Result<std::vector<StagedBody>> staged = ledger.staged(box);
    if (bytes > 0 && (staged->empty() || staged->front().bytes < bytes))
      return "staged bytes are lost";
  }
  // What stands in the book is dense up to the cursor, whatever was answered.
  std::map<BoxId, std::uint64_t> counted;
  for (const Record& record : *ledger.read_after(0, 1000)) {
    if (record.header.key.seq != ++counted[record.box]) return "not dense";
    if (record.header.key.lane != Lane::alarm) return "an unfinished record is in the book";
  }
  for (const auto& [box, count] : counted)
    for (const Cursor& cursor : *ledger.cursors(box))
      if (cursor.seq != count) return "a cursor does not match its records";
  for (const auto& [box, count] : counted) {
    if (store(ledger, alarm(box, epoch, Lane::alarm, count + 1))->verdict != Verdict::stored)
      return "does not go on";
  }
  return memory.fatals() == 0 ? "" : "fatal after the restart";
}

struct Outcome {
  int lost = 0;
  std::string first;
  std::size_t acknowledged = 0;
};

Outcome cut_many_times(int rounds, const char* synchronous, const std::string& disk_name) {
  Outcome outcome;
  for (int round = 0; round < rounds; ++round) {
    const auto seed = static_cast<std::uint64_t>(round + 1);
    Folder folder;
    powercut::Disk disk(disk_name + std::to_string(round), seed);
    Config config;
    config.directory = folder.path();
    config.outlets = {"ebues"};
    config.vfs = disk.name();
    config.synchronous = synchronous;
    Promised promised;
    std::map<BoxId, Incoming> big;
    {
      std::mt19937_64 random(seed);
      disk.cut_after_calls(1 + random() % 260);
      Memory memory;
      Result<std::unique_ptr<Ledger>> opened = open_sqlite_ledger(config, memory);
      if (opened.has_value()) {
        load(**opened, promised, big);
        disk.cut_power();
      }
    }
    disk.restart();
    const std::string lost = lost_after(config, promised);
    outcome.acknowledged += promised.stored.size();
    if (lost.empty()) continue;
    ++outcome.lost;
    if (outcome.first.empty()) outcome.first = "seed " + std::to_string(seed) + ": " + lost;
  }
  return outcome;
}

TEST(LedgerPowerCut, nothing_that_was_answered_is_lost) {
  const Outcome outcome = cut_many_times(150, "FULL", "ledger-full-");
  EXPECT_EQ(outcome.lost, 0) << outcome.first;
  EXPECT_GT(outcome.acknowledged, 500u) << "the test must have something to lose";
  RecordProperty("acknowledged", static_cast<int>(outcome.acknowledged));
}

TEST(LedgerPowerCut, the_mutant_that_syncs_less_is_caught) {
  const Outcome outcome = cut_many_times(60, "NORMAL", "ledger-normal-");
  EXPECT_GT(outcome.lost, 0);
}

TEST(LedgerDisk, any_call_to_the_disk_may_fail_and_nothing_answered_is_lost) {
  std::uint64_t n = 1;
  for (; n < 2000; ++n) {
    Folder folder;
    powercut::Disk disk("ledger-fail-" + std::to_string(n), n);
    Config config;
    config.directory = folder.path();
    config.outlets = {"ebues"};
    config.vfs = disk.name();
    Promised promised;
    std::map<BoxId, Incoming> big;
    {
      disk.fail_call(n);
      Memory memory;
      Result<std::unique_ptr<Ledger>> opened = open_sqlite_ledger(config, memory);
      if (opened.has_value()) {
        for (std::uint64_t seq = 1; seq <= 3; ++seq) {
          const Incoming incoming = alarm("site-0", epoch, Lane::alarm, seq);
          const Result<StoreResult> result = store(**opened, incoming);
          if (result.has_error()) break;
          promised.stored.emplace(std::pair(BoxId("site-0"), seq), incoming);
        }
      }
    }
    const bool failed = disk.has_failed();
    disk.restart();
    ASSERT_EQ(lost_after(config, promised), "") << "call " << n;
    if (!failed) break;
  }
  EXPECT_GT(n, 30u);
  EXPECT_LT(n, 2000u);
}

TEST(LedgerDisk, after_a_failed_sync_nothing_more_is_answered_as_stored) {
  Folder folder;
  powercut::Disk disk("ledger-sync", 1);
  Config config;
  config.directory = folder.path();
  config.vfs = disk.name();
  Memory memory;
  Result<std::unique_ptr<Ledger>> opened = open_sqlite_ledger(config, memory);
  ASSERT_TRUE(opened.has_value());
  ASSERT_TRUE(store(**opened, alarm("site-0", epoch, Lane::alarm, 1)).has_value());
  disk.fail_sync(1);
  EXPECT_TRUE(store(**opened, alarm("site-0", epoch, Lane::alarm, 2)).has_error());
  EXPECT_EQ(memory.fatals(), 1u);
  const Result<StoreResult> later = store(**opened, alarm("site-0", epoch, Lane::alarm, 2));
  ASSERT_TRUE(later.has_error());
  EXPECT_TRUE(later.error().is(Errc::closed));
}

TEST(LedgerDisk, a_disk_without_space_is_full_and_not_fatal) {
  Folder folder;
  powercut::Disk disk("ledger-space", 1);
  Config config;
  config.directory = folder.path();
  config.vfs = disk.name();
  Memory memory;
  Result<std::unique_ptr<Ledger>> opened = open_sqlite_ledger(config, memory);
  ASSERT_TRUE(opened.has_value());
  std::uint64_t seq = 1;
  for (; seq <= 3; ++seq)
    ASSERT_TRUE(store(**opened, alarm("site-0", epoch, Lane::alarm, seq)).has_value());
  disk.set_no_space(true);
  Result<StoreResult> last = Failure(Errc::io, "");
  const auto next = [&] {
    return store(**opened, alarm("site-0", epoch, Lane::alarm, seq, pattern_body(60'000)));
  };
  for (int i = 0; i < 100 && (last = next()).has_value(); ++i) ++seq;
  ASSERT_TRUE(last.has_error());
  EXPECT_TRUE(last.error().is(Errc::full)) << last.error().diagnostics;
  EXPECT_TRUE((*opened)->snapshot().full);
  disk.set_no_space(false);
  EXPECT_TRUE(next().has_value());
  EXPECT_EQ(memory.fatals(), 0u);
}

}  // namespace
}  // namespace alarmwire::ledger::testing
