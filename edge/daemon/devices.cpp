#include "edge/daemon/devices.hpp"

#include <algorithm>

#include "edge/smtp/config.hpp"

namespace alarmwire::edge {
namespace {

Failure wrong(const std::string& what) {
  return {Errc::invalid_argument, what};
}

}  // namespace

Devices Devices::parse(config::Table& root, const smtp::Credentials& users) {
  Devices devices;
  for (config::Table& table : root.tables("device")) {
    smtp::DeviceEntry entry;
    entry.name = table.required_string("name");
    entry.network = table.string("address", "");
    entry.mac = table.string("mac", "");
    entry.user = table.string("user", "");
    entry.options = smtp::parse_device_options(table);
    if (devices.entries_.size() >= devices_max) {
      table.problem("name", "more than " + std::to_string(devices_max) + " devices");
      break;
    }
    if (entry.name.empty()) continue;
    if (!entry.user.empty() && !users.has(entry.user))
      table.problem("user", "there is no [[smtp.user]] called so");
    if (const Status added = devices.add(std::move(entry)); added.has_error())
      table.problem("name", added.error().diagnostics);
  }
  return devices;
}

Status Devices::add(smtp::DeviceEntry entry) {
  const std::size_t index = entries_.size();
  const auto network = smtp::Network::parse(entry.network);
  const auto mac = parse_mac(entry.mac);
  if (entry.network.empty() && entry.mac.empty() && entry.user.empty())
    return wrong("an address, a mac or a user is wanted, to know it by");
  if (!entry.network.empty() && !network)
    return wrong("\"" + entry.network + "\" is neither an address nor a network");
  if (!entry.mac.empty() && !mac)
    return wrong("\"" + entry.mac + "\" is no MAC, like 00:40:8c:12:34:56");
  if (mac && by_mac_.contains(*mac))
    return Failure(Errc::exists, "another device has the mac " + entry.mac);
  if (by_user_.contains(entry.user))
    return Failure(Errc::exists, "another device has the user " + entry.user);
  if (network) {
    const auto place = std::find_if(by_network_.begin(), by_network_.end(), [&](const auto& other) {
      return other.first.prefix_bits < network->prefix_bits;
    });
    by_network_.insert(place, {*network, index});
  }
  if (mac) {
    by_mac_[*mac] = index;
    entry.mac = to_string(*mac);
  }
  if (!entry.user.empty()) by_user_[entry.user] = index;
  entries_.push_back(std::move(entry));
  return {};
}

smtp::KnownDevice Devices::known(std::size_t index, smtp::KnownBy by) const {
  return {entries_[index].name, by, "", entries_[index].options};
}

smtp::KnownDevice Devices::find(const boost::asio::ip::address& address,
                                std::optional<Mac> mac) const {
  smtp::KnownDevice device;
  if (const auto by_mac = mac ? by_mac_.find(*mac) : by_mac_.end(); by_mac != by_mac_.end()) {
    device = known(by_mac->second, smtp::KnownBy::mac);
  } else if (const auto bytes = smtp::parse_address(address.to_string())) {
    const auto found = std::find_if(by_network_.begin(), by_network_.end(), [&](const auto& entry) {
      return entry.first.contains(*bytes);
    });
    if (found != by_network_.end()) device = known(found->second, smtp::KnownBy::network);
  }
  if (mac) device.mac = to_string(*mac);
  return device;
}

std::optional<smtp::KnownDevice> Devices::of_user(const std::string& user) const {
  const auto found = by_user_.find(user);
  if (found == by_user_.end()) return {};
  return known(found->second, smtp::KnownBy::user);
}

}  // namespace alarmwire::edge
