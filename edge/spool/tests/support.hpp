// What the spool's tests share: a folder that goes away, an observer that remembers, and calls that
// wait for their answer.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "edge/spool/spool.hpp"

namespace alarmwire::spool::test {

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "spool-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Watcher final : public Observer {
 public:
  struct Seen {
    std::string code, subject, reason;
    bool over;
  };
  void on_record(const RecordKey& key) override {
    const std::lock_guard lock(mutex_);
    records_.push_back(key);
    changed_.notify_all();
  }
  void on_fault(const std::string& code, const std::string& subject, const std::string& reason,
                bool over) override {
    const std::lock_guard lock(mutex_);
    faults_.push_back({code, subject, reason, over});
    changed_.notify_all();
  }
  void on_fatal(const Failure& failure) override {
    const std::lock_guard lock(mutex_);
    fatals_.push_back(failure);
    changed_.notify_all();
  }

  std::vector<RecordKey> records() const {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  std::vector<Seen> faults() const {
    const std::lock_guard lock(mutex_);
    return faults_;
  }
  std::size_t fatals() const {
    const std::lock_guard lock(mutex_);
    return fatals_.size();
  }
  // Waits up to 20 s for a fault like this; empty code: none came.
  Seen wait_for_fault(const std::string& code, bool over) {
    std::unique_lock lock(mutex_);
    Seen found{};
    changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (const Seen& seen : faults_)
        if (seen.code == code && seen.over == over) found = seen;
      return !found.code.empty();
    });
    return found;
  }
  bool wait_for_fatal() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !fatals_.empty(); });
  }
  std::size_t count_faults(const std::string& code, bool over) const {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const Seen& seen : faults_) n += seen.code == code && seen.over == over ? 1 : 0;
    return n;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RecordKey> records_;
  std::vector<Seen> faults_;
  std::vector<Failure> fatals_;
};

// Runs `start` with a callback and waits for what it was called with.
template <typename T, typename Start>
Result<T> wait(Start start) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  start([promise](Result<T> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready)
    return Failure(Errc::timed_out, "no answer came");
  return future.get();
}

inline std::string body_of(std::size_t bytes, unsigned seed) {
  std::string body(bytes, '\0');
  std::uint32_t state = seed * 2654435761u + 1;
  for (char& c : body) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return body;
}

inline NewRecord record_of(const std::string& body, Lane lane = Lane::alarm,
                           const std::string& device = "camera-1") {
  Envelope envelope;
  envelope.device = device;
  envelope.recipients = {"alarm@site.internal"};
  NewRecord record;
  record.accepted_us = wall_now_us();
  record.id = AlarmId::make(record.accepted_us);
  record.lane = lane;
  record.device = device;
  record.envelope = encode_envelope(envelope);
  RecordHasher hasher(record.envelope);
  hasher.update(body);
  record.hash = hasher.finish();
  record.body = body;
  record.size = body.size();
  return record;
}

inline Result<Spooled> commit(Spool& spool, NewRecord record) {
  return wait<Spooled>([&](auto done) { spool.commit(std::move(record), done); });
}

// All at once, so that they share groups; keys in the records' order.
inline std::vector<RecordKey> commit_all(Spool& spool, const std::vector<NewRecord>& records) {
  std::vector<std::future<RecordKey>> futures;
  for (const NewRecord& record : records) {
    auto promise = std::make_shared<std::promise<RecordKey>>();
    futures.push_back(promise->get_future());
    spool.commit(record, [promise](const Result<Spooled>& done) {
      EXPECT_TRUE(done.has_value());
      promise->set_value(done.has_value() ? done->key : RecordKey{});
    });
  }
  std::vector<RecordKey> keys;
  for (std::future<RecordKey>& future : futures) keys.push_back(future.get());
  return keys;
}

// Sends the body through an upload, `piece` bytes at a time.
inline Result<Spooled> commit_upload(Spool& spool, NewRecord record, std::size_t piece) {
  record.upload = spool.begin_upload();
  for (std::size_t at = 0; at < record.size; at += piece) {
    const Result<void> done = wait<void>(
        [&](auto answer) { spool.append(record.upload, record.body.substr(at, piece), answer); });
    if (done.has_error()) {
      spool.abort(record.upload);
      return done.error();
    }
  }
  record.body.clear();
  return commit(spool, std::move(record));
}

inline Result<StoredRecord> fetch(Spool& spool, const RecordKey& key, std::size_t head = 1 << 20) {
  return wait<StoredRecord>([&](auto done) { spool.fetch(key, head, done); });
}
inline Result<std::string> fetch_body(Spool& spool, const RecordKey& key, std::uint64_t offset,
                                      std::size_t bytes) {
  return wait<std::string>([&](auto done) { spool.fetch_body(key, offset, bytes, done); });
}
inline Result<void> verify(Spool& spool, const RecordKey& key) {
  return wait<void>([&](auto done) { spool.verify(key, done); });
}
inline Result<ListedRecord> find(Spool& spool, const AlarmId& id) {
  return wait<ListedRecord>([&](auto done) { spool.find(id, done); });
}
inline Result<Spooled> reenter(Spool& spool, const RecordKey& key) {
  return wait<Spooled>([&](auto done) { spool.reenter(key, done); });
}
inline std::vector<LaneRange> ranges(Spool& spool) {
  const auto all = wait<std::vector<LaneRange>>([&](auto done) { spool.ranges(done); });
  return all.has_value() ? *all : std::vector<LaneRange>{};
}
inline LaneRange range_of(Spool& spool, EpochId epoch, Lane lane) {
  for (const LaneRange& range : ranges(spool))
    if (range.epoch == epoch && range.lane == lane) return range;
  return {};
}
// The whole body, read in pieces as the uplink does.
inline std::string whole_body(Spool& spool, const RecordKey& key) {
  std::string body;
  while (true) {
    const Result<std::string> part = fetch_body(spool, key, body.size(), 50'000);
    if (part.has_error() || part->empty()) return body;
    body += *part;
  }
}
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const SteadyTime end = steady_now() + limit;
  while (!condition()) {
    if (steady_now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

struct Opened {
  Watcher watcher;
  std::unique_ptr<Spool> spool;
  Spool* operator->() { return spool.get(); }
  Spool& operator*() { return *spool; }
};
inline std::unique_ptr<Opened> open(const Config& config) {
  auto opened = std::make_unique<Opened>();
  Result<std::unique_ptr<Spool>> spool = Spool::open(config, opened->watcher);
  if (spool.has_error()) {
    ADD_FAILURE() << spool.error().diagnostics;
    return nullptr;
  }
  opened->spool = std::move(*spool);
  return opened;
}

}  // namespace alarmwire::spool::test
