// Who is speaking: from a user, a MAC or an address to a device's name and its switches at the
// door, by the [[device]] tables of the configuration. Thread-safety: immutable after construction.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config.hpp"
#include "edge/daemon/neighbours.hpp"
#include "edge/smtp/auth.hpp"
#include "edge/smtp/identity.hpp"
#include "edge/smtp/network.hpp"

namespace alarmwire::edge {

inline constexpr std::size_t devices_max = 10'000;

class Devices {
 public:
  // [[device]] name; address = "192.0.2.7" or "192.0.2.0/28", mac, user: at least one of them.
  // `users`: those of [[smtp.user]].
  static Devices parse(config::Table& root, const smtp::Credentials& users);

  // Errc::invalid_argument: nothing to know it by; neither an address nor a network; no MAC;
  // Errc::exists: another device has this MAC or user.
  Status add(smtp::DeviceEntry entry);
  // By MAC, else by the narrowest network that holds the address; without a name when nothing fits.
  smtp::KnownDevice find(const boost::asio::ip::address& address, std::optional<Mac> mac) const;
  std::optional<smtp::KnownDevice> of_user(const std::string& user) const;
  const std::vector<smtp::DeviceEntry>& entries() const { return entries_; }

 private:
  smtp::KnownDevice known(std::size_t index, smtp::KnownBy by) const;
  std::vector<smtp::DeviceEntry> entries_;  // as configured; the others hold places in it
  std::vector<std::pair<smtp::Network, std::size_t>> by_network_;  // narrowest first
  std::map<Mac, std::size_t> by_mac_;
  std::map<std::string, std::size_t> by_user_;
};

// What the door asks: the devices of a configuration, and the LAN's neighbours.
class LanDirectory final : public smtp::DeviceDirectory {
 public:
  using Neighbours = std::function<std::optional<Mac>(const boost::asio::ip::address&)>;
  LanDirectory(std::shared_ptr<const Devices> devices, Neighbours neighbours)
      : devices_(std::move(devices)), neighbours_(std::move(neighbours)) {}

  smtp::KnownDevice at(const boost::asio::ip::address& address) override {
    return devices_->find(address, neighbours_(address));
  }
  std::optional<smtp::KnownDevice> of_user(const std::string& user) override {
    return devices_->of_user(user);
  }

 private:
  const std::shared_ptr<const Devices> devices_;
  const Neighbours neighbours_;
};

}  // namespace alarmwire::edge
