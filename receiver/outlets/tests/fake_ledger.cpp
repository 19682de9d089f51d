#include "receiver/outlets/tests/fake_ledger.hpp"

namespace alarmwire::outlets {
namespace {

const Failure unsupported{Errc::unsupported, "the fake ledger does not do this"};

}  // namespace

ledger::Record FakeLedger::add(const BoxId& box, Lane lane, const Envelope& envelope,
                               std::string body, bool replayed) {
  const std::lock_guard lock(mutex_);
  Row row;
  const WallTimeUs now_us = wall_now_us();
  row.record.position = static_cast<ledger::Position>(rows_.size()) + 1;
  row.record.box = box;
  row.record.header.id = AlarmId::make(now_us);
  row.record.header.envelope = encode_envelope(envelope);
  row.record.header.size = body.size();
  row.record.header.accepted_us = now_us;
  row.record.header.spooled_us = now_us;
  row.record.header.key.lane = lane;
  row.record.stored_us = now_us;
  row.record.replayed = replayed;
  row.body = std::move(body);
  row.hand_over.position = row.record.position;
  row.hand_over.box = box;
  row.hand_over.lane = lane;
  const ledger::Record record = row.record;
  rows_.emplace(record.position, std::move(row));
  return record;
}

ledger::Snapshot FakeLedger::snapshot() const {
  const std::lock_guard lock(mutex_);
  ledger::Snapshot snapshot;
  snapshot.records = rows_.size();
  snapshot.last_position = static_cast<ledger::Position>(rows_.size());
  return snapshot;
}

void FakeLedger::fail_writes(int count) {
  const std::lock_guard lock(mutex_);
  failing_writes_ = count;
}

void FakeLedger::fail_reads(int count) {
  const std::lock_guard lock(mutex_);
  failing_reads_ = count;
}

void FakeLedger::while_listing(std::function<void()> then) {
  const std::lock_guard lock(mutex_);
  while_listing_ = std::move(then);
}

void FakeLedger::fail_lists(bool fail) {
  const std::lock_guard lock(mutex_);
  failing_lists_ = fail;
}

bool FakeLedger::take_failure(int& left) const {
  if (left == 0) return false;
  --left;
  return true;
}

bool FakeLedger::may_write() {
  const std::lock_guard lock(mutex_);
  return !take_failure(failing_writes_);
}

ledger::HandOver FakeLedger::hand_over(ledger::Position position) const {
  const std::lock_guard lock(mutex_);
  return rows_.at(position).hand_over;
}

void FakeLedger::set_state(ledger::Position position, ledger::HandOverState state) {
  const std::lock_guard lock(mutex_);
  rows_.at(position).hand_over.state = state;
}

std::size_t FakeLedger::count(ledger::HandOverState state) const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [position, row] : rows_) count += row.hand_over.state == state ? 1u : 0u;
  return count;
}

void FakeLedger::store(ledger::Incoming, Callback<ledger::StoreResult> done) {
  done(unsupported);
}

void FakeLedger::stage(BoxId, RecordKey, Hash, std::uint64_t, std::string,
                       Callback<std::uint64_t> done) {
  done(unsupported);
}

void FakeLedger::tombstone(ledger::Tombstone, Callback<std::uint64_t> done) {
  done(unsupported);
}

void FakeLedger::book_own(BoxId box, AlarmId, Envelope envelope, Callback<ledger::Record> done) {
  done(add(box, Lane::fault, envelope, {}));
}

void FakeLedger::set_outlets(std::vector<std::string>, Callback<void> done) {
  done(unsupported);
}

void FakeLedger::set_hand_over(const std::string&, ledger::HandOver hand_over,
                               Callback<void> done) {
  if (!may_write()) return done(Failure(Errc::busy, "busy"));
  {
    const std::lock_guard lock(mutex_);
    rows_.at(hand_over.position).hand_over = std::move(hand_over);
  }
  done({});
}

void FakeLedger::mark_stage(BoxId, AlarmId id, ledger::StageMark mark, Callback<void> done) {
  if (!may_write()) return done(Failure(Errc::busy, "busy"));
  {
    const std::lock_guard lock(mutex_);
    for (auto& [position, row] : rows_) {
      if (row.record.header.id == id) row.marks.push_back(mark);
    }
  }
  done({});
}

void FakeLedger::apply_retention(ledger::RetentionRule, WallTimeUs, Callback<std::uint64_t> done) {
  done(unsupported);
}

Result<std::vector<ledger::Cursor>> FakeLedger::cursors(const BoxId&) const {
  return unsupported;
}

Result<std::vector<ledger::StagedBody>> FakeLedger::staged(const BoxId&) const {
  return unsupported;
}

Result<std::vector<ledger::Record>> FakeLedger::read_after(ledger::Position, std::size_t) const {
  return unsupported;
}

Result<std::vector<ledger::Record>> FakeLedger::list(const ledger::ListFilter&) const {
  return unsupported;
}

Result<ledger::Record> FakeLedger::find(const AlarmId&) const {
  return unsupported;
}

Result<ledger::Record> FakeLedger::at(ledger::Position position) const {
  const std::lock_guard lock(mutex_);
  const auto found = rows_.find(position);
  if (found == rows_.end()) return Failure(Errc::not_found, "no such record");
  return found->second.record;
}

Result<std::string> FakeLedger::body(ledger::Position position, std::uint64_t offset,
                                     std::size_t bytes_max) const {
  const std::lock_guard lock(mutex_);
  if (take_failure(failing_reads_)) return Failure(Errc::io, "the disk says no");
  body_bytes_max_read_ = std::max(body_bytes_max_read_, bytes_max);
  const std::string& body = rows_.at(position).body;
  return body.substr(std::min<std::size_t>(offset, body.size()), bytes_max);
}

Result<std::vector<ledger::StageMark>> FakeLedger::stages(const AlarmId& id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [position, row] : rows_) {
    if (row.record.header.id == id) return row.marks;
  }
  return Failure(Errc::not_found, "no such record");
}

Result<std::vector<ledger::Tombstone>> FakeLedger::tombstones(const BoxId&, std::size_t) const {
  return unsupported;
}

Result<std::vector<ledger::HandOver>> FakeLedger::hand_overs(const std::string&,
                                                             ledger::HandOverState state,
                                                             ledger::Position after,
                                                             std::size_t limit) const {
  std::unique_lock lock(mutex_);
  if (failing_lists_) return Failure(Errc::io, "the disk says no");
  std::vector<ledger::HandOver> page;
  for (auto row = rows_.upper_bound(after); row != rows_.end() && page.size() < limit; ++row) {
    if (row->second.hand_over.state == state) page.push_back(row->second.hand_over);
  }
  const std::function<void()> then = while_listing_;
  lock.unlock();
  if (then) then();
  return page;
}

Result<std::uint64_t> FakeLedger::count_hand_overs(const std::string&,
                                                   ledger::HandOverState state) const {
  return count(state);
}

Result<std::vector<ledger::Owed>> FakeLedger::owed() const {
  return unsupported;
}

Result<std::vector<std::pair<std::string, ledger::HandOver>>> FakeLedger::hand_overs_of(
    ledger::Position) const {
  return unsupported;
}

}  // namespace alarmwire::outlets
