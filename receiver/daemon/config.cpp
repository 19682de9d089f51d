#include "receiver/daemon/config.hpp"

#include "common/daemon.hpp"
#include "provisioning/ticket.hpp"
#include "receiver/fleet/box_watch.hpp"

namespace alarmwire::receiver {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::uint64_t size_max = 1024ull * 1024 * 1024 * 1024 * 1024;

ledger::RetentionRule parse_retention(config::Table& table) {
  ledger::RetentionRule rule;
  const auto keep = table.duration("keep", 24h * rule.keep_days, 0ms, 24h * 36500);
  rule.keep_days = std::chrono::duration_cast<std::chrono::hours>(keep).count() / 24;
  if (keep > 0ms && rule.keep_days == 0)
    table.problem("keep", "at least a day (\"1d\"), or \"0s\" for ever");
  rule.keep_bytes = table.size("keep_size", 0, 0, size_max);
  if (rule.keep_bytes > 0 && rule.keep_bytes < 16 * mib)
    table.problem("keep_size", "at least 16MiB, or 0 for no limit");
  return rule;
}

std::vector<std::string> named_files(config::Table& root) {
  std::vector<std::string> files;
  for (config::Table& outlet : root.tables("outlet"))
    for (const char* const key : {"ca_file", "password_file"})
      files.push_back(outlet.string(key, ""));
  return files;
}

ProvisioningConfig parse_provisioning(config::Table table) {
  ProvisioningConfig config;
  for (const std::string& text : table.strings("endpoints", {})) {
    const auto endpoint = tunnel::EndpointName::parse(text);
    if (endpoint)
      config.endpoints.push_back(*endpoint);
    else
      table.problem("endpoints", "\"" + text + "\" is not of the form host:port");
  }
  if (config.endpoints.size() > provisioning::ticket_endpoints_max)
    table.problem("endpoints", "too many for a ticket, at most 4");
  config.approval =
      static_cast<provisioning::Approval>(table.choice("approve", 0, {"auto", "manual"}));
  config.ticket_expires = std::chrono::duration_cast<std::chrono::seconds>(
      table.duration("ticket_expires", ticket_expires_default, 1min, ticket_expires_max));
  return config;
}

}  // namespace

Result<Config> load_config(const std::string& path) {
  Result<config::Reader> reader = config::load(path);
  if (reader.has_error()) return reader.error();
  config::Table root = reader->root();
  Config config;
  config::Table receiver = root.table("receiver");
  config.state_directory = receiver.string("state_directory", "/var/lib/alarmwire/receiver");
  config.control_socket = receiver.string("control_socket", "/run/alarmwire/receiver.sock");
  config.control_group = receiver.string("control_group", "");
  config.user = {receiver.string("user", "alarmwire-receiver"), receiver.has("user")};
  config.silent_after = std::chrono::duration_cast<std::chrono::seconds>(
      receiver.duration("silent_after", fleet::BoxWatch::silent_after_default, 11s, 24h));
  outlets::OutletDefaults defaults;
  defaults.hostname = receiver.string("hostname", "");
  defaults.language = static_cast<sites::Language>(receiver.choice("language", 0, {"de", "en"}));
  config.log_level = daemon::parse_log_level(root.table("log"));
  config::Table ledger = root.table("ledger");
  config.ledger.directory = ledger.string("directory", config.state_directory + "/ledger");
  config.retention = parse_retention(ledger);
  config.sites = sites::read_sites(root);
  config.outlets = outlets::read_outlets(root, defaults);
  for (const outlets::SmtpConfig& outlet : config.outlets)
    config.ledger.outlets.push_back(outlet.name);
  config.own_files = named_files(root);
  config.provisioning = parse_provisioning(root.table("provisioning"));
  config.tunnel = tunnel::read_settings(root, tunnel::KeyFiles::leave);
  if (const Status finished = reader->finish(); finished.has_error()) return finished.error();
  return config;
}

}  // namespace alarmwire::receiver
