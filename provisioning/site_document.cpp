#include "provisioning/site_document.hpp"

#include <algorithm>
#include <cstdio>

#include "common/config.hpp"
#include "common/text.hpp"

namespace alarmwire::provisioning {
namespace {

std::string in_toml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04X", byte);
      quoted += escaped;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::optional<PortSettings> read_port(config::Table table) {
  if (!table.exists()) return {};
  PortSettings port;
  port.address = table.required_string("address");
  port.vlan = static_cast<int>(table.integer("vlan", 0, 1, vlan_max));
  return port;
}

void complain(config::Table& network, const NetworkProblem& problem) {
  const std::string_view field = problem.field;
  if (field == "gateway" || field == "dns") return network.problem(field, problem.why);
  config::Table port = network.table(field.starts_with("lan") ? "lan" : "uplink");
  const std::string_view key = field.ends_with("_vlan") ? "vlan" : "address";
  if (key == "address" && port.exists() && !port.has(key)) return;  // told by required_string
  port.problem(key, problem.why);
}

NetworkSettings read_network(config::Table network, bool with_names) {
  NetworkSettings settings;
  settings.lan = read_port(network.table("lan"));
  settings.uplink = read_port(network.table("uplink"));
  settings.gateway = network.string("gateway", "");
  settings.dns = network.strings("dns", {});
  for (const NetworkProblem& problem : problems_of(settings, with_names))
    complain(network, problem);
  return settings;
}

std::vector<SiteDevice> read_devices(config::Table& root) {
  std::vector<SiteDevice> devices;
  for (config::Table& table : root.tables("device")) {
    SiteDevice device;
    device.name = table.required_string("name");
    device.address = table.string("address", "");
    device.mac = table.string("mac", "");
    if (device.name.empty()) continue;
    if (const std::string why = why_not(device, devices); !why.empty()) {
      table.problem("name", why);
      if (devices.size() >= site_devices_max) break;
      continue;
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

bool is_on_one_line(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string port_in_toml(const char* name, const std::optional<PortSettings>& port) {
  if (!port) return {};
  std::string text =
      std::string("\n[network.") + name + "]\naddress = " + in_toml(port->address) + "\n";
  if (port->vlan != 0) text += "vlan = " + std::to_string(port->vlan) + "\n";
  return text;
}

std::string network_in_toml(const NetworkSettings& network) {
  std::string text;
  if (!network.gateway.empty()) text += "gateway = " + in_toml(network.gateway) + "\n";
  std::string servers;
  for (const std::string& server : network.dns)
    servers += (servers.empty() ? "" : ", ") + in_toml(server);
  if (!servers.empty()) text += "dns = [" + servers + "]\n";
  if (!text.empty()) text = "\n[network]\n" + text;
  return text + port_in_toml("lan", network.lan) + port_in_toml("uplink", network.uplink);
}

}  // namespace

std::string why_not(SiteDevice& device, const std::vector<SiteDevice>& before) {
  if (before.size() >= site_devices_max)
    return "more than " + std::to_string(site_devices_max) + " devices";
  if (device.name.empty()) return "a device needs a name";
  if (device.name.size() > device_name_bytes_max || !is_on_one_line(device.name))
    return "a device's name is one line of at most " + std::to_string(device_name_bytes_max) +
           " bytes";
  if (device.address.empty() && device.mac.empty())
    return "an address or a mac is wanted, to know it by";
  if (!device.address.empty() && !is_address_or_network(device.address))
    return "\"" + device.address.substr(0, 60) + "\" is neither an address nor a network";
  if (!device.mac.empty()) {
    const std::optional<std::string> mac = canonical_mac(device.mac);
    if (!mac) return "\"" + device.mac.substr(0, 60) + "\" is no MAC, like 00:40:8c:12:34:56";
    device.mac = *mac;
  }
  for (const SiteDevice& other : before) {
    if (other.name == device.name) return "another device has this name";
    if (!device.mac.empty() && other.mac == device.mac) return "another device has this mac";
    if (!device.address.empty() && other.address == device.address)
      return "another device has this address";
  }
  return {};
}

Result<SiteDocument> parse_site_document(std::string_view text, const std::string& name,
                                         TicketIs ticket) {
  if (text.size() > site_document_bytes_max)
    return Failure(Errc::invalid_argument,
                   name + ": over " + std::to_string(site_document_bytes_max) + " bytes");
  Result<config::Reader> reader = config::parse(text, name);
  if (!reader) return reader.error();
  config::Table root = reader->root();
  SiteDocument document;
  if (ticket == TicketIs::required) {
    const std::string written = root.required_string("ticket");
    const Result<Ticket> parsed = parse_ticket(written);
    if (parsed)
      document.ticket = *parsed;
    else if (!written.empty())
      root.problem("ticket", parsed.error().diagnostics);
  }
  document.network =
      read_network(root.table("network"), document.ticket && needs_dns(*document.ticket));
  document.devices = read_devices(root);
  if (const Status finished = reader->finish(); !finished) return finished.error();
  return document;
}

Result<std::string> format_site_document(const SiteDocument& document, const std::string& about) {
  std::string text = "# " + printable(about, 200) + "\n";
  if (document.ticket) {
    const Result<std::string> ticket = format_ticket(*document.ticket);
    if (!ticket) return ticket.error();
    text += "ticket = " + in_toml(*ticket) + "\n";
  }
  text += network_in_toml(document.network);
  for (const SiteDevice& device : document.devices) {
    text += "\n[[device]]\nname = " + in_toml(device.name) + "\n";
    if (!device.address.empty()) text += "address = " + in_toml(device.address) + "\n";
    if (!device.mac.empty()) text += "mac = " + in_toml(device.mac) + "\n";
  }
  return text;
}

}  // namespace alarmwire::provisioning
