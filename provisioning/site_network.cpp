#include "provisioning/site_network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace alarmwire::provisioning {
namespace {

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool is_v6 = false;
  unsigned bits() const { return is_v6 ? 128 : 32; }
  bool operator==(const Address&) const = default;
};

// What stands before and behind the slash. Without one the prefix is the whole address.
struct Network {
  Address address;
  unsigned prefix = 0;

  bool contains(const Address& other) const {
    if (other.is_v6 != address.is_v6) return false;
    for (unsigned bit = 0; bit < prefix; ++bit)
      if (((address.bytes[bit / 8] ^ other.bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    return true;
  }
  // Whether all bits behind the prefix are `bit`: the network itself, or IPv4's broadcast.
  bool is_end(const Address& of, bool bit) const {
    for (unsigned at = prefix; at < of.bits(); ++at)
      if (((of.bytes[at / 8] >> (7 - at % 8) & 1) != 0) != bit) return false;
    return true;
  }
};

std::optional<Address> parse_address(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) return address;
  address.is_v6 = true;
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
  return {};
}

std::optional<Network> parse_network(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return {};
  Network network{*address, address->bits()};
  if (slash == std::string::npos) return network;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, network.prefix);
  if (error != std::errc{} || stop != end || network.prefix > address->bits()) return {};
  return network;
}

// Why no machine on a LAN can have this address; "" if one can.
std::string why_no_host(const Address& address) {
  const std::uint8_t first = address.bytes[0];
  const bool is_zero = std::all_of(address.bytes.begin(), address.bytes.end(),
                                   [](std::uint8_t byte) { return byte == 0; });
  if (!address.is_v6) {
    if (first == 0 || is_zero) return "is no machine's address";
    if (first == 127) return "is a machine's own (loopback)";
    if (first >= 224) return "is for groups of machines (multicast) or reserved";
    return {};
  }
  if (is_zero) return "is no machine's address";
  if (std::all_of(address.bytes.begin(), address.bytes.end() - 1,
                  [](std::uint8_t byte) { return byte == 0; }))
    return "is a machine's own (loopback)";
  if (first == 0xff) return "is for groups of machines (multicast)";
  if (first == 0xfe && (address.bytes[1] & 0xc0) == 0x80)
    return "is a link-local one, which the box has anyway";
  return {};
}

std::string quoted(const std::string& text) {
  return "\"" + text.substr(0, 60) + "\"";
}

// Of a port that is not on DHCP; "" when nothing is wrong with it.
std::string why_not(const std::string& address) {
  const std::optional<Network> network = parse_network(address);
  if (!network || address.find('/') == std::string::npos)
    return quoted(address) +
           " is neither \"dhcp\" nor an address with its prefix, like "
           "192.168.10.2/24";
  if (const std::string why = why_no_host(network->address); !why.empty())
    return quoted(address) + " " + why;
  const unsigned bits = network->address.bits();
  if (network->prefix == 0 || network->prefix == bits)
    return quoted(address) + ": a network with this prefix has no room for anybody else";
  if (network->prefix + 1 == bits) return {};  // two ends of a line: both are hosts (RFC 3021)
  if (network->is_end(network->address, false))
    return quoted(address) + " is the network itself, not a machine in it";
  if (!network->address.is_v6 && network->is_end(network->address, true))
    return quoted(address) + " is the network's broadcast address";
  return {};
}

class Check {
 public:
  Check(const NetworkSettings& settings, bool needs_dns)
      : settings_(settings), needs_dns_(needs_dns) {}

  std::vector<NetworkProblem> run() {
    port("lan", "lan_vlan", settings_.lan);
    port("uplink", "uplink_vlan", settings_.uplink);
    if (settings_.uplink && !settings_.lan) complain("lan", "is missing: the devices' side");
    both_ports();
    way_out();
    dns();
    return std::move(problems_);
  }

 private:
  void complain(std::string_view field, std::string why) {
    problems_.push_back({field, std::move(why)});
  }

