// alarmwire-receiver: the centre's daemon.
#include <cstdio>
#include <utility>

#include "receiver/daemon/messages.hpp"
#include "receiver/daemon/receiver_daemon.hpp"

int main(int argc, char** argv) {
  using namespace alarmwire;
  const daemon::Arguments arguments =
      daemon::parse_arguments(argc, argv, "alarmwire-receiver", receiver::default_config_path);
  Result<receiver::Config> config = receiver::load_config(arguments.config_path);
  if (config.has_error()) {
    std::fprintf(stderr, "%s\n", config.error().diagnostics.c_str());
    return daemon::exit_config;
  }
  if (arguments.check_config) {
    std::printf("%s: ok\n", arguments.config_path.c_str());
    return daemon::exit_ok;
  }
  receiver::ReceiverDaemon centre(arguments.config_path, std::move(*config));
  if (const Status started = centre.start(); started.has_error()) {
    log::write(receiver::RECEIVER_START_FAILED, {{"reason", started.error().diagnostics}});
    return daemon::exit_failed;
  }
  return centre.run();
}
