#include "receiver/outlets/outlet_config.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <set>

#include "receiver/sites/address.hpp"

namespace alarmwire::outlets {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t password_bytes_max = 1024;
constexpr std::int64_t port_max = 65'535;
constexpr std::int64_t plain_port = 25;
constexpr std::int64_t smtps_port = 465;

std::string own_host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0 && sites::is_domain(name.data()))
    return sites::to_lower(name.data());
  return "alarmwire.internal";
}

bool is_host(const std::string& text) {
  if (sites::is_domain(text)) return true;
  const bool only_ipv6 = text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
  return only_ipv6 && text.find(':') != std::string::npos;
}

void read_password(config::Table& table, SmtpConfig& config) {
  config.username = table.string("username", "");
  const std::string path = table.string("password_file", "");
  if (config.username.empty() && path.empty()) return;
  if (config.username.empty()) {
    table.problem("password_file", "there is no username");
    return;
  }
  std::ifstream file(path);
  if (path.empty() || !std::getline(file, config.password) || config.password.empty() ||
      config.password.size() > password_bytes_max)
    table.problem("password_file", "cannot read a password from the first line of '" + path + "'");
}

void read_way(config::Table& table, SmtpConfig& config, const OutletDefaults& defaults) {
  config.host = table.required_string("host");
  if (!config.host.empty() && !is_host(config.host))
    table.problem("host", "'" + config.host + "' is not a host name or address");
  config.tls = static_cast<Tls>(table.choice("tls", 0, {"none", "starttls", "smtps"}));
  config.port = static_cast<std::uint16_t>(
      table.integer("port", config.tls == Tls::smtps ? smtps_port : plain_port, 1, port_max));
  config.ca_file = table.string("ca_file", "");
  config.verify = table.boolean("verify", true);
  if (!config.ca_file.empty() && !std::ifstream(config.ca_file))
    table.problem("ca_file", "cannot read '" + config.ca_file + "'");
  read_password(table, config);
  config.ehlo_name =
      table.string("ehlo_name", defaults.hostname.empty() ? own_host_name() : defaults.hostname);
  if (!sites::is_domain(config.ehlo_name)) table.problem("ehlo_name", "is not a host name");
  config.connect_timeout = table.duration("connect_timeout", config.connect_timeout,
                                          milliseconds(100), milliseconds(60'000));
  config.total_timeout = table.duration("total_timeout", config.total_timeout, milliseconds(1'000),
                                        milliseconds(600'000));
  config.warm_every =
      table.duration("warm_every", config.warm_every, milliseconds(0), milliseconds(600'000));
  config.stalled_after = table.duration("stalled_after", config.stalled_after, milliseconds(1'000),
                                        milliseconds(86'400'000));
  config.connections = static_cast<std::size_t>(
      table.integer("connections", static_cast<std::int64_t>(config.connections), 1,
                    static_cast<std::int64_t>(connections_max)));
}

void read_words(config::Table& table, SmtpConfig& config, const OutletDefaults& defaults) {
  config.language = static_cast<sites::Language>(
      table.choice("language", static_cast<std::size_t>(defaults.language), {"de", "en"}));
  config.late_after = table.duration("late_after", config.late_after, milliseconds(1'000),
                                     milliseconds(86'400'000));
  for (const std::string& mark : table.strings("marks", {})) {
    if (mark == "late") {
      config.marks.late = true;
    } else if (mark == "unassigned") {
      config.marks.unassigned = true;
    } else if (mark == "repeat") {
      config.marks.repeat = true;
    } else if (mark == "test") {
      config.marks.test = true;
    } else {
      table.problem("marks", "'" + mark + "' is none of late, unassigned, repeat, test");
    }
  }
  config.test_address = table.string("test_address", "");
  if (!config.test_address.empty() && !sites::parse_address(config.test_address))
    table.problem("test_address", "'" + config.test_address + "' is not a plain mail address");
}

}  // namespace

std::string SmtpConfig::target() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::vector<SmtpConfig> read_outlets(config::Table root, const OutletDefaults& defaults) {
  std::vector<SmtpConfig> outlets;
  std::set<std::string> names;
  for (config::Table table : root.tables("outlet")) {
    SmtpConfig config;
    config.name = table.string("name", config.name);
    if (!is_valid_box_id(config.name))
      table.problem("name", "lower-case letters, digits and '-', at most 63");
    if (!names.insert(config.name).second)
      table.problem("name", "outlet '" + config.name + "' is there twice");
    table.choice("kind", 0, {"smtp"});
    read_way(table, config, defaults);
    read_words(table, config, defaults);
    outlets.push_back(std::move(config));
    if (outlets.size() > outlets_max) {
      table.problem("name", "more than " + std::to_string(outlets_max) + " outlets");
      break;
    }
  }
  return outlets;
}

}  // namespace alarmwire::outlets
