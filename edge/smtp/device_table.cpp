#include "edge/smtp/device_table.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace alarmwire::smtp {
namespace {

bool is_blank(const Device& device) {
  return device.accepted == 0 && device.lost == 0 && device.last_error_us == 0;
}

std::string key_of(const std::string& address, KnownBy by, const std::string& name) {
  return by == KnownBy::user ? address + ' ' + name : address;
}

}  // namespace

void DeviceTable::restore(Device device) {
  if (entries_.size() >= devices_max) return;
  Entry entry;
  entry.device = std::move(device);
  entry.device.sessions = 0;
  std::string key = key_of(entry.device.address, entry.device.known_by, entry.device.name);
  entries_.try_emplace(std::move(key), std::move(entry));
}

Device& DeviceTable::heard(const std::string& address, const KnownDevice& known, WallTimeUs now) {
  const std::string key = key_of(address, known.by, known.name);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= devices_max) make_room();
    found = entries_.emplace(key, Entry{}).first;
    found->second.device.address = address;
  }
  Device& device = found->second.device;
  device.name = known.name.empty() ? address : known.name;
  device.known_by = known.by;
  device.mac = known.mac;
  device.last_heard_us = now;
  return device;
}

std::vector<Device> DeviceTable::all() const {
  std::vector<Device> devices;
  devices.reserve(entries_.size());
  std::set<std::string> with_user;
  for (const auto& [key, entry] : entries_) {
    if (entry.device.known_by == KnownBy::user) with_user.insert(entry.device.address);
  }
  for (const auto& [key, entry] : entries_) {
    const Device& device = entry.device;
    const bool only_users =
        device.known_by != KnownBy::user && is_blank(device) && with_user.contains(device.address);
    if (!only_users) devices.push_back(device);
  }
  std::sort(devices.begin(), devices.end(), [](const Device& a, const Device& b) {
    return std::tie(a.address, a.name) < std::tie(b.address, b.name);
  });
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

bool DeviceTable::may_advise(const Device& device, FindingId finding, SteadyTime now) {
  const auto found = entries_.find(device.address);
  if (found == entries_.end()) return false;
  const auto [last, fresh] = found->second.advised.try_emplace(finding, now);
  if (!fresh && now - last->second < advice_again) return false;
  last->second = now;
  return share_of_log(device, now).allowed;
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