  void port(std::string_view field, std::string_view vlan_field,
            const std::optional<PortSettings>& port) {
    if (!port) return;
    if (port->address != by_dhcp)
      if (std::string why = why_not(port->address); !why.empty()) complain(field, std::move(why));
    if (port->vlan < 0 || port->vlan > vlan_max)
      complain(vlan_field, "a VLAN is a number from 1 to " + std::to_string(vlan_max));
  }

  static std::optional<Network> fixed(const std::optional<PortSettings>& port) {
    if (!port || port->address == by_dhcp || !why_not(port->address).empty()) return {};
    return parse_network(port->address);
  }

  void both_ports() {
    const auto lan = fixed(settings_.lan);
    const auto uplink = fixed(settings_.uplink);
    if (lan && uplink && (lan->contains(uplink->address) || uplink->contains(lan->address)))
      complain("uplink", "its network and the LAN's overlap");
  }

  void way_out() {
    const std::optional<PortSettings>& port = settings_.uplink ? settings_.uplink : settings_.lan;
    const char* const name = settings_.uplink ? "uplink" : "lan";
    if (!port) {
      if (!settings_.gateway.empty()) complain("gateway", "means nothing without lan or uplink");
      return;
    }
    if (port->address == by_dhcp) {
      if (!settings_.gateway.empty())
        complain("gateway", std::string("comes by DHCP, as the address of ") + name);
      return;
    }
    const std::optional<Network> network = fixed(port);
    if (!network) return;  // told already
    if (settings_.gateway.empty())
      return complain("gateway", "is missing: without it nothing outside the network is reached");
    gateway(*network, name);
  }

  void gateway(const Network& network, const std::string& name) {
    const auto address = parse_address(settings_.gateway);
    if (!address) return complain("gateway", quoted(settings_.gateway) + " is no address");
    if (*address == network.address) return complain("gateway", "is the box's own address");
    const bool is_link_local = address->is_v6 && address->bytes[0] == 0xfe;  // usual in IPv6
    if (is_link_local && network.address.is_v6) return;
    if (!network.contains(*address))
      return complain("gateway", quoted(settings_.gateway) + " is not in the network of " + name);
    if (network.prefix + 1 < address->bits() && !address->is_v6 &&
        (network.is_end(*address, false) || network.is_end(*address, true)))
      complain("gateway", quoted(settings_.gateway) + " is no machine of the network");
  }

  void dns() {
    if (settings_.dns.size() > dns_servers_max)
      complain("dns", "at most " + std::to_string(dns_servers_max) + " servers are asked");
    for (const std::string& server : settings_.dns) {
      const auto address = parse_address(server);
      if (!address || !why_no_host(*address).empty())
        complain("dns", quoted(server) + " is no server's address");
    }
    const std::optional<PortSettings>& port = settings_.uplink ? settings_.uplink : settings_.lan;
    if (needs_dns_ && port && port->address != by_dhcp && settings_.dns.empty())
      complain("dns", "is missing: the ticket names the centre by a name");
    if (!port && !settings_.dns.empty()) complain("dns", "means nothing without lan or uplink");
  }

  const NetworkSettings& settings_;
  const bool needs_dns_;
  std::vector<NetworkProblem> problems_;
};

}  // namespace

std::vector<NetworkProblem> problems_of(const NetworkSettings& settings, bool needs_dns) {
  return Check(settings, needs_dns).run();
}

bool is_address_or_network(const std::string& text) {
  return parse_network(text).has_value();
}

std::optional<std::string> canonical_mac(std::string_view text) {
  constexpr std::size_t digits = 12;
  std::string hex;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == ':' || c == '-') && text.size() == digits + 5 && i % 3 == 2) continue;
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!(lower >= '0' && lower <= '9') && !(lower >= 'a' && lower <= 'f')) return {};
    hex += lower;
  }
  if (hex.size() != digits) return {};
  for (std::size_t i = 2; i < hex.size(); i += 3) hex.insert(i, ":");
  return hex;
}

}  // namespace alarmwire::provisioning
