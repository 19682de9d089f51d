#include "edge/spool/desk.hpp"

#include <algorithm>
#include <iterator>

namespace alarmwire::spool {
namespace {

constexpr std::size_t tasks_turn_max = 32;  // reads answered between two groups

}  // namespace

bool Desk::has_more_than_marks() const {
  return is_stopping_ || !answers_.empty() || !verdicts_.empty() || !tasks_.empty() ||
         !finals_.empty() || !chunks_.empty() || !doomed_.empty();
}

// The first mark wakes the thread; those behind it are found with it.
void Desk::wake_for_marks() {
  if (settles_.size() + receipts_.size() == 1) wake_.notify_one();
}

void Desk::answer(Spool::Callback<void> done, Status status) {
  answers_.push_back([done = std::move(done), status = std::move(status)](const Failure* failure) {
    done(failure != nullptr ? Status(*failure) : status);
  });
  wake_.notify_one();
}

void Desk::answer(Spool::Callback<Spooled> done, Failure why) {
  answers_.push_back([done = std::move(done), why = std::move(why)](const Failure*) { done(why); });
  wake_.notify_one();
}

UploadId Desk::begin_upload() {
  const std::lock_guard lock(mutex_);
  if (uploads_.size() >= uploads_max || closed_) return 0;
  const UploadId id = next_upload_++;
  uploads_.try_emplace(id);
  return id;
}

// `done` comes at once while at most one chunk is under way, else when a chunk has been written:
// two chunks and one buffer are all the memory an upload takes.
void Desk::append(UploadId id, std::string bytes, Spool::Callback<void> done) {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  if (closed_) return answer(std::move(done), *closed_);
  if (id == 0) return answer(std::move(done), Failure(Errc::busy, "too many uploads"));
  if (found == uploads_.end())
    return answer(std::move(done), Failure(Errc::not_found, "no such upload"));
  Upload& upload = found->second;
  if (upload.failure) return answer(std::move(done), *upload.failure);
  if (bytes.size() > chunk_bytes_max || upload.held || upload.final)
    return answer(std::move(done),
                  Failure(Errc::invalid_argument, "append out of order or too long"));
  upload.bytes += bytes.size();
  upload.buffer += bytes;
  if (upload.buffer.size() < chunk_bytes_max) return answer(std::move(done), Status{});
  ChunkItem chunk{id, upload.next_number++, upload.buffer.substr(0, chunk_bytes_max)};
  upload.buffer.erase(0, chunk_bytes_max);
  chunks_.push(std::to_string(id), chunk.bytes.size(), std::move(chunk));
  if (++upload.outstanding == 1 && chunks_.bytes() <= pending_chunk_bytes_max)
    return answer(std::move(done), Status{});
  upload.held = std::move(done);
  wake_.notify_one();
}

void Desk::abort(UploadId id) {
  const std::lock_guard lock(mutex_);
  const auto upload = uploads_.find(id);
  if (upload != uploads_.end()) discard(upload);
}

// Chunks of it that are still queued are dropped when their turn comes.
void Desk::discard(Uploads::iterator found) {
  Upload& upload = found->second;
  const Failure gone = upload.failure.value_or(Failure(Errc::closed, "the upload was discarded"));
  if (upload.held) answer(std::move(upload.held), gone);
  if (upload.final) {
    --held_finals_;
    answer(std::move(upload.final->done), gone);
  }
  if (upload.next_number > 0) doomed_.push_back(found->first);
  uploads_.erase(found);
  wake_.notify_one();
}

std::optional<Failure> Desk::refusal(const NewRecord& record) const {
  if (closed_) return closed_;
  if (is_stopping_) return Failure(Errc::closed, "the spool is closing");
  if (record.envelope.size() > envelope_size_max || record.body.size() > whole_body_bytes_max ||
      record.size > record_bytes_max)
    return Failure(Errc::invalid_argument, "the record is too large");
  if (finals_.size() + held_finals_ >= pending_commits_max || finals_.bytes() >= pending_bytes_max)
    return Failure(Errc::busy, "too many commits are waiting");
  return std::nullopt;
}

void Desk::commit(NewRecord record, RowId park_row, Spool::Callback<Spooled> done) {
  const std::lock_guard lock(mutex_);
  const UploadId id = record.upload;
  const auto upload = uploads_.find(id);
  std::optional<Failure> why = refusal(record);
  if (!why && id != 0 && upload == uploads_.end())
    why = Failure(id == 0 ? Errc::busy : Errc::not_found, "no such upload");
  FinalItem item;
  item.record = std::move(record);
  item.park_row = park_row;
  if (!why && id != 0) why = attach(item, upload);
  if (!why && id == 0 && item.record.body.size() != item.record.size)
    why = Failure(Errc::invalid_argument, "the body is not as long as it says");
  if (why) {
    if (upload != uploads_.end()) discard(upload);
    return answer(std::move(done), *why);
  }
  if (id == 0 && item.record.body.size() > inline_body_bytes_max) {
    item.body_number = next_upload_++;
    item.tail = std::exchange(item.record.body, {});
  }
  item.done = std::move(done);
  if (upload == uploads_.end()) return push_final(std::move(item));
  if (upload->second.outstanding > 0) {
    ++held_finals_;
    upload->second.final = std::move(item);
    return;
  }
  uploads_.erase(upload);
  push_final(std::move(item));
}

// Gives the item what the upload collected. A short body stands in the record's own row.
std::optional<Failure> Desk::attach(FinalItem& item, Uploads::iterator found) {
  Upload& upload = found->second;
  if (upload.failure) return upload.failure;
  if (upload.held || upload.final)
    return Failure(Errc::invalid_argument, "commit before the last append was answered");
  if (!item.record.body.empty() || upload.bytes != item.record.size)
    return Failure(Errc::invalid_argument, "the body is not as long as it says");
  if (upload.next_number == 0) {
    item.record.body = std::move(upload.buffer);
    return std::nullopt;
  }
  item.body_number = found->first;
  item.tail_number = upload.next_number;
  item.tail = std::move(upload.buffer);
  return std::nullopt;
}

void Desk::push_final(FinalItem item) {
  const std::size_t bytes = item.bytes();
  const std::string flow = item.record.device;
  finals_.push(flow, bytes, std::move(item));
  wake_.notify_one();
}

void Desk::settle(EpochId epoch, Lane lane, std::uint64_t up_to) {
  const std::lock_guard lock(mutex_);
  const std::pair key(epoch, lane);
  // Forgetting one costs nothing: the centre's cursor is the truth.
  if (settles_.size() >= settles_max && !settles_.contains(key)) return;
  std::uint64_t& highest = settles_[key];
  highest = std::max(highest, up_to);
  wake_for_marks();
}

void Desk::receipt(const AlarmId& id, const std::string& outlet) {
  const std::lock_guard lock(mutex_);
  if (closed_ || receipts_.size() >= receipts_waiting_max) return;
  receipts_.emplace_back(id, outlet);
  wake_for_marks();
}

void Desk::post_verdict(Task task) {
  const std::lock_guard lock(mutex_);
  if (closed_)
    answers_.push_back([task = std::move(task), why = *closed_](const Failure*) { task(&why); });
  else
    verdicts_.push_back(std::move(task));
  wake_.notify_one();
}

void Desk::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (!closed_ && tasks_.size() < tasks_max) {
    tasks_.push_back(std::move(task));
  } else {
    const Failure why = closed_.value_or(Failure(Errc::busy, "too many requests are waiting"));
    answers_.push_back([task = std::move(task), why](const Failure*) { task(&why); });
  }
  wake_.notify_one();
}

