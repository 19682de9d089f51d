#include "receiver/daemon/config.hpp"

#include "common/daemon.hpp"
#include "provisioning/ticket.hpp"
#include "receiver/fleet/box_watch.hpp"

namespace alarmwire::receiver {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mib = 1024 * 1024;
// Boxes send a canary every 2 min: two may be missed, and the second has a minute to arrive.
constexpr std::chrono::seconds acknowledged_within_default{300};
constexpr std::chrono::seconds acknowledged_within_least{20};
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

constexpr std::chrono::hours report_after_max{24};

void parse_silence(config::Table& root, Config& config) {
  for (config::Table& table : root.tables("silence")) {
    const auto after = std::chrono::duration_cast<std::chrono::seconds>(
        table.duration("report_after", config.report_after, 0ms, report_after_max));
    const std::vector<std::string> boxes = table.strings("boxes", {});
    if (boxes.empty()) table.problem("boxes", "the ids of the boxes are wanted, [\"site-a\", …]");
    for (const std::string& box : boxes) {
      if (!is_valid_box_id(box)) table.problem("boxes", "'" + box + "' is not a box id");
      if (!config.report_after_at.emplace(box, after).second)
        table.problem("boxes", "'" + box + "' stands in another [[silence]] already");
    }
  }
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

std::chrono::seconds Config::report_after_of(const BoxId& box) const {
  const auto found = report_after_at.find(box);
  return found != report_after_at.end() ? found->second : report_after;
}

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
  config.report_after = std::chrono::duration_cast<std::chrono::seconds>(
      receiver.duration("report_after", 0s, 0ms, report_after_max));
  config.acknowledged_within = std::chrono::duration_cast<std::chrono::seconds>(
      receiver.duration("acknowledged_within", acknowledged_within_default, 0ms, 24h));
  if (config.acknowledged_within > 0s && config.acknowledged_within < acknowledged_within_least)
    receiver.problem("acknowledged_within", "at least 20 s, or \"0s\": not asked");
  parse_silence(root, config);
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
  config::Table metrics = root.table("metrics");
  config.metrics = metrics::read_config(metrics);
  config.metrics_of_boxes = metrics.boolean("boxes", false);
  config.tunnel = tunnel::read_settings(root, tunnel::KeyFiles::leave);
  if (const Status finished = reader->finish(); finished.has_error()) return finished.error();
  return config;
}

}  // namespace alarmwire::receiver
