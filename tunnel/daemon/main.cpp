// alarmwire-tunnel: alone holds the private key and CAP_NET_ADMIN.
#include <boost/asio/io_context.hpp>
#include <cstdio>

#include "common/daemon.hpp"
#include "tunnel/messages.hpp"
#include "tunnel/service.hpp"

namespace {

using namespace alarmwire;

int refuse(const Failure& failure) {
  std::fprintf(stderr, "%s\n", failure.diagnostics.c_str());
  return daemon::exit_config;
}

int run(const std::string& config_path, const tunnel::Settings& settings,
        const tunnel::Secrets& secrets) {
  boost::asio::io_context context(1);
  tunnel::Service service(context, config_path, settings, secrets);
  const auto signals = daemon::Signals::install(
      context,
      [&] {
        daemon::notify_stopping();
        service.stop();
        context.stop();
      },
      [&] { service.reload(); });
  if (const Status started = service.start(); !started) {
    log::write(tunnel::TUNNEL_START_FAILED, {{"reason", started.error().diagnostics}});
    service.stop();
    return daemon::exit_failed;
  }
  const std::shared_ptr<void> watchdog = daemon::start_watchdog(context);
  daemon::notify_ready("running");
  context.run();
  return daemon::exit_ok;
}

}  // namespace

int main(int argc, char** argv) {
  const daemon::Arguments arguments =
      daemon::parse_arguments(argc, argv, "alarmwire-tunnel", "/etc/alarmwire/edge.toml");
  const Result<tunnel::Settings> settings = tunnel::load_settings(arguments.config_path);
  if (!settings) return refuse(settings.error());
  const Result<tunnel::Secrets> secrets = tunnel::load_secrets(*settings);
  if (!secrets) return refuse(secrets.error());
  if (arguments.check_config) return daemon::exit_ok;
  return run(arguments.config_path, *settings, *secrets);
}
