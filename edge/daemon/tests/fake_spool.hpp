// A spool in memory that answers when told to, and fails when told to. For tests of what stands in
// front of it.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "edge/spool/spool.hpp"

namespace alarmwire::edge {

class FakeSpool final : public spool::Spool {
 public:
  std::vector<spool::NewRecord> committed;
  std::map<spool::UploadId, std::string> uploads;
  std::vector<spool::UploadId> aborted;
  std::optional<Failure> fail_append;
  std::optional<Failure> fail_commit;
  bool join_next = false;
  spool::Snapshot state = [] {
    spool::Snapshot empty;
    empty.quota_bytes = empty.room_bytes = 1 << 20;
    return empty;
  }();

  spool::UploadId begin_upload() override {
    uploads[++last_upload_];
    return last_upload_;
  }
  void append(spool::UploadId upload, std::string bytes, Callback<void> done) override {
    if (fail_append) return done(*fail_append);
    largest_chunk = std::max(largest_chunk, bytes.size());
    uploads.at(upload) += bytes;
    done({});
  }
  void abort(spool::UploadId upload) override { aborted.push_back(upload); }
  void commit(spool::NewRecord record, Callback<spool::Spooled> done) override {
    if (fail_commit) return done(*fail_commit);
    spool::Spooled spooled{
        {EpochId{7}, record.lane, ++seq_}, record.id, 1, std::exchange(join_next, false)};
    if (record.upload != 0) record.body = uploads.at(record.upload);
    committed.push_back(std::move(record));
    done(spooled);
  }
  void ranges(Callback<std::vector<spool::LaneRange>> done) override {
    done(std::vector<spool::LaneRange>{});
  }
  void fetch(const RecordKey&, std::size_t, Callback<spool::StoredRecord> done) override {
    done(nothing());
  }
  void fetch_body(const RecordKey&, std::uint64_t, std::size_t,
                  Callback<std::string> done) override {
    done(nothing());
  }
  void verify(const RecordKey&, Callback<void> done) override { done(nothing()); }
  void find(const AlarmId&, Callback<spool::ListedRecord> done) override { done(nothing()); }
  void list(std::size_t, bool, Callback<std::vector<spool::ListedRecord>> done) override {
    done(nothing());
  }
  void receipt(const AlarmId&, const std::string&) override {}
  void settle(EpochId, Lane, std::uint64_t) override {}
  void park(const RecordKey&, const std::string&) override {}
  void reenter(const RecordKey&, Callback<spool::Spooled> done) override { done(nothing()); }
  bool has_room(std::uint64_t size) override { return size <= state.room_bytes; }
  spool::Snapshot snapshot() const override { return state; }
  void reconfigure(std::uint64_t, std::chrono::seconds) override {}

  std::size_t largest_chunk = 0;

 private:
  static Failure nothing() { return {Errc::not_found, "nothing here"}; }
  spool::UploadId last_upload_ = 0;
  std::uint64_t seq_ = 0;
};

}  // namespace alarmwire::edge
