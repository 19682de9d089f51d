// The front of the spool: takes requests from any thread, keeps them in bounded queues, hands the
// spool's thread its next piece of work.
//
// Group forming: final commits before upload chunks, fair between devices and between uploads, at
// most group_rows_max rows and group_bytes_max bytes. No timer: whoever asks gets what is there.
// Thread-safety: every function may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "edge/spool/fair_queue.hpp"
#include "edge/spool/vault.hpp"

namespace alarmwire::spool {

// Settled marks and receipts come with every mail and are in no hurry: a turn for several of them.
inline constexpr std::chrono::milliseconds marks_gather{10};

// Something for the spool's thread: called with nullptr, or with why it cannot be done.
using Task = std::function<void(const Failure*)>;

struct Work {
  std::vector<Task> tasks;
  std::vector<FinalItem> finals;
  std::vector<ChunkItem> chunks;
  std::map<std::pair<EpochId, Lane>, std::uint64_t> settles;
  std::vector<std::pair<AlarmId, std::string>> receipts;
  bool is_stopping = false;

  bool empty() const {
    return tasks.empty() && finals.empty() && chunks.empty() && settles.empty() && receipts.empty();
  }
};

class Desk {
 public:
  explicit Desk(std::uint64_t first_upload) : next_upload_(first_upload) {}

  UploadId begin_upload();
  void append(UploadId upload, std::string bytes, Spool::Callback<void> done);
  void abort(UploadId upload);
  void commit(NewRecord record, RowId park_row, Spool::Callback<Spooled> done);
  void settle(EpochId epoch, Lane lane, std::uint64_t up_to);
  void receipt(const AlarmId& id, const std::string& outlet);
  void post(Task task);
  // Done before any settle() that is called after it. No more wait than the link's credit and its
  // repeated verdicts allow.
  void post_verdict(Task task);
  void stop();

  // Waits until there is work, or `wait` is over. Marks alone wait a little longer for a mail.
  Work take(std::chrono::milliseconds wait);
  // The spool's thread says what became of a chunk. Bodies to delete come back from doomed().
  void chunk_done(UploadId upload, const Status& status);
  std::vector<std::uint64_t> take_doomed();
  // Fails everything that waits, and all that comes after.
  void close(const Failure& why);

 private:
  struct Upload {
    std::string buffer;  // not a whole chunk yet
    std::uint64_t bytes = 0;
    std::uint64_t next_number = 0;
    std::size_t outstanding = 0;     // chunks queued or being written
    Spool::Callback<void> held;      // answered when a chunk has been written
    std::optional<FinalItem> final;  // waits for the last chunks
    std::optional<Failure> failure;
  };
  using Uploads = std::unordered_map<UploadId, Upload>;

  std::optional<Failure> refusal(const NewRecord& record) const;
  void answer(Spool::Callback<void> done, Status status);
  void answer(Spool::Callback<Spooled> done, Failure why);
  std::optional<Failure> attach(FinalItem& item, Uploads::iterator upload);
  void push_final(FinalItem item);
  void discard(Uploads::iterator upload);
  bool has_work() const { return has_marks() || has_more_than_marks(); }
  bool has_marks() const { return !settles_.empty() || !receipts_.empty(); }
  bool has_more_than_marks() const;
  void wake_for_marks();

  std::mutex mutex_;
  std::condition_variable wake_;
  FairQueue<FinalItem> finals_;
  FairQueue<ChunkItem> chunks_;
  std::deque<Task> tasks_;
  std::vector<Task> verdicts_;
  std::vector<Task> answers_;  // owed at once, whatever else waits
  std::map<std::pair<EpochId, Lane>, std::uint64_t> settles_;
  std::vector<std::pair<AlarmId, std::string>> receipts_;
  Uploads uploads_;
  std::vector<std::uint64_t> doomed_;
  std::size_t held_finals_ = 0;  // finals that wait for their chunks
  UploadId next_upload_;
  std::optional<Failure> closed_;
  bool is_stopping_ = false;
};

}  // namespace alarmwire::spool
