#include "edge/daemon/config.hpp"

#include <chrono>

#include "common/daemon.hpp"
#include "edge/watch/canary.hpp"

namespace alarmwire::edge {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::size_t stick_folders_max = 8;
constexpr std::chrono::seconds canary_every_least{5};

spool::Config parse_spool(config::Table table, const std::string& state_directory) {
  spool::Config config;
  config.directory = table.string("directory", state_directory + "/spool");
  config.quota_bytes = table.size("quota", config.quota_bytes, 4 * mib, 1024 * 1024 * mib);
  config.settled_ring = std::chrono::duration_cast<std::chrono::seconds>(
      table.duration("settled_ring", config.settled_ring, 0ms, 24h * 365));
  config.secure_delete = table.boolean("secure_delete", false);
  return config;
}

std::chrono::seconds parse_canary_every(config::Table& edge) {
  const auto every = edge.duration("canary_every", watch::Canary::every_default, 0ms, 1h);
  if (every > 0ms && every < canary_every_least)
    edge.problem("canary_every", "at least 5 s, or \"0s\" for never");
  return std::chrono::duration_cast<std::chrono::seconds>(every);
}

std::vector<std::string> named_files(config::Table& root, const smtp::TlsConfig& tls) {
  std::vector<std::string> files{tls.certificate_file, tls.key_file};
  for (config::Table& user : root.table("smtp").tables("user"))
    files.push_back(user.string("password_file", ""));
  return files;
}

std::vector<std::string> parse_stick(config::Table table, bool enrols) {
  std::vector<std::string> folders = table.strings("folders", {});
  if (folders.size() > stick_folders_max)
    table.problem("folders", "at most " + std::to_string(stick_folders_max) + " folders");
  if (!folders.empty() && !enrols)
    table.problem("folders",
                  "only a box that is enrolled by a ticket takes sticks: "
                  "tunnel.role = \"box\" without [tunnel.centre]");
  for (const std::string& folder : folders)
    if (!folder.starts_with("/") || folder == "/")
      table.problem("folders", "want a folder's whole path, like /run/alarmwire/sticks");
  return folders;
}

}  // namespace

AckWaits Config::ack_waits() const {
  AckWaits waits;
  for (const smtp::ListenerConfig& listener : smtp.listeners)
    waits[listener.name] = listener.ack_wait;
  return waits;
}

Result<Config> load_config(const std::string& path) {
  Result<config::Reader> reader = config::load(path);
  if (reader.has_error()) return reader.error();
  config::Table root = reader->root();
  Config config;
  config::Table edge = root.table("edge");
  config.state_directory = edge.string("state_directory", "/var/lib/alarmwire/edge");
  config.control_socket = edge.string("control_socket", "/run/alarmwire/edge.sock");
  config.control_group = edge.string("control_group", "");
  config.user = {edge.string("user", "alarmwire-edge"), edge.has("user")};
  config.canary_every = parse_canary_every(edge);
  config.log_level = daemon::parse_log_level(root.table("log"));
  config.spool = parse_spool(root.table("spool"), config.state_directory);
  config.smtp = smtp::parse_config(root);
  if (config.smtp.tls.directory.empty())
    config.smtp.tls.directory = config.state_directory + "/tls";
  config.smtp.memory.file = config.state_directory + "/devices.json";
  config.lanes = LaneRules::parse(root);
  config.devices = std::make_shared<const Devices>(Devices::parse(root, *config.smtp.credentials));
  config.page = page::read_config(root.table("page"));
  config::Table metrics = root.table("metrics");
  config.metrics = metrics::read_config(metrics);
  config.own_files = named_files(root, config.smtp.tls);
  // The key belongs to alarmwire-tunnel alone: this daemon cannot read it and need not.
  config.tunnel = tunnel::read_settings(root, tunnel::KeyFiles::leave);
  config.stick_folders = parse_stick(root.table("stick"), config.tunnel.enrols);
  if (const Status finished = reader->finish(); finished.has_error()) return finished.error();
  return config;
}

}  // namespace alarmwire::edge
