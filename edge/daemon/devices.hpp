// Who is speaking: from an address to a device's name and its switches at the door, by the
// [[device]] tables of the configuration. Thread-safety: immutable after construction.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "edge/smtp/listener_asio.hpp"
#include "edge/smtp/network.hpp"

namespace alarmwire::edge {

inline constexpr std::size_t devices_max = 10'000;

class Devices {
 public:
  Devices() = default;
  static Devices parse(
      config::Table& root);  // [[device]] name, address = "192.0.2.7" or "192.0.2.0/28"

  // Errc::invalid_argument: neither an address nor a network.
  Status add(std::string name, const std::string& network, const smtp::DeviceOptions& options = {});
  // The narrowest network that holds the address decides; without a name when none does.
  smtp::KnownDevice find(const boost::asio::ip::address& address) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    smtp::KnownDevice device;
    smtp::Network network;
  };
  std::vector<Entry> entries_;  // narrowest first
};

}  // namespace alarmwire::edge