void Desk::stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  wake_.notify_one();
}

Work Desk::take(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (!has_work() && wait.count() > 0) wake_.wait_for(lock, wait, [this] { return has_work(); });
  if (wait.count() > 0 && has_marks() && !has_more_than_marks())
    wake_.wait_for(lock, marks_gather, [this] { return has_more_than_marks(); });
  Work work;
  work.is_stopping = is_stopping_;
  work.tasks.swap(answers_);
  std::move(verdicts_.begin(), verdicts_.end(), std::back_inserter(work.tasks));
  verdicts_.clear();
  for (std::size_t i = 0; i < tasks_turn_max && !tasks_.empty(); ++i) {
    work.tasks.push_back(std::move(tasks_.front()));
    tasks_.pop_front();
  }
  work.settles.swap(settles_);
  work.receipts.swap(receipts_);
  GroupRoom room{group_rows_max, group_bytes_max};
  finals_.take(room, work.finals);
  chunks_.take(room, work.chunks);
  std::erase_if(work.chunks, [this](const ChunkItem& chunk) {
    const auto upload = uploads_.find(chunk.body);
    return upload == uploads_.end() || upload->second.failure;
  });
  return work;
}

void Desk::chunk_done(UploadId id, const Status& status) {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  if (found == uploads_.end()) return;
  Upload& upload = found->second;
  if (status.has_error() && !upload.failure) upload.failure = status.error();
  if (upload.failure && upload.final) return discard(found);
  --upload.outstanding;
  if (upload.held)
    answer(std::exchange(upload.held, nullptr),
           upload.failure ? Status(*upload.failure) : Status{});
  if (!upload.final || upload.outstanding > 0) return;
  FinalItem item = std::move(*upload.final);
  --held_finals_;
  uploads_.erase(found);
  push_final(std::move(item));
}

std::vector<std::uint64_t> Desk::take_doomed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(doomed_, {});
}

void Desk::close(const Failure& why) {
  const std::lock_guard lock(mutex_);
  closed_ = why;
  for (FinalItem& item : finals_.take_all()) answer(std::move(item.done), why);
  chunks_.take_all();
  for (auto& [id, upload] : uploads_) {
    if (upload.held) answer(std::move(upload.held), why);
    if (upload.final) answer(std::move(upload.final->done), why);
  }
  uploads_.clear();
  held_finals_ = 0;
  doomed_.clear();
  std::move(tasks_.begin(), tasks_.end(), std::back_inserter(verdicts_));
  for (Task& task : verdicts_)
    answers_.push_back([task = std::move(task), why](const Failure*) { task(&why); });
  verdicts_.clear();
  tasks_.clear();
  settles_.clear();
  receipts_.clear();
}

}  // namespace alarmwire::spool
