// Who is speaking: from an address to a device's name, by the [[device]] tables of the
// configuration. An unknown device goes by its address. Thread-safety: immutable after
// construction.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <vector>

#include "common/config.hpp"

namespace alarmwire::edge {

inline constexpr std::size_t devices_max = 10'000;

class Devices {
 public:
  Devices() = default;
  static Devices parse(
      config::Table& root);  // [[device]] name, address = "192.0.2.7" or "192.0.2.0/28"

  // Errc::invalid_argument: neither an address nor a network.
  Status add(std::string name, const std::string& network);
  // The narrowest network that holds the address decides. An IPv4-mapped IPv6 address counts as
  // IPv4.
  std::string name_of(const boost::asio::ip::address& address) const;
  std::size_t size() const { return v4_.size() + v6_.size(); }

 private:
  struct V4 {
    std::string name;
    boost::asio::ip::network_v4 network;
  };
  struct V6 {
    std::string name;
    boost::asio::ip::network_v6 network;
  };
  std::vector<V4> v4_;  // narrowest first
  std::vector<V6> v6_;
};

}  // namespace alarmwire::edge
