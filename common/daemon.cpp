#include "common/daemon.hpp"

#include <getopt.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

namespace alarmwire::daemon {
namespace {

void print_usage(std::FILE* out, std::string_view name, std::string_view default_config_path) {
  std::fprintf(out,
               "usage: %.*s [--config FILE] [--check-config]\n\n"
               "  --config FILE    configuration (default: %.*s)\n"
               "  --check-config   say what is wrong with the configuration, and exit: 0 or 78\n"
               "  --version        print the version\n"
               "  --help           print this\n",
               static_cast<int>(name.size()), name.data(),
               static_cast<int>(default_config_path.size()), default_config_path.data());
}

class AsioSignals final : public Signals {
 public:
  AsioSignals(boost::asio::io_context& context, std::function<void()> on_stop,
              std::function<void()> on_reload)
      : stop_(context, SIGTERM, SIGINT),
        reload_(context, SIGHUP),
        on_stop_(std::move(on_stop)),
        on_reload_(std::move(on_reload)) {
    std::signal(SIGPIPE, SIG_IGN);
    stop_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) on_stop_();
    });
    wait_for_reload();
  }

 private:
  void wait_for_reload() {
    reload_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      wait_for_reload();
      on_reload_();
    });
  }

  boost::asio::signal_set stop_;
  boost::asio::signal_set reload_;
  std::function<void()> on_stop_;
  std::function<void()> on_reload_;
};

class Watchdog : public std::enable_shared_from_this<Watchdog> {
 public:
  Watchdog(boost::asio::io_context& context, std::chrono::microseconds interval)
      : timer_(context), interval_(interval) {}

  void ping() {
    sd_notify(0, "WATCHDOG=1");
    timer_.expires_after(interval_);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self != nullptr && !error) self->ping();
    });
  }

 private:
  boost::asio::steady_timer timer_;
  std::chrono::microseconds interval_;
};

void notify_with_status(std::string state, std::string_view status) {
  if (!status.empty()) state += "STATUS=" + std::string(status);
  sd_notify(0, state.c_str());
}

}  // namespace

Arguments parse_arguments(int argc, char** argv, std::string_view name,
                          std::string_view default_config_path) {
  static constexpr std::array<option, 5> options{{{"config", required_argument, nullptr, 'c'},
                                                  {"check-config", no_argument, nullptr, 'k'},
                                                  {"version", no_argument, nullptr, 'v'},
                                                  {"help", no_argument, nullptr, 'h'},
                                                  {nullptr, 0, nullptr, 0}}};
  Arguments arguments{std::string(default_config_path), false};
  int chosen = 0;
  while ((chosen = getopt_long(argc, argv, "", options.data(), nullptr)) != -1) {
    switch (chosen) {
      case 'c':
        arguments.config_path = optarg;
        break;
      case 'k':
        arguments.check_config = true;
        break;
      case 'v':
        std::printf("%.*s %s\n", static_cast<int>(name.size()), name.data(), ALARMWIRE_VERSION);
        std::exit(exit_ok);
      case 'h':
        print_usage(stdout, name, default_config_path);
        std::exit(exit_ok);
      default:
        print_usage(stderr, name, default_config_path);
        std::exit(exit_usage);
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "%.*s: unexpected argument: %s\n", static_cast<int>(name.size()),
                 name.data(), argv[optind]);
    std::exit(exit_usage);
  }
  return arguments;
}

std::unique_ptr<Signals> Signals::install(boost::asio::io_context& context,
                                          std::function<void()> on_stop,
                                          std::function<void()> on_reload) {
  return std::make_unique<AsioSignals>(context, std::move(on_stop), std::move(on_reload));
}

void notify_ready(std::string_view status) {
  notify_with_status("READY=1\n", status);
}

void notify_status(std::string_view status) {
  notify_with_status("", status);
}

void notify_reloading() {
  // Type=notify-reload wants to know when the reload began, on the clock that never jumps.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t now_us = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us)).c_str());
}

void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}

std::shared_ptr<void> start_watchdog(boost::asio::io_context& context) {
  std::uint64_t limit_us = 0;
  if (sd_watchdog_enabled(0, &limit_us) <= 0) return nullptr;
  auto watchdog = std::make_shared<Watchdog>(
      context, std::chrono::microseconds(std::max(limit_us / 2, 1000ul)));
  watchdog->ping();
  return watchdog;
}

log::Level parse_log_level(config::Table log) {
  static constexpr std::array levels{log::Level::error, log::Level::warning, log::Level::info,
                                     log::Level::debug};
  return levels.at(log.choice("level", 2, {"error", "warning", "info", "debug"}));
}

}  // namespace alarmwire::daemon
