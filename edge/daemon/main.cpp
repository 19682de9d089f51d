// alarmwire-edge: the box's daemon.
#include <cstdio>
#include <utility>

#include "edge/daemon/edge_daemon.hpp"
#include "edge/daemon/messages.hpp"

int main(int argc, char** argv) {
  using namespace alarmwire;
  const daemon::Arguments arguments =
      daemon::parse_arguments(argc, argv, "alarmwire-edge", edge::default_config_path);
  Result<edge::Config> config = edge::load_config(arguments.config_path);
  if (config.has_error()) {
    std::fprintf(stderr, "%s\n", config.error().diagnostics.c_str());
    return daemon::exit_config;
  }
  if (arguments.check_config) {
    std::printf("%s: ok\n", arguments.config_path.c_str());
    return daemon::exit_ok;
  }
  edge::EdgeDaemon box(arguments.config_path, std::move(*config));
  if (const Status started = box.start(); started.has_error()) {
    log::write(edge::EDGE_START_FAILED, {{"reason", started.error().diagnostics}});
    return daemon::exit_failed;
  }
  return box.run();
}
