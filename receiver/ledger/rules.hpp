// The ledger's rules without a database: what becomes of a record that arrives, and when a disk is
// filling up.
//
// Every adapter gathers the same facts and obeys the same answer. Thread-safety: values.
#pragma once

#include <cstdint>
#include <optional>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::ledger {

// What the book knows about an arriving record.
struct Facts {
  std::uint64_t seq = 0;
  std::uint64_t cursor = 0;  // of its (box, epoch, lane); 0 for a new epoch
  // The row that holds this identity, if one does: has it the same hash? Asked only for
  // seq <= cursor. Without a row (deleted by retention, known elsewhere, tombstone) it was settled.
  std::optional<bool> identity_has_same_hash;
  bool known_elsewhere = false;  // same box, alarm id and hash under another identity, now or once
  bool bytes_match = false;      // the bytes have the hash they came with; see wants_bytes()
  bool is_canary = false;
};

StoreResult::Verdict judge(const Facts& facts);
// Does the answer depend on bytes_match? Hashing is dear: adapters ask first.
bool wants_bytes(const Facts& facts);

// Is what the box sent fit to be booked at all? Says what is wrong.
Status check(const Incoming& incoming);
Status check(const RecordKey& key);
Status check(const Tombstone& tombstone);

// A hand-over row's first state: an outlet that had taken the id before a replay is not asked
// again.
HandOverState first_state(bool replayed, bool outlet_had_taken_it);

// The fault that stands for a tombstone: "record-never", "row-unreadable" or "records-missing".
Envelope fault_of(const Tombstone& tombstone);

// Says when the disk has become too full, and when it has room again (with hysteresis).
class DiskWatch {
 public:
  static constexpr double alarm_ratio = 0.80;
  static constexpr double calm_ratio = 0.75;
  enum class Change : std::uint8_t { none, filled, relieved };
  Change update(double used_ratio);

 private:
  bool filled_ = false;
};

}  // namespace alarmwire::ledger
