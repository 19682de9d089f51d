#include <algorithm>
#include <iterator>
#include <utility>

#include "tests/simulation/world_parts.hpp"

namespace alarmwire::simulation {

namespace {

constexpr std::int64_t faults_end_us = 60 * second;
constexpr std::int64_t end_us = 260 * second;

}  // namespace

World::World(std::uint64_t seed, Mutant mutant) : clock_(seed), ledger_(mutant) {
  may_restore_ = seed % 3 == 0;
  const std::size_t count = 1 + clock_.number(3);
  for (std::size_t i = 0; i < count; ++i) {
    auto box = std::make_unique<Box>();
    box->index = static_cast<int>(i);
    box->skew_us = clock_.between(-100 * second, 100 * second);
    box->spool.open(EpochId{1 + clock_.number(1ull << 62)});
    boxes_.push_back(std::move(box));
  }
}

void World::broken(const std::string& what) {
  if (verdict_.broken.size() < 5) verdict_.broken.push_back(what);
}

// --- load ---

void World::mail(Box& box) {
  static constexpr std::int64_t sizes[] = {0, 300, 2000, 66'000, 100'000};
  std::int64_t size = sizes[clock_.number(std::size(sizes))];
  if (clock_.chance(40)) size = clock_.between(300'000, 900'000);
  Envelope envelope;
  envelope.device = "camera";
  if (clock_.chance(20)) envelope.helo = std::string(40'000, 'h');
  std::string encoded = encode_envelope(envelope);
  if (clock_.chance(100)) encoded = "no envelope";  // will never be taken
  if (clock_.chance(400)) size = 1'600'000;         // nor this
  AlarmId id;
  const std::string random = clock_.bytes(id.bytes.size());
  std::copy(random.begin(), random.end(), id.bytes.begin());
  std::string body = clock_.bytes(16);
  body.resize(static_cast<std::size_t>(size), 'b');
  const Lane lane = all_lanes[clock_.number(lane_count)];
  const RecordKey key = box.spool.commit(lane, id, std::move(encoded), std::move(body));
  expected_[id].box = box.index;
  ++verdict_.records;
  if (box.session == nullptr) return;
  box.session->on_record(key, clock_.now(box.skew_us));
  pump(box);
}

void World::mail_later(Box& box) {
  if (!faults_on_) return;
  const std::int64_t pause = clock_.chance(3) ? 1 * ms : clock_.between(10 * ms, 2 * second);
  clock_.after(pause, [this, &box] {
    if (!box.down) mail(box);
    mail_later(box);
  });
}

// --- faults ---

void World::fault_later() {
  clock_.after(clock_.between(50 * ms, 4 * second), [this] {
    if (clock_.now_us() > faults_end_us) {
      faults_on_ = false;
      noise_until_us_ = full_until_us_ = 0;
      return;
    }
    ++verdict_.faults;
    fault();
    fault_later();
  });
}

void World::fault() {
  Box& box = *boxes_[clock_.number(boxes_.size())];
  switch (clock_.number(13)) {
    case 0:
    case 1:
      return cut(box);
    case 2:  // half-open: nobody is told
      if (box.stream != nullptr) box.stream->black = true;
      return;
    case 3:
      return crash(box, may_restore_ && clock_.chance(3));
    case 4:
      return crash_centre(may_restore_ && clock_.chance(3));
    case 5:
      full_until_us_ = clock_.now_us() + clock_.between(1, 5 * second);
      return;
    case 6:
      noise_until_us_ = clock_.now_us() + clock_.between(1, 3 * second);
      return;
    case 7:
      return damage(box);
    case 8:
      return evict(box);
    case 9:
      ledger_.meets_stranger = true;
      return;
    case 10:
      ledger_copy_ = ledger_.state;
      spool_copy_ = boxes_.front()->spool.state;
      return;
    case 11:
      box.spool.sync();
      return;
    default:
      for (const StreamPtr& stream : Streams(streams_)) {
        stream->centre->drain(std::chrono::milliseconds(500), "restart", clock_.now(0));
        pump(stream);
      }
      return;
  }
}

void World::cut(Box& box) {
  const StreamPtr stream = box.stream;
  if (stream == nullptr || stream->centre == nullptr) return;
  stream->black = true;
  clock_.after(clock_.between(0, 3 * second), [this, stream] {
    stream->centre_open = false;
    streams_.erase(stream);
  });
  end_stream(box, clock_.between(1 * ms, 1 * second));
}

void World::crash(Box& box, bool older_copy) {
  if (box.down) return;
  if (box.stream != nullptr) box.stream->black = true;
  box.stream.reset();
  box.session.reset();
  ++box.life;
  box.down = true;
  box.spool.crash();
  if (older_copy && box.index == 0 && !spool_copy_.epochs.empty()) {
    std::set<AlarmId> held;
    for (const auto& [key, row] : spool_copy_.rows) held.insert(row.header.id);
    for (const auto& [key, row] : box.spool.state.rows) {
      if (!held.contains(row.header.id)) expected_[row.header.id].forgotten = true;
    }
    box.spool.state = spool_copy_;
  }
  clock_.after(clock_.between(10 * ms, 3 * second), [this, &box] {
    box.down = false;
    box.spool.open(EpochId{1 + clock_.number(1ull << 62)});
    connect(box);
  });
}

void World::crash_centre(bool older_copy) {
  if (centre_down_) return;
  centre_down_ = true;
  ++centre_life_;
  committing_ = false;
  ledger_.crash();
  if (older_copy && !ledger_copy_.id.empty()) {
    restored_ledger_ = true;
    ledger_.state = ledger_copy_;
    ledger_.state.id += "-restored";
  }
  for (const StreamPtr& stream : std::exchange(streams_, {})) {
    stream->centre_open = false;
    stream->black = true;
    Box& box = *boxes_[static_cast<std::size_t>(stream->box)];
    if (box.stream == stream && clock_.chance(2)) end_stream(box, clock_.between(1, 2 * second));
  }
  clock_.after(clock_.between(10 * ms, 5 * second), [this] { centre_down_ = false; });
}

void World::damage(Box& box) {
  if (box.spool.state.rows.empty()) return;
  auto row = std::prev(box.spool.state.rows.end());
  row->second.damaged = true;
  expected_[row->second.header.id].damaged = true;
}

void World::evict(Box& box) {
  for (const auto& [key, row] : box.spool.state.rows) {
    if (!row.parked && box.spool.is_settled(key)) expected_[row.header.id].evicted = true;
  }
  box.spool.evict_settled();
}

// --- the oracle ---

// The end-to-end promise: what is called settled is in the ledger, durably, at this moment.
void World::check_settled(Box& box, EpochId epoch, Lane lane, std::uint64_t up_to) {
  for (auto row = box.spool.state.rows.lower_bound({epoch, lane, 0});
       row != box.spool.state.rows.end() && row->first <= RecordKey{epoch, lane, up_to}; ++row) {
    const BoxKey identity{box.index, row->first};
    const bool is_there = ledger_.state.by_id.contains(row->second.header.id) ||
                          ledger_.state.by_key.contains(identity) ||
                          ledger_.state.tombstones.contains(identity);
    if (!is_there) broken("settled, yet not in the ledger: " + row->first.to_string());
  }
}

void World::check_order() {
  std::map<std::tuple<int, EpochId, Lane>, std::uint64_t> last;
  std::set<AlarmId> seen;
  for (const LedgerState::Row& row : ledger_.state.rows) {
    std::uint64_t& before = last[{row.box, row.key.epoch, row.key.lane}];
    if (row.key.seq <= before) broken("out of order: " + row.key.to_string());
    before = row.key.seq;
    if (row.id == AlarmId{}) continue;
    if (!seen.insert(row.id).second) broken("twice in the ledger: " + row.key.to_string());
  }
}

void World::check_end() {
  check_order();
  std::map<AlarmId, const SpoolState::Row*> held;
  std::set<AlarmId> parked_for_good;  // the box was told, and shows it
  for (const auto& box : boxes_) {
    if (box->session == nullptr || !box->session->is_up()) broken("a link is not up at the end");
    for (const auto& [key, row] : box->spool.state.rows) {
      held[row.header.id] = &row;
      if (row.never) parked_for_good.insert(row.header.id);
      const auto at = box->spool.state.settled.find({key.epoch, key.lane});
      const bool settled = at != box->spool.state.settled.end() && key.seq <= at->second;
      if (!settled && !row.parked) broken("still waiting at the end: " + key.to_string());
    }
  }
  for (const auto& [id, expected] : expected_) {
    const auto there = ledger_.state.by_id.find(id);
    if (there != ledger_.state.by_id.end()) {
      const auto row = held.find(id);
      if (row != held.end() && !row->second->damaged &&
          ledger_.state.rows[there->second].hash != row->second->header.hash) {
        broken("stored with other bytes: " + id.to_string());
      }
      continue;
    }
    const bool excused = expected.damaged || expected.forgotten || parked_for_good.contains(id) ||
                         ((expected.evicted || expected.told_once) && restored_ledger_);
    if (!excused) broken("lost: " + id.to_string());
  }
}

Verdict World::run() {
  for (const auto& box : boxes_) {
    connect(*box);
    mail_later(*box);
  }
  fault_later();
  clock_.run_until(end_us);
  check_end();
  return verdict_;
}

Verdict simulate(std::uint64_t seed, Mutant mutant) {
  return World(seed, mutant).run();
}

}  // namespace alarmwire::simulation
