// The whole of receiver.toml, as alarmwire-receiver needs it. Each room parses its own tables.
// Thread-safety: values; start-up and SIGHUP only.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "common/confine.hpp"
#include "common/log.hpp"
#include "common/metrics_server.hpp"
#include "receiver/daemon/box_office.hpp"
#include "receiver/ledger/ledger.hpp"
#include "receiver/outlets/outlet_config.hpp"
#include "receiver/sites/sites.hpp"
#include "tunnel/config.hpp"

namespace alarmwire::receiver {

inline constexpr const char* default_config_path = "/etc/alarmwire/receiver.toml";

struct Config {
  std::string state_directory;
  std::string control_socket;
  std::string control_group;
  log::Level log_level = log::Level::info;
  std::chrono::seconds silent_after{};  // a box not heard for this long is silent
  std::chrono::seconds report_after{};  // and a fault when it has been for so long
  std::map<BoxId, std::chrono::seconds> report_after_at;  // where it is another time
  std::chrono::seconds acknowledged_within{};             // or a box is not green; 0: not asked
  ledger::Config ledger;
  ledger::RetentionRule retention;
  sites::Sites sites;
  std::vector<outlets::SmtpConfig> outlets;
  tunnel::Settings tunnel;
  ProvisioningConfig provisioning;
  metrics::Config metrics;
  bool metrics_of_boxes = false;
  std::chrono::seconds report_after_of(const BoxId& box) const;

  confine::Wanted user;                // the account to run as
  std::vector<std::string> own_files;  // that the file names and the daemon reads
};

// Every problem of the file is in the failure, one a line, each with file:line:col.
Result<Config> load_config(const std::string& path);

}  // namespace alarmwire::receiver
