#include "grpc/link/centre_lane.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "grpc/link/packing.hpp"

namespace alarmwire::link {

namespace {

constexpr std::uint64_t grant_bytes_quantum_max = 64 * 1024;
constexpr std::size_t void_reason_bytes_max = 64;
constexpr std::uint64_t seq_unknown = std::numeric_limits<std::uint64_t>::max();

std::string code_of(StoreOutcome::Verdict verdict) {
  using Verdict = StoreOutcome::Verdict;
  switch (verdict) {
    case Verdict::hash_mismatch:
      return "hash-mismatch";
    case Verdict::gap:
      return "gap";
    case Verdict::busy:
      return "busy";
    case Verdict::full:
      return "full";
    default:
      return "failed";
  }
}

// From here on the frame is as if its data had never been packed. Damaged data becomes zeros: the
// record's hash tells, and that record alone comes again. False: the size is not one of ours.
template <typename Message>
bool unpack_data(Message& message) {
  const std::size_t size = message.unpacked_size();
  if (size == 0) return true;
  if (size > frame_bytes_max) return false;
  std::optional<std::string> data = unpack(message.data(), size);
  message.set_data(data ? std::move(*data) : std::string(size, '\0'));
  message.clear_unpacked_size();
  return true;
}

}  // namespace

// --- credit ---

CentreLane::Complaint CentreLane::use_credit(std::uint32_t records, std::uint64_t bytes) {
  if (records > left_.records || bytes > left_.bytes) return "more was sent than was granted";
  left_.records -= records;
  left_.bytes -= bytes;
  return std::nullopt;
}

void CentreLane::return_credit(std::uint32_t records, std::uint64_t bytes) {
  returned_.records += records;
  returned_.bytes += bytes;
}

// Small returns wait for company, as long as company is on its way; at most an eighth of the
// window, so that the rest always completes a record that is being put together.
bool CentreLane::take_grant(v1::Credit& credit) {
  const std::uint64_t quantum = std::min(grant_bytes_quantum_max, window_.bytes / 8);
  const bool nothing_comes = in_flight_.empty();
  const bool records_due = nothing_comes || returned_.records >= window_.records / 4;
  const bool bytes_due = nothing_comes || returned_.bytes >= quantum;
  const bool has_any = (records_due && returned_.records > 0) || (bytes_due && returned_.bytes > 0);
  if (!has_any) return false;
  credit.set_lane(static_cast<std::uint32_t>(lane_));
  credit.set_records(returned_.records);
  credit.set_bytes(returned_.bytes);
  left_.records += returned_.records;
  left_.bytes += returned_.bytes;
  returned_ = {0, 0};
  return true;
}

// --- frames ---

CentreLane::Complaint CentreLane::check(const v1::Record& record, const Epoch* epoch) const {
  if (epoch == nullptr) return "a record of an epoch the Hello did not name";
  if (record.seq() == 0) return "a record without seq";
  if (record.alarm_id().size() != sizeof(AlarmId::bytes)) return "an alarm id of the wrong size";
  if (record.hash().size() != sizeof(Hash)) return "a hash of the wrong size";
  if (record.envelope().size() > envelope_size_max) return "an envelope that is too large";
  if (record.envelope().size() + record.data().size() > frame_bytes_max) {
    return "a frame that is too large";
  }
  if (record.receipted_size() > static_cast<int>(receipted_outlets_max)) return "too many outlets";
  for (const std::string& outlet : record.receipted()) {
    if (outlet.size() > outlet_name_bytes_max) return "an outlet's name that is too long";
  }
  if (record.offset() > record.size() || record.data().size() > record.size() - record.offset()) {
    return "more bytes than the record's size";
  }
  return std::nullopt;
}

CentreLane::Complaint CentreLane::check_place(const v1::Record& record, const RecordKey& key,
                                              const Epoch& epoch) const {
  if (key.seq != epoch.expected) return "a record out of order";
  if (open_ && !open_->discarded) return "a record while another one is open";
  if (record.offset() == 0) return std::nullopt;
  const auto staged = staged_.find(key);
  const bool fits = staged != staged_.end() && staged->second.bytes == record.offset() &&
                    view(staged->second.hash) == record.hash();
  if (!fits) return "a record taken up where nothing was staged";
  return std::nullopt;
}

// After `again` everything is let fall until the box has gone back.
bool CentreLane::is_dropped(const RecordKey& key, std::uint64_t offset) {
  if (!rewind_to_) return false;
  if (key != *rewind_to_ || offset != 0) return true;
  rewind_to_.reset();
  return false;
}

CentreLane::Complaint CentreLane::on_record(v1::Record& record, std::int64_t clock_offset_us,
                                            Actions& actions) {
  if (!unpack_data(record)) return "data that would be too large";
  const RecordKey key{EpochId{record.epoch()}, lane_, record.seq()};
  const auto epoch = epochs_.find(key.epoch);
  if (auto wrong = check(record, epoch == epochs_.end() ? nullptr : &epoch->second)) return wrong;
  const std::uint64_t cost = record.envelope().size() + record.data().size();
  if (auto wrong = use_credit(1, cost)) return wrong;
  if (is_dropped(key, record.offset())) {
    return_credit(1, cost);
    return std::nullopt;
  }
  if (auto wrong = check_place(record, key, epoch->second)) return wrong;
  epoch->second.expected = key.seq + 1;
  open(record, key, clock_offset_us);
  const RecordHeader& header = open_->header;
  const auto envelope = decode_envelope(header.envelope);
  const bool is_too_large = header.size > record_bytes_max_;
  if (is_too_large || !envelope) return_credit(0, record.data().size());  // kept nowhere
  if (is_too_large) {
    refuse(key, header.id, "too-large", std::to_string(header.size) + " bytes", actions);
  } else if (!envelope) {
    refuse(key, header.id, "malformed-envelope", envelope.error().diagnostics, actions);
  } else {
    take_bytes(std::move(*record.mutable_data()), actions);
  }
  return std::nullopt;
}

void CentreLane::open(v1::Record& record, const RecordKey& key, std::int64_t clock_offset_us) {
  open_ = Open{};
  RecordHeader& header = open_->header;
  header.key = key;
  header.id = AlarmId::from_bytes(record.alarm_id()).value_or(AlarmId{});
  hash_from_bytes(record.hash(), header.hash);
  header.envelope = std::move(*record.mutable_envelope());
  header.size = record.size();
  header.accepted_us = record.accepted_us();
  header.spooled_us = record.spooled_us();
  header.repeats = record.repeats();
  open_->offset = record.offset();
  open_->staged = header.size > assembled_up_to(window_) || record.offset() > 0;
  open_->replayed = record.replayed();
  open_->receipted.assign(record.receipted().begin(), record.receipted().end());
  open_->clock_offset_us = clock_offset_us;
  open_->bytes_used = header.envelope.size();
  staged_.erase(key);
}

void CentreLane::refuse(const RecordKey& key, const AlarmId& id, const std::string& code,
                        const std::string& text, Actions& actions) {
  InFlight one;
  one.kind = InFlight::Kind::tombstone;
  one.key = key;
  one.id = id;
  one.records = 1;
  one.bytes = open_->bytes_used;
  one.refused_code = code;
  one.refused_text = text;
  open_->discarded = true;
  open_->bytes_used = 0;
  centre_action::Tombstone action;
  action.token = put_in_flight(std::move(one));
  action.epoch = key.epoch;
  action.lane = lane_;
  action.first_seq = action.last_seq = key.seq;
  action.id = id;
  action.reason = code + ": " + text;
  action.refused = true;
  actions.emplace_back(std::move(action));
}

void CentreLane::take_bytes(std::string bytes, Actions& actions) {
  Open& open = *open_;
  const std::uint64_t count = bytes.size();
  const std::uint64_t offset = open.offset;
  open.bytes_used += count;
  open.offset += count;
  if (!open.staged) {
    if (open.body.empty()) {
      open.body = std::move(bytes);
      if (open.offset < open.header.size) open.body.reserve(open.header.size);
    } else {
      open.body += bytes;
    }
  } else if (count > 0) {
    InFlight one;
    one.kind = InFlight::Kind::stage;
    one.key = open.header.key;
    one.bytes = std::exchange(open.bytes_used, 0);
    const std::uint64_t token = put_in_flight(std::move(one));
    actions.emplace_back(
        centre_action::Stage{token, open.header.key, open.header.hash, offset, std::move(bytes)});
  }
  if (open.offset == open.header.size) store(actions);
}

void CentreLane::store(Actions& actions) {
  Open open = std::move(*open_);
  open_.reset();
  InFlight one;
  one.key = open.header.key;
  one.id = open.header.id;
  one.records = 1;
  one.bytes = open.bytes_used;
  centre_action::Store action;
  action.token = put_in_flight(std::move(one));
  action.header = std::move(open.header);
  action.body = std::move(open.body);
  action.staged = open.staged;
  action.replayed = open.replayed;
  action.receipted = std::move(open.receipted);
  action.clock_offset_us = open.clock_offset_us;
  actions.emplace_back(std::move(action));
}

CentreLane::Complaint CentreLane::on_chunk(v1::Chunk& chunk, Actions& actions) {
  if (!unpack_data(chunk)) return "data that would be too large";
  const std::uint64_t count = chunk.data().size();
  if (count == 0 || count > frame_bytes_max) return "a chunk of the wrong size";
  if (auto wrong = use_credit(0, count)) return wrong;
  if (rewind_to_ || (open_ && open_->discarded)) {
    return_credit(0, count);
    return std::nullopt;
  }
  if (!open_ || chunk.offset() != open_->offset) return "a chunk out of order";
  if (count > open_->header.size - open_->offset) return "more bytes than the record's size";
  take_bytes(std::move(*chunk.mutable_data()), actions);
  return std::nullopt;
}

CentreLane::Complaint CentreLane::on_void(const v1::Void& gone, Actions& actions) {
  RecordKey first{EpochId{gone.epoch()}, lane_, gone.first_seq()};
  const auto epoch = epochs_.find(first.epoch);
  if (epoch == epochs_.end()) return "a void of an epoch the Hello did not name";
  if (first.seq == 0 || gone.last_seq() < first.seq) return "a void without a range";
  const auto id = AlarmId::from_bytes(gone.alarm_id());
  if (!id && !gone.alarm_id().empty()) return "an alarm id of the wrong size";
  if (gone.reason().size() > void_reason_bytes_max) return "a reason that is too long";
  if (auto wrong = use_credit(1, 0)) return wrong;
  if (is_dropped(first, 0)) {
    return_credit(1, 0);
    return std::nullopt;
  }
  // Refused already, and unreadable on top: the refusal stands, the box hears of it.
  if (open_ && open_->discarded && open_->header.key == first) {
    if (gone.last_seq() == first.seq) {
      return_credit(1, 0);
      return std::nullopt;
    }
    ++first.seq;
  }
  // The record that is open may turn out to be unreadable in the middle.
  const bool ends_open = open_ && !open_->discarded && open_->header.key == first;
  if (open_ && !open_->discarded && !ends_open) return "a void while a record is open";
  if (!ends_open && first.seq != epoch->second.expected) return "a void out of order";
  if (ends_open) return_credit(1, open_->bytes_used);
  open_.reset();
  epoch->second.expected = gone.last_seq() + 1;
  InFlight one;
  one.kind = InFlight::Kind::tombstone;
  one.key = {first.epoch, lane_, gone.last_seq()};
  one.records = 1;
  centre_action::Tombstone action;
  action.token = put_in_flight(std::move(one));
  action.epoch = first.epoch;
  action.lane = lane_;
  action.first_seq = first.seq;
  action.last_seq = gone.last_seq();
  action.id = id;
  action.reason = gone.reason();
  actions.emplace_back(std::move(action));
  return std::nullopt;
}

// --- the ledger's answers ---

std::uint64_t CentreLane::put_in_flight(InFlight one) {
  const std::uint64_t token = (*next_token_)++;
  one.generation = generation_;
  in_flight_.emplace(token, std::move(one));
  return token;
}

CentreLane::Complaint CentreLane::on_answer(std::uint64_t token, const Answer& answer) {
  in_flight_.at(token).answer = answer;
  while (!in_flight_.empty() && in_flight_.begin()->second.answer) {
    const InFlight one = std::move(in_flight_.extract(in_flight_.begin()).mapped());
    return_credit(one.records, one.bytes);
    if (one.generation != generation_) continue;  // the lane has been rewound since
    const auto judge = [&](const auto& outcome) { return take(one, outcome); };
    if (Complaint wrong = std::visit(judge, *one.answer)) return wrong;
  }
  return std::nullopt;
}

CentreLane::Complaint CentreLane::take(const InFlight& one, const StageOutcome& outcome) {
  switch (outcome.verdict) {
    case StageOutcome::Verdict::staged:
      break;
    case StageOutcome::Verdict::busy:
      again(one.key.epoch, "busy");
      break;
    case StageOutcome::Verdict::full:
      again(one.key.epoch, "full");
      break;
    case StageOutcome::Verdict::wrong_offset:
      again(one.key.epoch, "gap");
      break;
    default:
      again(one.key.epoch, "failed");
      break;
  }
  return std::nullopt;
}

CentreLane::Complaint CentreLane::take(const InFlight& one, const StoreOutcome& outcome) {
  const bool is_there = outcome.verdict == Verdict::stored ||
                        outcome.verdict == Verdict::duplicate ||
                        outcome.verdict == Verdict::known ||
                        (outcome.verdict == Verdict::gap && outcome.cursor >= one.key.seq);
  if (is_there || outcome.verdict == Verdict::conflict) {
    settle(one.key, is_there ? v1::Settled::STORED : v1::Settled::CONFLICT, one);
    v1::Settled& settled = settled_.back();
    settled.set_stored_us(outcome.stored_us);
    settled.set_duplicate(outcome.verdict != Verdict::stored);
    return std::nullopt;
  }
  const bool is_gap = outcome.verdict == Verdict::gap;
  return fall_back(one, is_gap ? outcome.cursor : seq_unknown, code_of(outcome.verdict));
}

CentreLane::Complaint CentreLane::take(const InFlight& one, const TombstoneOutcome& outcome) {
  using Outcome = TombstoneOutcome::Verdict;
  if (outcome.verdict != Outcome::done)
    return fall_back(one, seq_unknown,
                     outcome.verdict == Outcome::busy   ? "busy"
                     : outcome.verdict == Outcome::full ? "full"
                                                        : "failed");
  if (outcome.cursor < one.key.seq) return fall_back(one, outcome.cursor, "gap");
  settle(one.key, one.refused_code.empty() ? v1::Settled::STORED : v1::Settled::NEVER, one);
  settled_.back().set_code(one.refused_code.empty() ? "void" : one.refused_code);
  settled_.back().set_text(one.refused_text);
  return std::nullopt;
}

// Only to what was answered here, also where the ledger is further: what stands there may be a
// verdict the box does not know. It sends again, and hears.
CentreLane::Complaint CentreLane::fall_back(const InFlight& one, std::uint64_t ledger_cursor,
                                            const std::string& code) {
  if (ledger_cursor < epochs_[one.key.epoch].committed) return "the ledger went back";
  again(one.key.epoch, code);
  return std::nullopt;
}

// Cumulative: a later `stored` of the same epoch replaces one that still waits to be written.
void CentreLane::settle(const RecordKey& key, v1::Settled::Verdict verdict, const InFlight& one) {
  Epoch& epoch = epochs_[key.epoch];
  epoch.committed = std::max(epoch.committed, key.seq);
  const bool replaces = !settled_.empty() && settled_.back().epoch() == key.epoch.value &&
                        settled_.back().verdict() == v1::Settled::STORED &&
                        verdict == v1::Settled::STORED;
  if (!replaces) settled_.emplace_back();
  v1::Settled& settled = settled_.back();
  settled.Clear();
  settled.set_epoch(key.epoch.value);
  settled.set_lane(static_cast<std::uint32_t>(lane_));
  settled.set_seq(verdict == v1::Settled::STORED ? epoch.committed : key.seq);
  settled.set_verdict(verdict);
  settled.set_alarm_id(std::string(one.id.view()));
}

void CentreLane::repeat(const CentreState::Verdict& verdict) {
  InFlight one;
  one.id = verdict.id;
  settle(verdict.key, verdict.is_conflict ? v1::Settled::CONFLICT : v1::Settled::NEVER, one);
  const std::size_t colon = verdict.reason.find(": ");
  settled_.back().set_code(verdict.reason.substr(0, colon));
  if (colon != std::string::npos) settled_.back().set_text(verdict.reason.substr(colon + 2));
}

void CentreLane::repeated(EpochId epoch) {
  settle({epoch, lane_, epochs_[epoch].committed}, v1::Settled::STORED, InFlight{});
}

// The box goes back to behind what is committed; what is in flight no longer counts, what arrives
// is let fall until then.
void CentreLane::again(EpochId id, const std::string& code) {
  for (auto& [epoch_id, epoch] : epochs_) epoch.expected = epoch.committed + 1;
  const Epoch& epoch = epochs_[id];
  ++generation_;
  if (open_ && !open_->discarded) return_credit(1, open_->bytes_used);
  open_.reset();
  rewind_to_ = RecordKey{id, lane_, epoch.committed + 1};
  v1::Settled settled;
  settled.set_epoch(id.value);
  settled.set_lane(static_cast<std::uint32_t>(lane_));
  settled.set_seq(epoch.committed);
  settled.set_verdict(v1::Settled::AGAIN);
  settled.set_code(code);
  settled_.push_back(std::move(settled));
}

bool CentreLane::take_settled(v1::Settled& settled) {
  if (settled_.empty()) return false;
  settled = std::move(settled_.front());
  settled_.pop_front();
  return true;
}

}  // namespace alarmwire::link
