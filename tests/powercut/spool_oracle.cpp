#include "tests/powercut/spool_oracle.hpp"

#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "edge/spool/tests/support.hpp"
#include "tests/powercut/vfs.hpp"

namespace powercut {
namespace {

namespace spool = alarmwire::spool;
namespace help = alarmwire::spool::test;
using alarmwire::RecordKey;

constexpr std::uint64_t cuts_per_folder = 12;
constexpr unsigned commits_max = 60;

struct Promise {
  alarmwire::AlarmId id;
  alarmwire::Hash hash{};
};

class Oracle {
 public:
  Oracle(std::uint64_t seed, PromiseWhen when)
      : random_(seed), disk_("spool-cuts", seed), when_(when) {}

  Tally run(std::uint64_t cuts) {
    while (tally_.cuts < cuts) {
      help::Folder folder;
      config_ = spool::Config{};
      config_.directory = folder.path();
      config_.quota_bytes = 64 << 20;
      config_.vfs = disk_.name();
      promises_.clear();
      asked_.clear();
      for (std::uint64_t i = 0; i < cuts_per_folder && tally_.cuts < cuts; ++i) one_life();
      disk_.restart();
    }
    return tally_;
  }

 private:
  std::uint64_t up_to(std::uint64_t most) { return random_() % most + 1; }

  void one_life() {
    disk_.restart();
    // Early ones hit the opening, late ones a checkpoint.
    disk_.cut_after_calls(up_to(random_() % 4 == 0 ? 15 : 250));
    {
      help::Watcher watcher;
      auto opened = spool::Spool::open(config_, watcher);
      if (opened.has_value()) work(**opened, watcher);
    }
    disk_.restart();
    ++tally_.cuts;
    check();
  }

  void work(spool::Spool& store, help::Watcher& watcher) {
    std::atomic<unsigned> open = 0;
    std::mutex mutex;
    for (unsigned i = 0; i < commits_max && watcher.fatals() == 0; ++i) {
      const std::size_t bytes = up_to(up_to(10) == 1 ? 150'000 : 3000);
      auto record = help::record_of(help::body_of(bytes, ++bodies_),
                                    static_cast<alarmwire::Lane>(random_() % 4),
                                    "camera-" + std::to_string(random_() % 3));
      const Promise promise{record.id, record.hash};
      auto done = [&, promise](const alarmwire::Result<spool::Spooled>& result) {
        const std::lock_guard lock(mutex);
        if (result.has_value()) promised(result->key, promise);
        --open;
      };
      ++open;
      if (when_ == PromiseWhen::asked) asked_.push_back(record.id);
      if (bytes > spool::inline_body_bytes_max && random_() % 2 == 0)
        upload(store, std::move(record), done);
      else
        store.commit(std::move(record), done);
      // Now and then all is answered first: groups of one, as on a quiet site.
      if (random_() % 3 == 0) help::eventually([&] { return open == 0; });
      if (random_() % 8 == 0) settle_some(store, mutex);
    }
    help::eventually([&] { return open == 0; });
  }

  template <typename Done>
  void upload(spool::Spool& store, spool::NewRecord record, Done done) {
    record.upload = store.begin_upload();
    const std::string body = std::exchange(record.body, "");
    for (std::size_t at = 0; at < body.size(); at += spool::chunk_bytes_max) {
      const auto appended = help::wait<void>([&](auto answer) {
        store.append(record.upload, body.substr(at, spool::chunk_bytes_max), answer);
      });
      if (appended.has_error()) break;
    }
    store.commit(std::move(record), done);
  }

  void settle_some(spool::Spool& store, std::mutex& mutex) {
    const std::lock_guard lock(mutex);
    if (promises_.empty()) return;
    const RecordKey& key = promises_.rbegin()->first;
    store.settle(key.epoch, key.lane, key.seq / 2);
  }

  void promised(const RecordKey& key, const Promise& promise) {
    ++tally_.acked;
    if (!promises_.emplace(key, promise).second) ++tally_.reused;
  }

  void check() {
    help::Watcher watcher;
    auto opened = spool::Spool::open(config_, watcher);
    if (opened.has_error()) {
      ++tally_.unopened;
      return;
    }
    spool::Spool& store = **opened;
    tally_.damaged += store.snapshot().quarantined_files;
    for (const auto& [key, promise] : promises_) {
      const auto row = help::fetch(store, key, 0);
      const bool is_there = row.has_value() && row->header.id == promise.id &&
                            row->header.hash == promise.hash &&
                            help::verify(store, key).has_value();
      if (!is_there) ++tally_.lost;
    }
    for (const alarmwire::AlarmId& id : asked_)
      if (help::find(store, id).has_error()) ++tally_.lost;
  }

  std::mt19937_64 random_;
  Disk disk_;
  spool::Config config_;
  PromiseWhen when_;
  std::map<RecordKey, Promise> promises_;
  std::vector<alarmwire::AlarmId> asked_;
  unsigned bodies_ = 0;
  Tally tally_;
};

}  // namespace

Tally cut_spool(std::uint64_t seed, std::uint64_t cuts, PromiseWhen when) {
  return Oracle(seed, when).run(cuts);
}

}  // namespace powercut
