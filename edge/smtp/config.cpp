#include "edge/smtp/config.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "common/files.hpp"

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
  Limits limits;
  limits.command_line_bytes =
      table.size("command_line_size", limits.command_line_bytes, 512, 1 << 20);
  limits.message_bytes =
      table.size("message_size", limits.message_bytes, 64 * 1024, alarm_bytes_max);
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

// The first line of a file that others cannot read.
Result<std::string> read_password(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0)
    return Failure(Errc::denied, path + ": others can read it too (chmod o-rwx)");
  const Result<std::string> text = read_file(path, password_bytes_max + 2);
  if (text.has_error()) return text.error();
  std::string line = text->substr(0, text->find_first_of("\r\n"));
  if (line.empty() || line.size() > password_bytes_max)
    return Failure(Errc::invalid_argument, path + ": no password in its first line");
  return line;
}

std::shared_ptr<const Credentials> read_users(config::Table& smtp) {
  auto credentials = std::make_shared<Credentials>();
  std::set<std::string> names;
  for (config::Table& table : smtp.tables("user")) {
    const std::string name = table.required_string("name");
    const std::string path = table.required_string("password_file");
    if (name.empty() || path.empty()) continue;
    if (name.size() > user_bytes_max) table.problem("name", "at most 255 bytes are wanted");
    if (!names.insert(name).second) table.problem("name", "two users are called so");
    Result<std::string> password = read_password(path);
    if (password.has_error()) {
      table.problem("password_file", password.error().diagnostics);
      continue;
    }
    credentials->add(name, std::move(*password));
  }
  if (names.size() > users_max) smtp.problem("user", "too many users");
  return credentials;
}

TlsConfig read_tls(config::Table table) {
  TlsConfig tls;
  tls.directory = table.string("directory", "");
  tls.certificate_file = table.string("certificate_file", "");
  tls.key_file = table.string("key_file", "");
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    table.problem(tls.key_file.empty() ? "certificate_file" : "key_file",
                  "certificate_file and key_file belong together");
  }
  tls.names = table.strings("names", {});
  for (const std::string& name : tls.names) {
    if (!is_domain(name)) {
      table.problem("names", "\"" + name + "\" is no name in lower case, like box7.internal");
    }
  }
  tls.addresses = table.strings("addresses", {});
  for (const std::string& address : tls.addresses) {
    if (!parse_address(address)) table.problem("addresses", "\"" + address + "\" is no IP address");
  }
  if (tls.names.size() + tls.addresses.size() > certificate_names_max) {
    table.problem("names",
                  "more than " + std::to_string(certificate_names_max) + " names and addresses");
  }
  return tls;
}

void read_security(config::Table& table, ListenerConfig& listener) {
  constexpr std::uint16_t smtps_port = 465;  // RFC 8314
  const TlsMode usual = listener.port == smtps_port ? TlsMode::implicit : TlsMode::offered;
  listener.tls = static_cast<TlsMode>(table.choice("tls", static_cast<std::size_t>(usual),
                                                   {"off", "starttls", "required", "implicit"}));
  listener.tls_level = static_cast<int>(table.integer("tls_level", tls_level_default, 0, 4));
  listener.auth = static_cast<AuthMode>(table.choice("auth", 1, {"off", "optional", "required"}));
  listener.auth_in_clear = table.boolean("auth_in_clear", true);
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
  read_security(table, listener);
  return listener;
}

// Does `wide` take in the other address? "::" is bound for IPv4 too.
bool takes_in(const std::string& wide, const std::string& address) {
  const bool is_ipv6 = address.find(':') != std::string::npos;
  return wide == address || wide == "::" || (wide == "0.0.0.0" && !is_ipv6);
}

// Both cannot be bound: the daemon would not start.
bool is_in_the_way(const ListenerConfig& one, const ListenerConfig& other) {
  return one.port == other.port &&
         (takes_in(one.address, other.address) || takes_in(other.address, one.address));
}

std::vector<ListenerConfig> read_listeners(config::Table& smtp) {
  const auto ack_wait = smtp.duration("ack_wait", ListenerConfig{}.ack_wait, 100ms, 5min);
  std::vector<ListenerConfig> listeners;
  std::set<std::string> names;
  for (config::Table& table : smtp.tables("listener")) {
    const ListenerConfig fresh = read_listener(table, ack_wait);
    for (const ListenerConfig& other : listeners)
      if (is_in_the_way(fresh, other))
        table.problem("port", "listener \"" + other.name + "\" has this address and port");
    listeners.push_back(fresh);
    const std::string& name = fresh.name;
    if (name.empty() || name.size() > 63) table.problem("name", "1 to 63 characters are wanted");
    if (!names.insert(name).second) {
      table.problem("name", "two listeners are called \"" + name + "\"");
    }
  }
  if (listeners.size() > listeners_max) {
    smtp.problem("listener", "more than " + std::to_string(listeners_max) + " listeners");
  }
  if (listeners.empty()) {
    listeners = default_listeners();
    for (ListenerConfig& listener : listeners) listener.ack_wait = ack_wait;
  }
  return listeners;
}

}  // namespace

std::vector<ListenerConfig> default_listeners() {
  ListenerConfig lan;
  ListenerConfig submission;
  submission.name = "submission";
  submission.port = 587;
  ListenerConfig smtps;
  smtps.name = "smtps";
  smtps.port = 465;
  smtps.tls = TlsMode::implicit;
  return {lan, submission, smtps};
}

bool ListenerConfig::allows(const AddressBytes& peer) const {
  return allowed.empty() ||
         std::any_of(allowed.begin(), allowed.end(),
                     [&](const Network& network) { return network.contains(peer); });
}

SessionSettings Config::session_settings(const ListenerConfig& listener) const {
  return {listener.hostname.empty() ? hostname : listener.hostname,
          zones,
          limits,
          listener.tls,
          true,
          listener.auth,
          listener.auth_in_clear,
          credentials};
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
  config.tls = read_tls(smtp.table("tls"));
  config.credentials = read_users(smtp);
  config.listeners = read_listeners(smtp);
  for (const ListenerConfig& listener : config.listeners) {
    if (listener.auth == AuthMode::required && config.credentials->empty()) {
      smtp.problem("user",
                   "listener " + listener.name + " requires AUTH, and there is no [[smtp.user]]");
    }
  }
  return config;
}

DeviceOptions parse_device_options(config::Table& device) {
  DeviceOptions options;
  for (const std::string& name : device.strings("ehlo_hide", {})) {
    if (const auto extension = extension_from(name)) {
      options.hidden.add(*extension);
    } else if (name == "*") {
      options.hidden = ExtensionSet::all();
    } else {
      device.problem("ehlo_hide", "\"" + name + "\" is none of the door's extensions, nor \"*\"");
    }
  }
  for (const std::string& name : device.strings("refuse_quirks", {})) {
    const std::optional<Quirk> quirk = quirk_from(name);
    if (quirk && quirk_facts.at(static_cast<std::size_t>(*quirk)).refusable) {
      options.refused.add(*quirk);
    } else {
      device.problem("refuse_quirks", "\"" + name + "\" is no quirk that can be refused");
    }
  }
  options.foreign_recipients = device.boolean("foreign_recipients", false);
  return options;
}

}  // namespace alarmwire::smtp
