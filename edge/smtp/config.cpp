#include "edge/smtp/config.hpp"

#include <algorithm>
#include <set>

namespace alarmwire::smtp {
namespace {

using namespace std::chrono_literals;

bool is_domain(const std::string& text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !text.empty() && text.size() <= hostname_bytes_max && text.front() != '.' &&
         text.back() != '.' && std::all_of(text.begin(), text.end(), fits);
}

std::string read_hostname(config::Table& table, const std::string& otherwise) {
  std::string name = table.string("hostname", otherwise);
  if (name != otherwise && !is_domain(name)) {
    table.problem("hostname", "a host name in lower case is wanted, like edge.internal");
  }
  return name;
}

Limits read_limits(config::Table table) {
  constexpr std::int64_t many = 1'000'000;
  constexpr std::uint64_t gib = 1ull << 30;
  Limits limits;
  limits.command_line_bytes =
      table.size("command_line_size", limits.command_line_bytes, 512, 1 << 20);
  limits.message_bytes = table.size("message_size", limits.message_bytes, 64 * 1024, 4 * gib);
  const auto count = [&](const char* key, std::size_t otherwise, std::int64_t most) {
    return static_cast<std::size_t>(
        table.integer(key, static_cast<std::int64_t>(otherwise), 1, most));
  };
  limits.recipients = count("recipients", limits.recipients, 1000);
  limits.commands_without_progress =
      count("commands_without_progress", limits.commands_without_progress, many);
  limits.sessions = count("sessions", limits.sessions, 100'000);
  limits.sessions_per_device = count("sessions_per_device", limits.sessions_per_device, 100'000);
  limits.idle_time = table.duration("idle_time", limits.idle_time, 1s, 24h);
  limits.data_time = table.duration("data_time", limits.data_time, 10s, 24h * 7);
  limits.session_time = table.duration("session_time", limits.session_time, 10s, 24h * 365);
  return limits;
}

std::vector<Network> read_networks(config::Table& table) {
  std::vector<Network> networks;
  for (const std::string& text : table.strings("allowed", {})) {
    const auto network = Network::parse(text);
    if (network) {
      networks.push_back(*network);
    } else {
      table.problem("allowed", "\"" + text + "\" is no network, say 192.168.1.0/24 or fd00::/8");
    }
  }
  return networks;
}

ListenerConfig read_listener(config::Table& table, std::chrono::milliseconds ack_wait) {
  ListenerConfig listener;
  listener.name = table.string("name", listener.name);
  listener.address = table.string("address", listener.address);
  if (!parse_address(listener.address)) {
    table.problem("address", "an IP address of this box is wanted, or 0.0.0.0 or ::");
  }
  listener.port = static_cast<std::uint16_t>(table.integer("port", listener.port, 1, 65535));
  listener.hostname = read_hostname(table, "");
  const std::size_t reply =
      table.choice("reply", 0, {"assured", "pass-through", "store-and-forward"});
  listener.reply = static_cast<ReplyMode>(reply);
  listener.ack_wait = table.duration("ack_wait", ack_wait, 100ms, 5min);
  listener.allowed = read_networks(table);
  return listener;
}

std::vector<ListenerConfig> read_listeners(config::Table& smtp) {
  const auto ack_wait = smtp.duration("ack_wait", ListenerConfig{}.ack_wait, 100ms, 5min);
  std::vector<ListenerConfig> listeners;
  std::set<std::string> names;
  for (config::Table& table : smtp.tables("listener")) {
    listeners.push_back(read_listener(table, ack_wait));
    const std::string& name = listeners.back().name;
    if (name.empty() || name.size() > 63) table.problem("name", "1 to 63 characters are wanted");
    if (!names.insert(name).second) {
      table.problem("name", "two listeners are called \"" + name + "\"");
    }
  }
  if (listeners.size() > listeners_max) {
    smtp.problem("listener", "more than " + std::to_string(listeners_max) + " listeners");
  }
  if (listeners.empty()) {
    listeners.emplace_back();
    listeners.back().ack_wait = ack_wait;
  }
  return listeners;
}

}  // namespace

bool ListenerConfig::allows(const AddressBytes& peer) const {
  return allowed.empty() ||
         std::any_of(allowed.begin(), allowed.end(),
                     [&](const Network& network) { return network.contains(peer); });
}

SessionSettings Config::session_settings(const ListenerConfig& listener) const {
  return {listener.hostname.empty() ? hostname : listener.hostname, zones, limits};
}

Config parse_config(config::Table& root) {
  config::Table smtp = root.table("smtp");
  Config config;
  config.hostname = read_hostname(smtp, config.hostname);
  config.zones = smtp.strings("zones", config.zones);
  if (config.zones.empty()) smtp.problem("zones", "at least one zone is wanted, like \"internal\"");
  for (const std::string& zone : config.zones) {
    if (!is_domain(zone)) {
      smtp.problem("zones", "\"" + zone + "\" is no domain in lower case, like internal");
    }
  }
  config.limits = read_limits(smtp.table("limits"));
  config.listeners = read_listeners(smtp);
  return config;
}

}  // namespace alarmwire::smtp
