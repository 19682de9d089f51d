// Who is speaking, as far as the box can tell, and how it knows. Values, and the hatch to whoever
// has the list of devices.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/smtp/policy.hpp"

namespace alarmwire::smtp {

// Weakest first: a user who proved himself by AUTH counts more than a MAC, a MAC more than a
// network.
enum class KnownBy : std::uint8_t { nothing, network, mac, user };

constexpr std::string_view to_string(KnownBy by) {
  switch (by) {
    case KnownBy::network:
      return "network";
    case KnownBy::mac:
      return "mac";
    case KnownBy::user:
      return "user";
    case KnownBy::nothing:
      break;
  }
  return "unknown";
}

struct KnownDevice {
  std::string name;  // "" when nobody knows it: then the address is its name
  KnownBy by = KnownBy::nothing;
  std::string mac{};  // of the LAN's neighbour table; "" when it is not there
  DeviceOptions options{};
};

// One [[device]] of the configuration: each of the three ways is enough to know it by.
struct DeviceEntry {
  std::string name;
  std::string network;  // "192.0.2.7", "192.0.2.0/28"; the three may be empty, but not all
  std::string mac;      // "00:40:8c:12:34:56"
  std::string user;     // of [[smtp.user]]
  DeviceOptions options{};
};

// Thread-safety: the door's one thread. Never blocks.
class DeviceDirectory {
 public:
  virtual ~DeviceDirectory() = default;
  // At the start of a session: by MAC, else by the narrowest network.
  virtual KnownDevice at(const boost::asio::ip::address& address) = 0;
  // A user gave the right password; nothing where no device has this user.
  virtual std::optional<KnownDevice> of_user(const std::string& user) = 0;
};

}  // namespace alarmwire::smtp
