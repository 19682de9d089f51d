// alarmwire-receiver: the centre's daemon.
#include <cstdio>
#include <utility>

#include "common/confine.hpp"
#include "receiver/daemon/messages.hpp"
#include "receiver/daemon/receiver_daemon.hpp"

namespace alarmwire::receiver {
namespace {

// What the centre needs from now on: its own folders, its configuration, the link's port, and
// whatever host and port an outlet names, now or after SIGHUP.
confine::Policy needs_of(const Config& config, const std::string& config_path) {
  confine::Policy policy;
  policy.state_directory = config.state_directory;
  policy.own_folders = {config.ledger.directory};
  policy.socket_folders = {confine::folder_of(config.control_socket)};
  policy.readable = confine::folders_of(config.own_files);
  policy.readable.push_back(confine::folder_of(config_path));
  policy.out_of_reach = {config.tunnel.private_key_file};
  policy.asks_dns = true;
  // gRPC finds out by a free port whether there is IPv6.
  policy.listen_ports = {config.tunnel.link_port, config.tunnel.enrolment_port,
                         confine::any_free_port};
  return policy;
}

int run(const std::string& config_path, Config config) {
  const int metrics_socket = metrics::listen_at(config.metrics);
  Status started = confine::give_up_rights(config.user);
  if (started) started = confine::hold(needs_of(config, config_path));
  if (started.has_error()) {
    log::write(RECEIVER_START_FAILED, {{"reason", started.error().diagnostics}});
    return daemon::exit_failed;
  }
  ReceiverDaemon centre(config_path, std::move(config));
  centre.offer_metrics(metrics_socket);
  if (started = centre.start(); started.has_error()) {
    log::write(RECEIVER_START_FAILED, {{"reason", started.error().diagnostics}});
    return daemon::exit_failed;
  }
  return centre.run();
}

}  // namespace
}  // namespace alarmwire::receiver

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
  return receiver::run(arguments.config_path, std::move(*config));
}
