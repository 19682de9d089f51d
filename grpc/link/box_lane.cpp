#include "grpc/link/box_lane.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::link {

namespace {

constexpr std::size_t fetches_outstanding_max = 16;
constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr int mismatch_immediate_tries = mismatches_before_verify - 1;

// What does not fit is handed over again.
void bound_receipted(std::vector<std::string>& outlets) {
  std::erase_if(outlets, [](const std::string& outlet) {
    return outlet.empty() || outlet.size() > outlet_name_bytes_max;
  });
  if (outlets.size() > receipted_outlets_max) outlets.resize(receipted_outlets_max);
}

std::chrono::milliseconds backoff(int tries) {
  const int doublings = std::clamp(tries, 0, 10);
  return std::min(again_backoff_min * (1 << doublings), again_backoff_max);
}

}  // namespace

void BoxLane::add_range(const HeldRange& range) {
  Epoch epoch;
  epoch.held = range;
  epochs_.push_back(epoch);
}

void BoxLane::set_cursor(const v1::Cursor& cursor, Actions& actions) {
  const EpochId id{cursor.epoch()};
  const std::uint64_t seq = cursor.seq();
  Epoch* epoch = find_epoch(id);
  if (epoch == nullptr) {
    unlisted_cursors_[id] = seq;
    return;
  }
  epoch->cursor = seq;
  epoch->sent = std::max(epoch->sent, seq);
  // Verdicts that were not heard, or not kept, come again right behind the Welcome: until then the
  // rows from the first of them on count as waiting.
  const bool has_verdicts = cursor.first_verdict() > 0;
  epoch->told = has_verdicts ? std::min(cursor.first_verdict() - 1, seq) : seq;
  // The centre may be ahead of us: an acknowledgement was lost, or our spool is an older copy.
  if (epoch->told >= epoch->held.first_unsettled && epoch->held.last > 0) {
    box_action::Settled settled;
    settled.epoch = id;
    settled.lane = lane_;
    settled.up_to = std::min(epoch->told, epoch->held.last);
    actions.emplace_back(std::move(settled));
  }
}

void BoxLane::set_staged(const v1::Staged& staged) {
  const RecordKey key{EpochId{staged.epoch()}, lane_, staged.seq()};
  if (find_epoch(key.epoch) != nullptr) staged_[key] = {staged.offset(), staged.hash()};
}

void BoxLane::add_credit(const v1::Credit& credit) {
  credit_records_ += credit.records();
  credit_bytes_ += credit.bytes();
}

void BoxLane::begin() {
  at_epoch_ = 0;
  next_seq_ = epochs_.empty() ? 0 : epochs_.front().cursor + 1;
}

BoxLane::Epoch* BoxLane::find_epoch(EpochId id) {
  const auto found = std::find_if(epochs_.begin(), epochs_.end(),
                                  [&](const Epoch& epoch) { return epoch.held.epoch == id; });
  return found == epochs_.end() ? nullptr : &*found;
}

BoxLane::Slot* BoxLane::find_slot(const RecordKey& key) {
  const auto found =
      std::find_if(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.key == key; });
  return found == slots_.end() ? nullptr : &*found;
}

void BoxLane::on_record(const RecordKey& key) {
  Epoch* epoch = find_epoch(key.epoch);
  if (epoch == nullptr) {
    add_range({key.epoch, lane_, key.seq, key.seq, 0});
    epoch = &epochs_.back();
    const auto known = unlisted_cursors_.find(key.epoch);
    if (known != unlisted_cursors_.end()) epoch->cursor = epoch->sent = epoch->told = known->second;
    if (epochs_.size() == 1) begin();
  }
  if (epoch->held.first_held == 0) epoch->held.first_held = key.seq;
  epoch->held.last = std::max(epoch->held.last, key.seq);
}

bool BoxLane::is_replayed(const RecordKey& key) {
  const Epoch* epoch = find_epoch(key.epoch);
  return epoch != nullptr && key.seq < epoch->held.first_unsettled;
}

// --- fetching ---

bool BoxLane::push_next_slot(Actions& actions) {
  while (at_epoch_ < epochs_.size() && next_seq_ > epochs_[at_epoch_].held.last) {
    if (at_epoch_ + 1 == epochs_.size()) return false;
    ++at_epoch_;
    next_seq_ = epochs_[at_epoch_].cursor + 1;
  }
  if (at_epoch_ == epochs_.size()) return false;
  const HeldRange& held = epochs_[at_epoch_].held;
  Slot slot;
  slot.key = {held.epoch, lane_, next_seq_};
  slot.last_seq = next_seq_;
  if (held.first_held == 0 || next_seq_ < held.first_held) {
    slot.last_seq = held.first_held == 0 ? held.last : held.first_held - 1;
    lose(slot, "not-held", actions);
  } else if (unreadable_.contains(slot.key)) {
    slot.state = Slot::State::lost;
    slot.reason = "unreadable";
  } else {
    actions.emplace_back(box_action::Fetch{slot.key, head_bytes_max});
    ++fetches_outstanding_;
  }
  next_seq_ = slot.last_seq + 1;
  slots_.push_back(std::move(slot));
  return true;
}

