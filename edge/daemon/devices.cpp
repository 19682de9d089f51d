#include "edge/daemon/devices.hpp"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <utility>

namespace alarmwire::edge {

namespace ip = boost::asio::ip;

namespace {

template <typename Entry>
void insert_narrowest_first(std::vector<Entry>& entries, Entry entry) {
  const auto place = std::find_if(entries.begin(), entries.end(), [&](const Entry& other) {
    return other.network.prefix_length() < entry.network.prefix_length();
  });
  entries.insert(place, std::move(entry));
}

bool holds(const ip::network_v4& network, const ip::address_v4& address) {
  return ip::network_v4(address, network.prefix_length()).network() == network.network();
}

bool holds(const ip::network_v6& network, const ip::address_v6& address) {
  return ip::network_v6(address, network.prefix_length()).network() == network.network();
}

template <typename Entry, typename Address>
std::string find(const std::vector<Entry>& entries, const Address& address) {
  for (const Entry& entry : entries)
    if (holds(entry.network, address)) return entry.name;
  return address.to_string();
}

}  // namespace

Devices Devices::parse(config::Table& root) {
  Devices devices;
  for (config::Table& table : root.tables("device")) {
    const std::string name = table.required_string("name");
    const std::string address = table.required_string("address");
    if (devices.size() >= devices_max) {
      table.problem("name", "more than " + std::to_string(devices_max) + " devices");
      break;
    }
    if (name.empty() || address.empty()) continue;
    if (const Status added = devices.add(name, address); added.has_error())
      table.problem("address", added.error().diagnostics);
  }
  return devices;
}

Status Devices::add(std::string name, const std::string& network) {
  boost::system::error_code error;
  const bool single = network.find('/') == std::string::npos;
  if (const ip::network_v4 v4 = ip::make_network_v4(single ? network + "/32" : network, error);
      !error) {
    insert_narrowest_first(v4_, V4{std::move(name), v4});
    return {};
  }
  if (const ip::network_v6 v6 = ip::make_network_v6(single ? network + "/128" : network, error);
      !error) {
    insert_narrowest_first(v6_, V6{std::move(name), v6});
    return {};
  }
  return Failure(Errc::invalid_argument, "\"" + network + "\" is neither an address nor a network");
}

std::string Devices::name_of(const ip::address& address) const {
  if (address.is_v4()) return find(v4_, address.to_v4());
  const ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return find(v4_, ip::make_address_v4(ip::v4_mapped, v6));
  return find(v6_, v6);
}

}  // namespace alarmwire::edge
