// What the ledger's tests share: a folder, an observer that remembers, calls that wait, and alarms.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::ledger::testing {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ledger-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Memory : public Observer {
 public:
  void on_stored(const Record& record) override {
    const std::lock_guard lock(mutex_);
    stored_.push_back(record);
  }
  void on_stage(const BoxId& box, const AlarmId& id, const StageMark& mark) override {
    const std::lock_guard lock(mutex_);
    static_cast<void>(id);
    stages_.push_back(box + " " + mark.outlet);
  }
  void on_fault(const std::string& code, const std::string&, const std::string&,
                bool over) override {
    const std::lock_guard lock(mutex_);
    faults_.push_back(code + (over ? " over" : ""));
    changed_.notify_all();
  }
  void on_fatal(const Failure& failure) override {
    const std::lock_guard lock(mutex_);
    fatal_.push_back(failure.diagnostics);
    changed_.notify_all();
  }

  std::vector<Record> stored() const { return copy(stored_); }
  std::vector<std::string> stages() const { return copy(stages_); }
  std::vector<std::string> faults() const { return copy(faults_); }
  std::size_t fatals() const { return copy(fatal_).size(); }
  bool wait_for_fault(const std::string& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      return std::find(faults_.begin(), faults_.end(), wanted) != faults_.end();
    });
  }

 private:
  template <typename T>
  T copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Record> stored_;
  std::vector<std::string> stages_;
  std::vector<std::string> faults_;
  std::vector<std::string> fatal_;
};

// Waits for one write's answer.
template <typename T, typename F>
Result<T> await(F&& call) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> future = promise->get_future();
  call([promise](Result<T> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(std::chrono::seconds(60)) != std::future_status::ready)
    return Failure(Errc::timed_out, "no answer");
  return future.get();
}

inline Result<StoreResult> store(Ledger& ledger, Incoming incoming) {
  return await<StoreResult>([&](auto done) { ledger.store(std::move(incoming), std::move(done)); });
}
inline Result<std::uint64_t> stage(Ledger& ledger, const Incoming& incoming, std::uint64_t offset,
                                   const std::string& bytes) {
  return await<std::uint64_t>([&](auto done) {
    ledger.stage(incoming.box, incoming.header.key, incoming.header.hash, offset, bytes,
                 std::move(done));
  });
}
inline Result<std::uint64_t> retain(Ledger& ledger, RetentionRule rule, WallTimeUs now_us) {
  return await<std::uint64_t>(
      [&](auto done) { ledger.apply_retention(rule, now_us, std::move(done)); });
}
inline Status hand_over(Ledger& ledger, const std::string& outlet, Position position,
                        HandOverState state) {
  return await<void>([&](auto done) {
    ledger.set_hand_over(outlet,
                         HandOver{position, "", Lane::alarm, state, 1, wall_now_us(), "250"},
                         std::move(done));
  });
}

// The alarm a box would send: seq is its identity's last part.
inline Incoming alarm(const BoxId& box, EpochId epoch, Lane lane, std::uint64_t seq,
                      std::string body = "Subject: motion\r\n\r\nzone 1\r\n") {
  Envelope envelope;
  envelope.device = "camera-1";
  envelope.recipients = {"alarm@site.internal"};
  Incoming incoming;
  incoming.box = box;
  RecordHeader& header = incoming.header;
  header.key = RecordKey{epoch, lane, seq};
  header.id = AlarmId::make(wall_now_us());
  header.envelope = encode_envelope(envelope);
  header.size = body.size();
  header.accepted_us = header.spooled_us = wall_now_us();
  RecordHasher hasher(header.envelope);
  hasher.update(body);
  header.hash = hasher.finish();
  incoming.body = std::move(body);
  return incoming;
}

inline std::string pattern_body(std::size_t bytes) {
  std::string body(bytes, '\0');
  std::uint32_t state = 1;
  for (char& byte : body) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return body;
}

inline std::uint64_t cursor_of(const Ledger& ledger, const BoxId& box, EpochId of, Lane lane) {
  for (const Cursor& at : *ledger.cursors(box))
    if (at.epoch == of && at.lane == lane) return at.seq;
  return 0;
}

}  // namespace alarmwire::ledger::testing
