// The spool as its port promises it (edge/spool/spool.hpp), in memory: a committed row survives
// crashes, settled marks and parkings may be forgotten by one, though never a parking without the
// mark behind it; a re-entry takes its time, and is whole or not there; every start opens a new
// epoch.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/record.hpp"
#include "grpc/link/box_session.hpp"

namespace alarmwire::simulation {

struct SpoolState {
  struct Row {
    RecordHeader header;
    std::string body;
    bool parked = false;
    bool never = false;  // … because the centre will not take it
    bool damaged = false;
  };
  std::vector<EpochId> epochs;  // oldest first, the last one current
  std::map<RecordKey, Row> rows;
  std::map<std::pair<EpochId, Lane>, std::uint64_t> last;
  std::map<std::pair<EpochId, Lane>, std::uint64_t> settled;
};

class ModelSpool {
 public:
  SpoolState state;

  void open(EpochId epoch) {
    state.epochs.push_back(epoch);
    forgotten_ = state.settled;
  }
  // The settled marks and parkings since the last call are not on disk yet.
  void crash();
  void sync() {
    forgotten_ = state.settled;
    fresh_parkings_.clear();
  }

  RecordKey commit(Lane lane, const AlarmId& id, std::string envelope, std::string body) {
    SpoolState::Row row;
    const EpochId epoch = state.epochs.back();
    row.header.key = {epoch, lane, ++state.last[{epoch, lane}]};
    row.header.id = id;
    row.header.envelope = std::move(envelope);
    row.header.size = body.size();
    RecordHasher hasher(row.header.envelope);
    hasher.update(body);
    row.header.hash = hasher.finish();
    row.body = std::move(body);
    const RecordKey key = row.header.key;
    state.rows.emplace(key, std::move(row));
    return key;
  }

  std::vector<link::HeldRange> ranges() const;
  std::pair<link::FetchResult, link::FetchedRecord> fetch(const RecordKey& key,
                                                          std::size_t head) const;
  std::pair<link::FetchResult, std::string> body(const RecordKey& key, std::uint64_t offset,
                                                 std::size_t bytes) const;
  link::FetchResult verify(const RecordKey& key) const;
  void settle(EpochId epoch, Lane lane, std::uint64_t up_to);
  void park(const RecordKey& key, bool never);
  // False: not held, parked or under way already. Nothing is settled past it until it is parked.
  bool begin_reentry(const RecordKey& key);
  std::optional<RecordKey> reenter(const RecordKey& key);  // nothing: it cannot be read
  bool is_settled(const RecordKey& key) const {
    const auto at = forgotten_.find({key.epoch, key.lane});
    return at != forgotten_.end() && key.seq <= at->second;
  }
  // What is durably settled leaves, lowest seqs first; answers how many.
  std::vector<RecordKey> evict_settled();

 private:
  std::map<std::pair<EpochId, Lane>, std::uint64_t> forgotten_;  // as it is on disk
  std::set<RecordKey> fresh_parkings_;
  std::set<RecordKey> reentering_;
  std::map<std::pair<EpochId, Lane>, std::uint64_t> settled_beyond_;
};

}  // namespace alarmwire::simulation