void BoxLane::fetch_ahead(Now now, Actions& actions) {
  if (now.steady >= hold_until_) hold_until_ = SteadyTime{};
  std::size_t bytes = 0;
  for (Slot& slot : slots_) {
    bytes += slot.record.head.size();
    if (slot.state != Slot::State::waiting || now.steady < slot.retry_at) continue;
    slot.body_asked = false;
    if (slot.opened) {
      slot.state = Slot::State::ready;
    } else {
      slot.state = Slot::State::fetching;
      slot.offset = 0;  // fetched anew, from the head
      actions.emplace_back(box_action::Fetch{slot.key, head_bytes_max});
      ++fetches_outstanding_;
    }
  }
  if (!again_verifying_) {
    while (slots_.size() < fetch_ahead_records_max && bytes < fetch_ahead_bytes_max &&
           fetches_outstanding_ < fetches_outstanding_max && push_next_slot(actions)) {
    }
  }
  fetch_body(actions);
}

// The front record's bytes beyond its head, one piece ahead of what is being sent.
void BoxLane::fetch_body(Actions& actions) {
  if (slots_.empty()) return;
  Slot& slot = slots_.front();
  if (slot.state != Slot::State::ready || slot.body_asked || is_too_large(slot)) return;
  const std::uint64_t have = slot.offset + slot.record.head.size();
  if (have >= slot.record.header.size || slot.record.head.size() > head_bytes_max) return;
  slot.body_asked = true;
  actions.emplace_back(box_action::FetchBody{slot.key, have, chunk_data_bytes_max});
}

void BoxLane::lose(Slot& slot, const std::string& reason, Actions& actions) {
  slot.state = Slot::State::lost;
  slot.reason = reason;
  slot.record.head.clear();
  if (reason != "unreadable") return;
  unreadable_.insert(slot.key);
  actions.emplace_back(box_action::Park{slot.key, reason});
}

void BoxLane::on_fetched(const RecordKey& key, FetchResult result, FetchedRecord record, Now now,
                         Actions& actions) {
  if (fetches_outstanding_ > 0) --fetches_outstanding_;
  Slot* slot = find_slot(key);
  if (slot == nullptr || slot->state != Slot::State::fetching) return;
  switch (result) {
    case FetchResult::ok: {
      slot->record = std::move(record);
      bound_receipted(slot->record.receipted);
      slot->state = Slot::State::ready;
      const auto staged = staged_.find(key);
      if (staged == staged_.end()) break;
      const auto [offset, hash] = staged->second;
      staged_.erase(staged);  // only for the first try: after `again` it begins anew
      if (hash != view(slot->record.header.hash) || offset > slot->record.header.size) break;
      slot->offset = offset;
      slot->record.head.erase(
          0, static_cast<std::size_t>(std::min<std::uint64_t>(offset, slot->record.head.size())));
      break;
    }
    case FetchResult::not_held:
      lose(*slot, "not-held", actions);
      break;
    case FetchResult::unreadable:
      slot->state = Slot::State::verifying;
      actions.emplace_back(box_action::Verify{key});
      break;
    case FetchResult::failed:
      slot->state = Slot::State::waiting;
      slot->retry_at = now.steady + backoff(slot->tries++);
      break;
  }
}

void BoxLane::on_body(const RecordKey& key, std::uint64_t offset, FetchResult result,
                      std::string bytes, Now now, Actions& actions) {
  if (slots_.empty() || slots_.front().key != key) return;
  Slot& slot = slots_.front();
  if (slot.state != Slot::State::ready || !slot.body_asked ||
      offset != slot.offset + slot.record.head.size()) {
    return;
  }
  slot.body_asked = false;
  if (result == FetchResult::ok && !bytes.empty() &&
      bytes.size() <= slot.record.header.size - offset) {
    slot.record.head += bytes;
    slot.tries = 0;
  } else if (result == FetchResult::failed) {
    slot.state = Slot::State::waiting;
    slot.retry_at = now.steady + backoff(slot.tries++);
  } else {
    slot.state = Slot::State::verifying;
    actions.emplace_back(box_action::Verify{key});
  }
}

void BoxLane::on_verified(const RecordKey& key, FetchResult result, Now now, Actions& actions) {
  if (again_verifying_ && again_key_ == key) {
    again_verifying_ = false;
    if (result == FetchResult::unreadable) {
      Slot slot;
      slot.key = key;
      slot.last_seq = key.seq;
      lose(slot, "unreadable", actions);  // known from here on: its slot will be lost
    } else {
      actions.emplace_back(
          box_action::Fault{"record-mismatch", key.to_string(),
                            "The centre says a record arrives damaged, yet it is sound here"});
      hold(now);
    }
    return;
  }
  Slot* slot = find_slot(key);
  if (slot == nullptr || slot->state != Slot::State::verifying) return;
  if (result == FetchResult::unreadable || result == FetchResult::not_held) {
    lose(*slot, result == FetchResult::unreadable ? "unreadable" : "not-held", actions);
    return;
  }
  slot->state = Slot::State::waiting;
  slot->retry_at = now.steady + backoff(slot->tries++);
}

