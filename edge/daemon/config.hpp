// The whole of edge.toml, as alarmwire-edge needs it. Each room parses its own tables.
// Thread-safety: values; start-up and SIGHUP only.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "common/confine.hpp"
#include "common/log.hpp"
#include "common/metrics_server.hpp"
#include "edge/daemon/devices.hpp"
#include "edge/daemon/intake.hpp"
#include "edge/daemon/lane_rules.hpp"
#include "edge/smtp/config.hpp"
#include "edge/spool/spool.hpp"
#include "edge/status/page/config.hpp"
#include "tunnel/config.hpp"

namespace alarmwire::edge {

inline constexpr const char* default_config_path = "/etc/alarmwire/edge.toml";

struct Config {
  std::string state_directory;
  std::string control_socket;
  std::string control_group;
  std::chrono::seconds canary_every{};  // 0: never
  log::Level log_level = log::Level::info;
  spool::Config spool;
  smtp::Config smtp;
  LaneRules lanes;
  std::shared_ptr<const Devices> devices;
  tunnel::Settings tunnel;
  page::Config page;
  metrics::Config metrics;
  std::vector<std::string> stick_folders;  // where sticks with tickets are looked for
  confine::Wanted user;                    // the account to run as
  std::vector<std::string> own_files;      // that the file names and the daemon reads

  AckWaits ack_waits() const;
};

// Every problem of the file is in the failure, one a line, each with file:line:col.
Result<Config> load_config(const std::string& path);

}  // namespace alarmwire::edge
