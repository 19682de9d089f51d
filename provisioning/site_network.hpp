// The network settings of a site's box, as they travel on a stick, and what can be wrong with them.
// They are only carried: the image applies them.
// Thread-safety: values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alarmwire::provisioning {

inline constexpr int vlan_max = 4094;
inline constexpr std::size_t dns_servers_max = 3;  // a resolver asks no more
inline constexpr std::string_view by_dhcp = "dhcp";

struct PortSettings {
  std::string address;  // "dhcp", or with its prefix: "192.168.10.2/24"
  int vlan = 0;         // 0: untagged

  bool operator==(const PortSettings&) const = default;
};

struct NetworkSettings {
  std::optional<PortSettings> lan;     // the devices' side
  std::optional<PortSettings> uplink;  // towards the centre, where that is not the LAN
  std::string gateway;
  std::vector<std::string> dns;

  bool operator==(const NetworkSettings&) const = default;
};

struct NetworkProblem {
  std::string_view field;  // "lan", "lan_vlan", "uplink", "uplink_vlan", "gateway", "dns"
  std::string why;
};
// `needs_dns`: the centre is known by a name. None: the settings may go onto a stick.
std::vector<NetworkProblem> problems_of(const NetworkSettings& settings, bool needs_dns);

// "192.0.2.7", "2001:db8::7", or a network, "192.0.2.0/28".
bool is_address_or_network(const std::string& text);
// "00:40:8c:12:34:56", "00-40-8C-12-34-56" or "00408c123456", as the first; nothing otherwise.
std::optional<std::string> canonical_mac(std::string_view text);

}  // namespace alarmwire::provisioning
