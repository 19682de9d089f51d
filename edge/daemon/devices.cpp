#include "edge/daemon/devices.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::edge {

Devices Devices::parse(config::Table& root) {
  Devices devices;
  for (config::Table& table : root.tables("device")) {
    const std::string name = table.required_string("name");
    const std::string address = table.required_string("address");
    const smtp::DeviceOptions options = smtp::parse_device_options(table);
    if (devices.size() >= devices_max) {
      table.problem("name", "more than " + std::to_string(devices_max) + " devices");
      break;
    }
    if (name.empty() || address.empty()) continue;
    if (const Status added = devices.add(name, address, options); added.has_error())
      table.problem("address", added.error().diagnostics);
  }
  return devices;
}

Status Devices::add(std::string name, const std::string& network,
                    const smtp::DeviceOptions& options) {
  const std::optional<smtp::Network> parsed = smtp::Network::parse(network);
  if (!parsed)
    return Failure(Errc::invalid_argument,
                   "\"" + network + "\" is neither an address nor a network");
  const auto place = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) {
    return other.network.prefix_bits < parsed->prefix_bits;
  });
  entries_.insert(place, Entry{{std::move(name), options}, *parsed});
  return {};
}

smtp::KnownDevice Devices::find(const boost::asio::ip::address& address) const {
  const std::optional<smtp::AddressBytes> bytes = smtp::parse_address(address.to_string());
  if (!bytes) return {};
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.network.contains(*bytes);
  });
  return found != entries_.end() ? found->device : smtp::KnownDevice{};
}

}  // namespace alarmwire::edge
