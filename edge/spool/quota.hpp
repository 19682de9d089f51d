// The spool's own account of its space (design 5.2): who is let in, and when "full" begins and
// ends.
//
// Sans-io: the numbers are passed in. Thread-safety: one thread at a time.
#pragma once

#include <cstdint>

#include "common/ids.hpp"

namespace alarmwire::spool {

class Quota {
 public:
  explicit Quota(std::uint64_t bytes) : bytes_(bytes) {}
  void set(std::uint64_t bytes) { bytes_ = bytes; }
  std::uint64_t bytes() const { return bytes_; }

  // Bytes of the file that a row with this payload takes at most.
  static std::uint64_t cost(std::uint64_t payload_bytes);
  // The last tenth is for alarms and the box's own faults.
  std::uint64_t limit(Lane lane) const;
  bool admits(Lane lane, std::uint64_t used_bytes, std::uint64_t cost_bytes) const;
  // Settled rows should go in the background from here on, so that no alarm waits for it …
  bool is_tight(std::uint64_t used_bytes) const { return used_bytes > bytes_ / 100 * 85; }
  // … down to here.
  bool is_relaxed(std::uint64_t used_bytes) const { return used_bytes <= bytes_ / 100 * 80; }
  // Room enough to say that "full" is over: routine is taken again.
  bool has_room_back(std::uint64_t used_bytes) const { return used_bytes <= bytes_ / 100 * 88; }

 private:
  std::uint64_t bytes_;
};

// The fault "spool-full": raised once, ended once.
class FullState {
 public:
  enum class Cause : std::uint8_t { quota, disk };
  // True: raise the fault now.
  bool refused(Cause cause);
  // A write came through. True: the fault is over.
  bool wrote(bool quota_has_room, bool disk_has_room);
  bool is_full() const { return is_quota_full_ || is_disk_full_; }
  bool is_disk_full() const { return is_disk_full_; }

 private:
  bool is_quota_full_ = false;
  bool is_disk_full_ = false;
};

}  // namespace alarmwire::spool
