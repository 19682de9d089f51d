// What a box's lane puts into its next frame.
#include <algorithm>
#include <optional>
#include <utility>

#include "grpc/link/box_lane.hpp"
#include "grpc/link/packing.hpp"

namespace alarmwire::link {

bool BoxLane::is_too_large(const Slot& slot) const {
  return slot.record.header.size > record_bytes_max_;
}

// Within an epoch records are in flight side by side; the next epoch begins when the older one is
// settled, so that `again` can never let it overtake.
bool BoxLane::waits_for_older_epoch() const {
  return !in_flight_.empty() && in_flight_.back().key.epoch != slots_.front().key.epoch;
}

std::size_t BoxLane::next_data_bytes(const Slot& slot) const {
  std::size_t room = chunk_data_bytes_max;
  if (!slot.opened) {
    room -= slot.record.header.envelope.size();
    for (const std::string& outlet : slot.record.receipted) room -= outlet.size() + 2;
  }
  return std::min({room, slot.record.head.size(), frame_data_bytes_max_});
}

std::size_t BoxLane::frame_bytes(Now now, bool may_open) const {
  if (slots_.empty() || now.steady < hold_until_ || again_verifying_) return 0;
  const Slot& slot = slots_.front();
  if (slot.state == Slot::State::lost) {
    const bool may_go = slot.opened || (may_open && !waits_for_older_epoch());
    return may_go && credit_records_ > 0 ? 1 : 0;
  }
  if (slot.state != Slot::State::ready) return 0;
  const std::size_t data = is_too_large(slot) ? 0 : next_data_bytes(slot);
  if (slot.opened) {
    // Half-full chunks only at the end: the rest is on its way from the disk.
    const bool is_rest = slot.offset + data == slot.record.header.size;
    if (data == 0 || (data < frame_data_bytes_max_ && !is_rest)) return 0;
    return credit_bytes_ >= data ? data : 0;
  }
  if (!may_open || credit_records_ == 0 || waits_for_older_epoch()) return 0;
  const bool lacks_bytes = data == 0 && slot.offset < slot.record.header.size;
  if (lacks_bytes && !is_too_large(slot)) return 0;
  const std::size_t cost = data + slot.record.header.envelope.size();
  return credit_bytes_ >= cost ? std::max<std::size_t>(cost, 1) : 0;
}

void BoxLane::take_frame(v1::BoxFrame& frame, Actions& actions) {
  Slot& slot = slots_.front();
  if (slot.state == Slot::State::lost) {
    take_void(frame);
    return;
  }
  if (slot.opened) {
    take_chunk(slot, frame);
  } else {
    take_record(slot, frame);
  }
  if (slot.offset == slot.record.header.size || is_too_large(slot)) finish_front(actions);
}

// The next `count` bytes go into a frame, packed if that pays.
template <typename Message>
void BoxLane::put_data(Slot& slot, std::size_t count, Message& message) {
  std::string& head = slot.record.head;
  const std::string_view data = std::string_view(head).substr(0, count);
  std::optional<std::string> packed = packs_ ? pack(data) : std::nullopt;
  if (packed) {
    message.set_unpacked_size(static_cast<std::uint32_t>(count));
    message.set_data(std::move(*packed));
  } else {
    message.set_data(std::string(data));
  }
  head.erase(0, count);
  slot.offset += count;
}

void BoxLane::take_record(Slot& slot, v1::BoxFrame& frame) {
  const RecordHeader& header = slot.record.header;
  const std::size_t data = is_too_large(slot) ? 0 : next_data_bytes(slot);
  v1::Record& record = *frame.mutable_record();
  record.set_epoch(slot.key.epoch.value);
  record.set_lane(static_cast<std::uint32_t>(lane_));
  record.set_seq(slot.key.seq);
  record.set_alarm_id(std::string(header.id.view()));
  record.set_hash(std::string(view(header.hash)));
  record.set_envelope(header.envelope);
  record.set_size(header.size);
  record.set_offset(slot.offset);
  put_data(slot, data, record);
  record.set_accepted_us(header.accepted_us);
  record.set_spooled_us(header.spooled_us);
  record.set_repeats(header.repeats);
  record.set_replayed(is_replayed(slot.key));
  for (std::string& outlet : slot.record.receipted) record.add_receipted(std::move(outlet));
  slot.record.receipted.clear();
  slot.opened = true;
  credit_records_ -= 1;
  credit_bytes_ -= data + header.envelope.size();
}

void BoxLane::take_chunk(Slot& slot, v1::BoxFrame& frame) {
  const std::size_t data = next_data_bytes(slot);
  v1::Chunk& chunk = *frame.mutable_chunk();
  chunk.set_lane(static_cast<std::uint32_t>(lane_));
  chunk.set_offset(slot.offset);
  put_data(slot, data, chunk);
  credit_bytes_ -= data;
}

// Neighbours lost for the same reason go as one range.
void BoxLane::take_void(v1::BoxFrame& frame) {
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  while (!slots_.empty() && slots_.front().state == Slot::State::lost &&
         slots_.front().reason == slot.reason && slots_.front().key.epoch == slot.key.epoch) {
    slot.last_seq = slots_.front().last_seq;
    slots_.pop_front();
  }
  v1::Void& gone = *frame.mutable_void_();
  gone.set_epoch(slot.key.epoch.value);
  gone.set_lane(static_cast<std::uint32_t>(lane_));
  gone.set_first_seq(slot.key.seq);
  gone.set_last_seq(slot.last_seq);
  gone.set_reason(slot.reason);
  if (slot.record.header.id != AlarmId{} && slot.last_seq == slot.key.seq) {
    gone.set_alarm_id(std::string(slot.record.header.id.view()));
  }
  credit_records_ -= 1;
  Epoch* epoch = find_epoch(slot.key.epoch);
  epoch->sent = std::max(epoch->sent, slot.last_seq);
  in_flight_.push_back({slot.key, slot.last_seq, slot.record.header.id, false, true});
}

void BoxLane::finish_front(Actions& actions) {
  const Slot& slot = slots_.front();
  Epoch* epoch = find_epoch(slot.key.epoch);
  epoch->sent = std::max(epoch->sent, slot.key.seq);
  const AlarmId id = slot.record.header.id;
  in_flight_.push_back({slot.key, slot.key.seq, id, slot.record.parked, false});
  actions.emplace_back(box_action::Sent{slot.key, id});
  slots_.pop_front();
}

}  // namespace alarmwire::link
