// What every daemon does alike: command line, config check, signals, sd_notify, the watchdog.
//
// Exit codes (design 5.6): 0 ok, 1 failed, 2 usage, 78 configuration.
// Thread-safety: one thread, at start-up; Signals live on the io_context's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/config.hpp"
#include "common/error.hpp"
#include "common/log.hpp"

namespace boost::asio {
class io_context;
}

namespace alarmwire::daemon {

enum ExitCode {
  exit_ok = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_degraded = 3,
  exit_unknown = 4,
  exit_config = 78
};

struct Arguments {
  std::string config_path;
  bool check_config = false;
};
// --config FILE, --check-config, --version, --help. Prints and exits by itself where there is
// nothing left to do.
Arguments parse_arguments(int argc, char** argv, std::string_view name,
                          std::string_view default_config_path);

// `[log] level = "error|warning|info|debug"`, the same in every daemon's file.
log::Level parse_log_level(config::Table log);

// SIGTERM/SIGINT → on_stop once; SIGHUP → on_reload. SIGPIPE is ignored.
class Signals {
 public:
  static std::unique_ptr<Signals> install(boost::asio::io_context& context,
                                          std::function<void()> on_stop,
                                          std::function<void()> on_reload);
  virtual ~Signals() = default;
};

// sd_notify; each does nothing outside systemd. Watchdog pings come from a timer on `context`, at
// half the interval: a stuck loop stops them.
void notify_ready(std::string_view status);
void notify_status(std::string_view status);
void notify_reloading();
void notify_stopping();
std::shared_ptr<void> start_watchdog(boost::asio::io_context& context);

}  // namespace alarmwire::daemon
