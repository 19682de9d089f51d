#include "edge/smtp/device_table.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::smtp {

Device& DeviceTable::heard(const std::string& address, std::string name, WallTimeUs now) {
  auto found = entries_.find(address);
  if (found == entries_.end()) {
    if (entries_.size() >= devices_max) make_room();
    found = entries_.emplace(address, Entry{}).first;
    found->second.device.address = address;
  }
  Device& device = found->second.device;
  device.name = std::move(name);
  device.last_heard_us = now;
  return device;
}

std::vector<Device> DeviceTable::all() const {
  std::vector<Device> devices;
  devices.reserve(entries_.size());
  for (const auto& [address, entry] : entries_) devices.push_back(entry.device);
  std::sort(devices.begin(), devices.end(),
            [](const Device& a, const Device& b) { return a.address < b.address; });
  return devices;
}

DeviceTable::Share DeviceTable::share_of_log(const Device& device, SteadyTime now) {
  const auto found = entries_.find(device.address);
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  Share share;
  if (now - entry.minute_began >= std::chrono::minutes(1)) {
    if (entry.remarks > remarks_per_minute_max) {
      share.dropped_before = entry.remarks - remarks_per_minute_max;
    }
    entry.minute_began = now;
    entry.remarks = 0;
  }
  share.allowed = ++entry.remarks <= remarks_per_minute_max;
  return share;
}

std::chrono::milliseconds DeviceTable::auth_delay(const Device& device, bool right,
                                                  SteadyTime now) {
  const auto found = entries_.find(device.address);
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  if (now - entry.last_wrong >= auth_memory) entry.wrong_passwords = 0;
  if (!right) {
    ++entry.wrong_passwords;
    entry.last_wrong = now;
  }
  std::chrono::milliseconds delay{0};
  for (std::size_t i = 0; i < entry.wrong_passwords && delay < auth_delay_max; ++i) {
    delay = std::max(auth_delay_first, 2 * delay);
  }
  return std::min(delay, auth_delay_max);
}

void DeviceTable::make_room() {
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.device.sessions > 0) continue;
    if (oldest == entries_.end() ||
        at->second.device.last_heard_us < oldest->second.device.last_heard_us) {
      oldest = at;
    }
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

}  // namespace alarmwire::smtp
