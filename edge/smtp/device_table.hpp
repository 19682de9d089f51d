// What the door remembers of each device: counters, last mail, last error, quirks. A device is an
// address; and where a user of its own has proven himself there, this address with that device.
//
// Bounded: devices_max entries; the one heard of longest ago makes room, never one with a session.
// A reference stays valid while the device has a session.
// Thread-safety: the door's one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/clock.hpp"
#include "edge/smtp/diagnosis.hpp"
#include "edge/smtp/identity.hpp"
#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t devices_max = 4096;
inline constexpr std::size_t remarks_per_minute_max = 30;  // log entries one device may cause
// Guessing passwords is slow, and nobody is ever locked out: after a wrong one each answer to AUTH
// waits, first this long, doubled with every further one up to the most.
inline constexpr std::chrono::milliseconds auth_delay_first{1000};
inline constexpr std::chrono::milliseconds auth_delay_max{5000};
inline constexpr std::chrono::minutes auth_memory{10};  // after the last wrong one

inline constexpr std::chrono::hours advice_again{1};  // the same finding of the same device

struct Device {
  std::string address;
  std::string name;  // the address where nobody knows it
  KnownBy known_by = KnownBy::nothing;
  std::string mac;  // when last heard
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
  // The device of this address, and of this name where a user told it, made if need be; who it is
  // is set anew.
  Device& heard(const std::string& address, const KnownDevice& known, WallTimeUs now);
  // One that was heard before this table was made; nothing where it is full.
  void restore(Device device);
  // By address and name. An address where nothing but proven users came is shown under them only.
  std::vector<Device> all() const;

  struct Share {
    bool allowed = true;
    std::size_t dropped_before = 0;  // in the minute that has ended; told once
  };
  // May this device cause one more log entry?
  Share share_of_log(const Device& device, SteadyTime now);

  // Once an hour for each finding, and within the device's share of the log.
  bool may_advise(const Device& device, FindingId finding, SteadyTime now);

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
    std::map<FindingId, SteadyTime> advised;
  };
  void make_room();
  std::unordered_map<std::string, Entry> entries_;  // by address, or address and name
};

}  // namespace alarmwire::smtp