// --- settling ---

bool BoxLane::on_settled(const v1::Settled& settled, Now now, Actions& actions) {
  Epoch* epoch = find_epoch(EpochId{settled.epoch()});
  if (epoch == nullptr) return false;
  std::uint64_t sent = epoch->sent;
  if (is_mid_record() && slots_.front().key.epoch == epoch->held.epoch) {
    sent = std::max(sent, slots_.front().key.seq);
  }
  if (settled.seq() > sent) return false;
  const bool refused =
      settled.verdict() == v1::Settled::NEVER || settled.verdict() == v1::Settled::CONFLICT;
  if (refused) refuse(*epoch, settled, actions);
  advance(*epoch, settled, actions);
  if (settled.verdict() == v1::Settled::AGAIN) rewind(settled, now, actions);
  return true;
}

// The one record the verdict is about; those before it are stored.
void BoxLane::refuse(const Epoch& epoch, const v1::Settled& settled, Actions& actions) {
  const RecordKey key{EpochId{settled.epoch()}, lane_, settled.seq()};
  bool parked = false;
  const auto sent = std::find_if(in_flight_.begin(), in_flight_.end(),
                                 [&](const InFlight& one) { return one.key == key; });
  if (sent != in_flight_.end()) {
    parked = sent->parked;
    sent->lost = true;  // not among the stored
  } else if (const Slot* slot = find_slot(key)) {
    parked = slot->record.parked;
  } else if (key.seq <= epoch.told) {
    return;  // the spool knows
  }
  if (parked) return;  // known and shown already
  if (settled.verdict() == v1::Settled::CONFLICT)
    actions.emplace_back(box_action::Reenter{key});
  else
    actions.emplace_back(box_action::Park{key, settled.code() + ": " + settled.text()});
}

void BoxLane::advance(Epoch& epoch, const v1::Settled& settled, Actions& actions) {
  const std::uint64_t seq = settled.seq();
  epoch.sent = std::max(epoch.sent, seq);  // it may have been refused in mid-record
  box_action::Settled action;
  while (!in_flight_.empty() && in_flight_.front().key.epoch == epoch.held.epoch &&
         in_flight_.front().last_seq <= seq) {
    const InFlight& one = in_flight_.front();
    if (!one.lost) {
      action.stored.push_back(one.key);
      action.ids.push_back(one.id);
    }
    unreadable_.erase(one.key);
    in_flight_.pop_front();
  }
  while (!slots_.empty() && slots_.front().key.epoch == epoch.held.epoch &&
         slots_.front().last_seq <= seq) {
    slots_.pop_front();
  }
  if (at_epoch_ < epochs_.size() && &epochs_[at_epoch_] == &epoch) {
    next_seq_ = std::max(next_seq_, seq + 1);
  }
  epoch.cursor = std::max(epoch.cursor, seq);
  if (seq <= epoch.told) return;
  epoch.told = seq;
  if (again_key_.epoch == epoch.held.epoch && again_key_.seq <= seq) again_tries_ = 0;
  action.epoch = epoch.held.epoch;
  action.lane = lane_;
  action.up_to = std::min(seq, epoch.held.last);  // our spool may be an older copy
  action.stored_us = settled.stored_us();
  actions.emplace_back(std::move(action));
}

void BoxLane::rewind(const v1::Settled& settled, Now now, Actions& actions) {
  const EpochId epoch{settled.epoch()};
  at_epoch_ = static_cast<std::size_t>(find_epoch(epoch) - epochs_.data());
  next_seq_ = epochs_[at_epoch_].cursor + 1;
  slots_.clear();
  in_flight_.clear();
  const RecordKey key{epoch, lane_, next_seq_};
  if (again_key_ != key) again_tries_ = 0;
  again_key_ = key;
  ++again_tries_;
  if (settled.code() != "hash-mismatch") {
    if (settled.code() != "gap" || again_tries_ > mismatch_immediate_tries) hold(now);
    return;
  }
  if (again_tries_ == mismatches_before_verify) {
    again_verifying_ = true;
    actions.emplace_back(box_action::Verify{key});
  } else if (again_tries_ > mismatches_before_verify) {
    hold(now);
  }
}

void BoxLane::hold(Now now) {
  hold_until_ = now.steady + backoff(again_tries_ - 1);
}

bool BoxLane::is_all_settled() const {
  return std::all_of(epochs_.begin(), epochs_.end(),
                     [](const Epoch& epoch) { return epoch.told >= epoch.held.last; });
}

SteadyTime BoxLane::deadline() const {
  SteadyTime first = SteadyTime::max();
  for (const Slot& slot : slots_) {
    if (slot.state == Slot::State::waiting) first = std::min(first, slot.retry_at);
  }
  if (hold_until_ != SteadyTime{} && !slots_.empty()) first = std::min(first, hold_until_);
  return first;
}

}  // namespace alarmwire::link
