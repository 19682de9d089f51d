// The ledger as its port promises it (receiver/ledger/ledger.hpp), in memory: writes are queued, a
// commit applies them in order and then answers; a crash forgets what was queued. With mutants, to
// prove that the oracle sees what it must see.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/record.hpp"
#include "grpc/link/centre_session.hpp"

namespace alarmwire::simulation {

enum class Mutant { none, ack_before_commit, no_cursor_check, no_hash_check };

using BoxKey = std::pair<int, RecordKey>;  // box, record

struct LedgerState {
  struct Row {
    int box = 0;
    RecordKey key;
    AlarmId id;
    Hash hash{};
  };
  struct Staged {
    Hash hash{};
    std::string bytes;
  };
  std::string id = "ledger-0";
  std::vector<Row> rows;
  std::map<BoxKey, std::size_t> by_key;
  std::map<AlarmId, std::size_t> by_id;
  std::map<std::tuple<int, EpochId, Lane>, std::uint64_t> cursors;
  std::map<BoxKey, Staged> staged;
  std::map<BoxKey, std::string> tombstones;
  std::map<BoxKey, link::CentreState::Verdict> verdicts;  // refused: told until the box kept it
};

class ModelLedger {
 public:
  explicit ModelLedger(Mutant mutant) : mutant_(mutant) {}

  LedgerState state;
  // Somebody else's record stands under this identity: the next one stored meets a conflict.
  bool meets_stranger = false;

  void store(int box, link::centre_action::Store store,
             std::function<void(link::StoreOutcome)> done);
  void stage(int box, link::centre_action::Stage stage,
             std::function<void(link::StageOutcome)> done);
  void tombstone(int box, link::centre_action::Tombstone tombstone,
                 std::function<void(link::TombstoneOutcome)> done);
  bool has_pending() const { return !pending_.empty(); }
  void commit();
  void crash() { pending_.clear(); }

 private:
  std::uint64_t& cursor(int box, const RecordKey& key) {
    return state.cursors[{box, key.epoch, key.lane}];
  }
  link::StoreOutcome apply(int box, const link::centre_action::Store& store);
  bool has_its_hash(const link::centre_action::Store& store, const std::string& body) const;

  Mutant mutant_;
  std::vector<std::function<std::function<void()>()>> pending_;  // apply, then answer
};

}  // namespace alarmwire::simulation
