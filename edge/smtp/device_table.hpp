// What the door remembers of each device, by its address: counters, last mail, last error, quirks.
//
// Bounded: devices_max entries; the one heard of longest ago makes room, never one with a session.
// A reference stays valid while the device has a session.
// Thread-safety: the door's one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/clock.hpp"
#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t devices_max = 4096;
inline constexpr std::size_t remarks_per_minute_max = 30;  // log entries one device may cause
// Guessing passwords is slow, and nobody is ever locked out: after a wrong one each answer to AUTH
// waits, first this long, doubled with every further one up to the most.
inline constexpr std::chrono::milliseconds auth_delay_first{1000};
inline constexpr std::chrono::milliseconds auth_delay_max{5000};
inline constexpr std::chrono::minutes auth_memory{10};  // after the last wrong one

struct Device {
  std::string address;
  std::string name;
  std::size_t sessions = 0;
  std::uint64_t accepted = 0;
  std::uint64_t lost = 0;
  std::uint64_t refused_sessions = 0;
  WallTimeUs last_heard_us = 0;
  WallTimeUs last_mail_us = 0;  // accepted
  WallTimeUs last_error_us = 0;
  std::string last_error;
  QuirkSet quirks;
};

class DeviceTable {
 public:
  // The device of this address, made if need be; its name is set anew.
  Device& heard(const std::string& address, std::string name, WallTimeUs now);
  std::vector<Device> all() const;

  struct Share {
    bool allowed = true;
    std::size_t dropped_before = 0;  // in the minute that has ended; told once
  };
  // May this device cause one more log entry?
  Share share_of_log(const Device& device, SteadyTime now);

  // How long the answer to this device's AUTH waits, also to a right one: else who hangs up at once
  // when none comes would guess faster.
  std::chrono::milliseconds auth_delay(const Device& device, bool right, SteadyTime now);

 private:
  struct Entry {
    Device device;
    SteadyTime minute_began{};
    std::size_t remarks = 0;
    std::size_t wrong_passwords = 0;
    SteadyTime last_wrong{};
  };
  void make_room();
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace alarmwire::smtp
