#include "receiver/ledger/rules.hpp"

#include "common/fault_book.hpp"

namespace alarmwire::ledger {
namespace {

using Verdict = StoreResult::Verdict;

// Half of what SQLite's INTEGER holds: cursor + 1 can never overflow.
constexpr std::uint64_t seq_max = 1ull << 62;
constexpr std::uint64_t epoch_max = (1ull << 63) - 1;

Failure invalid(const char* why) {
  return {Errc::invalid_argument, why};
}

}  // namespace

StoreResult::Verdict judge(const Facts& facts) {
  if (facts.seq > facts.cursor + 1) return Verdict::gap;
  if (facts.seq <= facts.cursor) {
    if (facts.identity_has_same_hash.value_or(true)) return Verdict::duplicate;
    return facts.bytes_match ? Verdict::conflict : Verdict::hash_mismatch;
  }
  if (!facts.bytes_match) return Verdict::hash_mismatch;
  if (facts.known_elsewhere) return Verdict::known;
  return facts.is_canary ? Verdict::noted : Verdict::stored;
}

bool wants_bytes(const Facts& facts) {
  if (facts.seq > facts.cursor + 1) return false;
  return facts.seq > facts.cursor || !facts.identity_has_same_hash.value_or(true);
}

Status check(const RecordKey& key) {
  if (key.epoch.value == 0 || key.epoch.value > epoch_max) return invalid("epoch out of range");
  if (key.seq == 0 || key.seq > seq_max) return invalid("seq out of range");
  if (static_cast<std::size_t>(key.lane) >= lane_count) return invalid("no such lane");
  return {};
}

Status check(const Incoming& incoming) {
  const RecordHeader& header = incoming.header;
  if (!is_valid_box_id(incoming.box)) return invalid("not a box id");
  if (header.envelope.size() > envelope_size_max) return invalid("envelope too large");
  if (header.size > record_bytes_max) return invalid("record too large");
  if (!incoming.staged && incoming.body.size() != header.size)
    return invalid("size does not match the body");
  return check(header.key);
}

Status check(const Tombstone& tombstone) {
  if (!is_valid_box_id(tombstone.box)) return invalid("not a box id");
  if (tombstone.last_seq < tombstone.first_seq || tombstone.last_seq > seq_max)
    return invalid("seqs out of range");
  return check(RecordKey{tombstone.epoch, tombstone.lane, tombstone.first_seq});
}

HandOverState first_state(bool replayed, bool outlet_had_taken_it) {
  return replayed && outlet_had_taken_it ? HandOverState::skipped : HandOverState::waiting;
}

Envelope fault_of(const Tombstone& tombstone) {
  const std::string first =
      RecordKey{tombstone.epoch, tombstone.lane, tombstone.first_seq}.to_string();
  const std::string alarm = tombstone.id ? tombstone.id->to_string() : "unknown";
  Envelope fault;
  fault.kind = RecordKind::fault;
  fault.fault_subject = first;
  if (tombstone.kind == Tombstone::Kind::never) {
    fault.fault_code = fault::record_never;
    fault.fault_reason =
        "alarm " + alarm + " was refused for good and stays parked on the box: " + tombstone.reason;
    return fault;
  }
  const std::uint64_t count = tombstone.last_seq - tombstone.first_seq + 1;
  fault.fault_code =
      tombstone.reason == "unreadable" ? fault::row_unreadable : fault::records_missing;
  fault.fault_reason = std::to_string(count) + " records from " + first +
                       " on will never arrive (alarm " + alarm + "): " + tombstone.reason;
  return fault;
}

DiskWatch::Change DiskWatch::update(double used_ratio) {
  if (!filled_ && used_ratio >= alarm_ratio) {
    filled_ = true;
    return Change::filled;
  }
  if (filled_ && used_ratio < calm_ratio) {
    filled_ = false;
    return Change::relieved;
  }
  return Change::none;
}

}  // namespace alarmwire::ledger
