// Bodies that arrive in pieces. A staged body has a number; its chunk rows carry that number in
// their key, so they become the record's by writing the number into the record: nothing is copied.
#include <algorithm>

#include "receiver/ledger/rules.hpp"
#include "receiver/ledger/sqlite_book.hpp"
#include "receiver/ledger/sqlite_schema.hpp"

namespace alarmwire::ledger {
namespace {

// How far behind hashing may catch up per chunk after a restart, so that no group waits for 64 MiB.
constexpr std::uint64_t catch_up_bytes_max = 512 * 1024;

Hash digest(std::string_view envelope) {
  return RecordHasher(envelope).finish();
}

}  // namespace

Status Book::load_staged() {
  auto take = [this](sqlite::Statement& row) {
    const Lane lane = static_cast<Lane>(row.column_int(2));
    OpenBody open;
    open.number = row.column_int(0);
    open.key = RecordKey{EpochId{static_cast<std::uint64_t>(row.column_int(3))}, lane,
                         static_cast<std::uint64_t>(row.column_int(4))};
    static_cast<void>(hash_from_bytes(row.column_blob(5), open.hash));
    open.bytes = static_cast<std::uint64_t>(row.column_int(6));
    open_.emplace(LaneOfBox{row.column_int(1), lane}, open);
    return true;
  };
  return writer_->each("SELECT body_number, box, lane, epoch, seq, hash, bytes FROM staged", take);
}

void Book::announce(const BoxId& box, const RecordHeader& header) {
  const Result<std::int64_t> number = box_number(box);
  if (number.has_error()) return;  // then store() hashes all of it
  const Hash envelope_digest = digest(header.envelope);
  const LaneOfBox lane{*number, header.key.lane};
  const auto found = hashing_.find(lane);
  if (found != hashing_.end() && found->second.key == header.key &&
      found->second.hash == header.hash && found->second.envelope_digest == envelope_digest)
    return;  // goes on after a cut of the link
  hashing_.insert_or_assign(
      lane, Hashing{header.key, header.hash, envelope_digest, RecordHasher(header.envelope), 0});
}

// One open body per box and lane: a lane has one unfinished record. That also bounds what a box can
// stage to lane_count * record_bytes_max.
Result<Book::OpenBody*> Book::open_body(const LaneOfBox& lane, const RecordKey& key,
                                        const Hash& hash) {
  const auto found = open_.find(lane);
  if (found != open_.end()) {
    const Status dropped = drop_staged(lane, found->second.key);
    if (dropped.has_error()) return dropped.error();
  }
  const Status opened = writer_->run(
      "INSERT INTO staged (box, lane, epoch, seq, hash, bytes, changed_us) "
      "VALUES (?, ?, ?, ?, ?, 0, ?)",
      lane.first, static_cast<int>(lane.second), key.epoch.value, key.seq, view(hash), now_us_);
  if (opened.has_error()) return opened.error();
  const std::int64_t number = writer_->database().last_insert_rowid();
  return &open_.insert_or_assign(lane, OpenBody{number, key, hash, 0}).first->second;
}

Status Book::append_chunk(const LaneOfBox& lane, OpenBody& open, std::string_view bytes) {
  const Status inserted = writer_->run("INSERT INTO chunks (key, data) VALUES (?, ?)",
                                       chunk_key(open.number, open.bytes), bytes);
  if (inserted.has_error()) return inserted.error();
  const auto found = hashing_.find(lane);
  if (found != hashing_.end() && found->second.key == open.key && found->second.hash == open.hash) {
    Hashing& hashing = found->second;
    const Status caught_up =
        hash_rows(open, hashing, std::min(open.bytes, hashing.hashed + catch_up_bytes_max));
    if (caught_up.has_error()) return caught_up.error();
    if (hashing.hashed == open.bytes) {
      hashing.hasher.update(bytes);
      hashing.hashed += bytes.size();
    }
  }
  open.bytes += bytes.size();
  return {};
}

Result<std::uint64_t> Book::stage(const BoxId& box, const RecordKey& key, const Hash& hash,
                                  std::uint64_t offset, std::string_view bytes) {
  const Result<std::int64_t> number = box_number(box);
  if (number.has_error()) return number.error();
  const LaneOfBox lane{*number, key.lane};
  const auto found = open_.find(lane);
  const bool same = found != open_.end() && found->second.key == key && found->second.hash == hash;
  const std::uint64_t staged = same ? found->second.bytes : 0;
  if (offset != 0 && offset != staged)
    return Failure(Errc::invalid_argument,
                   "staged so far are " + std::to_string(staged) + " bytes");
  OpenBody* open = same ? &found->second : nullptr;
  if (open == nullptr || (offset == 0 && staged > 0)) {
    const Result<OpenBody*> opened = open_body(lane, key, hash);
    if (opened.has_error()) return opened.error();
    open = *opened;
  }
  if (!bytes.empty()) {
    const Status appended = append_chunk(lane, *open, bytes);
    if (appended.has_error()) return appended.error();
  }
  const Status noted =
      writer_->run("UPDATE staged SET bytes = ?, changed_us = ? WHERE body_number = ?", open->bytes,
                   now_us_, open->number);
  if (noted.has_error()) return noted.error();
  return open->bytes;
}

Status Book::hash_rows(const OpenBody& open, Hashing& hashing, std::uint64_t up_to) {
  if (hashing.hashed >= up_to) return {};
  auto take = [&hashing](sqlite::Statement& row) {
    hashing.hasher.update(row.column_blob(0));
    hashing.hashed += row.column_blob(0).size();
    return true;
  };
  return writer_->each("SELECT data FROM chunks WHERE key >= ? AND key < ? ORDER BY key", take,
                       chunk_key(open.number, hashing.hashed), chunk_key(open.number, up_to));
}

Result<bool> Book::staged_matches(const LaneOfBox& lane, const RecordHeader& header) {
  const auto found = open_.find(lane);
  if (found == open_.end()) return false;
  const OpenBody& open = found->second;
  if (open.key != header.key || open.hash != header.hash || open.bytes != header.size) return false;
  const Hash envelope_digest = digest(header.envelope);
  const auto running = hashing_.find(lane);
  const bool goes_on = running != hashing_.end() && running->second.key == open.key &&
                       running->second.hash == open.hash &&
                       running->second.envelope_digest == envelope_digest;
  Hashing hashing =
      goes_on ? std::move(running->second)
              : Hashing{open.key, open.hash, envelope_digest, RecordHasher(header.envelope), 0};
  hashing_.erase(lane);
  const Status read = hash_rows(open, hashing, open.bytes);
  if (read.has_error()) return read.error();
  return hashing.hashed == open.bytes && hashing.hasher.finish() == header.hash;
}

// What was staged for `key` is not needed any more.
Status Book::drop_staged(const LaneOfBox& lane, const RecordKey& key) {
  const auto found = open_.find(lane);
  if (found == open_.end() || found->second.key != key) return {};
  const std::int64_t number = found->second.number;
  open_.erase(found);
  const auto running = hashing_.find(lane);
  if (running != hashing_.end() && running->second.hashed > 0) hashing_.erase(running);
  const Status closed = writer_->run("DELETE FROM staged WHERE body_number = ?", number);
  if (closed.has_error()) return closed.error();
  return drop_body(number);
}

// Chunk rows go later, in slices: deleting 64 MiB at once would hold up every alarm.
Status Book::drop_body(std::int64_t number) {
  ++dropped_bodies_;
  return writer_->run("INSERT INTO dropped (body_number) VALUES (?)", number);
}

Result<std::int64_t> Book::body_of(std::int64_t box, const Incoming& incoming) {
  const LaneOfBox lane{box, incoming.header.key.lane};
  if (!incoming.staged) {
    const Status dropped = drop_staged(lane, incoming.header.key);
    if (dropped.has_error()) return dropped.error();
    if (incoming.body.size() <= inline_body_bytes_max) return std::int64_t{0};
    const Result<OpenBody*> opened = open_body(lane, incoming.header.key, incoming.header.hash);
    if (opened.has_error()) return opened.error();
    const std::string_view body = incoming.body;
    for (std::size_t at = 0; at < body.size(); at += chunk_bytes_max) {
      const Status appended = append_chunk(lane, **opened, body.substr(at, chunk_bytes_max));
      if (appended.has_error()) return appended.error();
    }
  }
  const auto found = open_.find(lane);
  const std::int64_t number = found->second.number;
  open_.erase(found);
  const Status taken = writer_->run("DELETE FROM staged WHERE body_number = ?", number);
  if (taken.has_error()) return taken.error();
  return number;
}

}  // namespace alarmwire::ledger
