// The last dialogues of each device, for `alarmwire device dialogue`: a few with trouble and a few
// without, so that a camera's thousand good mails do not push out the one that failed.
//
// Bounded per device and in all; the oldest goes first. Thread-safety: the door's one thread.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "edge/smtp/dialogue_log.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t dialogues_with_trouble_max = 4;  // of one device
inline constexpr std::size_t dialogues_without_max = 2;
inline constexpr std::size_t dialogues_bytes_max = 4 * 1024 * 1024;  // of all devices

class DialogueBook {
 public:
  void keep(Dialogue dialogue);
  // Of the devices with this name or at this address, oldest first.
  std::vector<Dialogue> of(std::string_view device) const;
  const std::list<Dialogue>& all() const { return kept_; }  // oldest first
  std::size_t bytes() const { return bytes_; }

 private:
  using Kept = std::list<Dialogue>;
  void drop(Kept::iterator dialogue);
  Kept kept_;  // oldest first
  std::unordered_map<std::string, std::vector<Kept::iterator>> by_device_;
  std::size_t bytes_ = 0;
};

}  // namespace alarmwire::smtp
