#include "tests/simulation/model_ledger.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::simulation {

using link::StageOutcome;
using link::StoreOutcome;
using link::TombstoneOutcome;
using Verdict = StoreOutcome::Verdict;

bool ModelLedger::has_its_hash(const link::centre_action::Store& store,
                               const std::string& body) const {
  if (mutant_ == Mutant::no_hash_check) return true;
  RecordHasher hasher(store.header.envelope);
  hasher.update(body);
  return body.size() == store.header.size && hasher.finish() == store.header.hash;
}

StoreOutcome ModelLedger::apply(int box, const link::centre_action::Store& store) {
  const RecordKey& key = store.header.key;
  std::uint64_t& at = cursor(box, key);
  const BoxKey identity{box, key};
  const auto there = state.by_key.find(identity);
  if (there != state.by_key.end()) {
    const bool same = state.rows[there->second].hash == store.header.hash;
    return {same ? Verdict::duplicate : Verdict::conflict, 1, at};
  }
  if (mutant_ != Mutant::no_cursor_check && key.seq != at + 1) return {Verdict::gap, 0, at};
  if (std::exchange(meets_stranger, false)) {
    state.by_key[identity] = state.rows.size();
    state.rows.push_back({box, key, AlarmId{}, Hash{}});
    at = key.seq;
    state.verdicts[identity] = {key, store.header.id, true, "conflict: a stranger"};
    return {Verdict::conflict, 1, at};
  }
  std::string body = store.body;
  if (store.staged) body = std::exchange(state.staged[identity], {}).bytes;
  state.staged.erase(identity);
  if (!has_its_hash(store, body)) return {Verdict::hash_mismatch, 0, at};
  at = std::max(at, key.seq);
  if (state.by_id.contains(store.header.id)) return {Verdict::known, 1, at};
  state.by_key[identity] = state.by_id[store.header.id] = state.rows.size();
  Hash real = store.header.hash;
  if (mutant_ == Mutant::no_hash_check) {
    RecordHasher hasher(store.header.envelope);
    hasher.update(body);
    real = hasher.finish();
  }
  state.rows.push_back({box, key, store.header.id, real});
  return {Verdict::stored, 1, at};
}

void ModelLedger::store(int box, link::centre_action::Store store,
                        std::function<void(StoreOutcome)> done) {
  if (mutant_ == Mutant::ack_before_commit) {
    done({Verdict::stored, 1, store.header.key.seq});
    done = [](StoreOutcome) {};
  }
  pending_.emplace_back([this, box, store = std::move(store), done = std::move(done)] {
    const StoreOutcome outcome = apply(box, store);
    return std::function<void()>([done, outcome] { done(outcome); });
  });
}

void ModelLedger::stage(int box, link::centre_action::Stage stage,
                        std::function<void(StageOutcome)> done) {
  pending_.emplace_back([this, box, stage = std::move(stage), done = std::move(done)] {
    auto& staged = state.staged[{box, stage.key}];
    if (stage.offset == 0 || staged.hash != stage.hash) staged = {stage.hash, {}};
    StageOutcome outcome;
    if (staged.bytes.size() == stage.offset) {
      staged.bytes += stage.bytes;
    } else {
      outcome.verdict = StageOutcome::Verdict::wrong_offset;
    }
    return std::function<void()>([done, outcome] { done(outcome); });
  });
}

void ModelLedger::tombstone(int box, link::centre_action::Tombstone tombstone,
                            std::function<void(TombstoneOutcome)> done) {
  pending_.emplace_back([this, box, tombstone = std::move(tombstone), done = std::move(done)] {
    RecordKey key{tombstone.epoch, tombstone.lane, tombstone.first_seq};
    std::uint64_t& at = cursor(box, key);
    if (tombstone.first_seq == at + 1) {
      at = tombstone.last_seq;
      if (tombstone.id && tombstone.refused)
        state.verdicts[{box, key}] = {key, *tombstone.id, false, tombstone.reason};
      for (; key.seq <= at; ++key.seq) state.tombstones[{box, key}] = tombstone.reason;
    }
    const TombstoneOutcome outcome{TombstoneOutcome::Verdict::done, at};
    return std::function<void()>([done, outcome] { done(outcome); });
  });
}

void ModelLedger::commit() {
  std::vector<std::function<void()>> answers;
  for (auto& apply_one : std::exchange(pending_, {})) answers.push_back(apply_one());
  for (auto& answer : answers) answer();
}

}  // namespace alarmwire::simulation
