// What the door remembers over a restart: its devices with their counters, and their last
// dialogues, in one state file.
//
// Promises: the file is the old or the new one, whole. It is written when the door stops, and
// meanwhile after a pause in which something changed, so seldom that flash lasts: a power cut
// forgets that pause. A file that cannot be read is told and begun anew; it never keeps the door
// shut. It holds nothing that `alarmwire device dialogue` would not show.
// Thread-safety: the door's one thread; the disk is waited for on another.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "edge/smtp/config.hpp"
#include "edge/smtp/device_table.hpp"
#include "edge/smtp/dialogue_book.hpp"

namespace alarmwire::smtp {

inline constexpr std::uint64_t memory_bytes_per_day = 64 * 1024 * 1024;  // larger files wait longer
inline constexpr std::size_t remembered_error_bytes_max = 512;

// How long to wait at least after a file of this size was written.
std::chrono::milliseconds memory_pause(std::size_t bytes);

std::string write_memory(const DeviceTable& devices, const DialogueBook& dialogues);
// Into what is empty still. A failure where the text is no memory; a part that makes no sense is
// left out.
Status read_memory(std::string_view text, DeviceTable& devices, DialogueBook& dialogues);

class DoorMemory {
 public:
  // Without a file nothing is remembered.
  explicit DoorMemory(MemoryConfig config) : config_(std::move(config)) {}

  void load(DeviceTable& devices, DialogueBook& dialogues);
  // Begins to write where something has changed; returns how long to wait until the next time.
  std::chrono::milliseconds save(const DeviceTable& devices, const DialogueBook& dialogues);
  void wait();  // until what was begun is on the disk

 private:
  MemoryConfig config_;
  std::size_t written_ = 0;  // hash of the text
  std::future<void> writing_;
};

}  // namespace alarmwire::smtp
