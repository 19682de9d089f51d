// alarmwire-edge: the box's daemon.
#include <cstdio>
#include <utility>

#include "common/confine.hpp"
#include "edge/daemon/edge_daemon.hpp"
#include "edge/daemon/messages.hpp"
#include "edge/smtp/listening.hpp"

namespace alarmwire::edge {
namespace {

// What the box needs from now on: its own folders, its configuration, and the centre's link.
confine::Policy needs_of(const Config& config, const std::string& config_path) {
  confine::Policy policy;
  policy.state_directory = config.state_directory;
  policy.own_folders = {config.spool.directory, config.smtp.tls.directory};
  policy.socket_folders = {confine::folder_of(config.control_socket)};
  policy.readable = confine::folders_of(config.own_files);
  policy.readable.push_back(confine::folder_of(config_path));
  policy.shared_folders = config.stick_folders;
  policy.out_of_reach = {config.tunnel.enrols ? config.tunnel.state_directory + "/identity.json"
                                              : config.tunnel.private_key_file};
  policy.connect_ports = {config.tunnel.link_port};
  policy.listen_ports = {confine::any_free_port};  // gRPC finds out by it whether there is IPv6
  if (config.tunnel.enrols) policy.connect_ports->push_back(config.tunnel.enrolment_port);
  return policy;
}

struct Prepared {
  std::vector<smtp::InheritedSocket> door;
  PageSockets page;
  int metrics = -1;
};

// The sockets first: their ports may need a right that is given up next. Then the desk for photos:
// a confined process starts no other.
Result<Prepared> prepare(const Config& config, const std::string& config_path) {
  auto sockets = smtp::listening_sockets(config.smtp);
  if (sockets.has_error()) return sockets.error();
  Prepared prepared{std::move(*sockets), {}};
  prepared.page.listening = open_page_socket(config.page);
  prepared.metrics = metrics::listen_at(config.metrics);
  if (Status done = confine::give_up_rights(config.user); done.has_error()) return done.error();
  if (prepared.page.listening >= 0) {
    const Result<int> desk = PhotoDesk::start();
    if (desk.has_error()) return desk.error();
    prepared.page.photo_desk = *desk;
  }
  if (Status held = confine::hold(needs_of(config, config_path)); held.has_error())
    return held.error();
  return prepared;
}

int run(const std::string& config_path, Config config) {
  auto prepared = prepare(config, config_path);
  if (prepared.has_error()) {
    log::write(EDGE_START_FAILED, {{"reason", prepared.error().diagnostics}});
    return daemon::exit_failed;
  }
  EdgeDaemon box(config_path, std::move(config), std::move(prepared->door), prepared->page);
  box.offer_metrics(prepared->metrics);
  if (const Status started = box.start(); started.has_error()) {
    log::write(EDGE_START_FAILED, {{"reason", started.error().diagnostics}});
    return daemon::exit_failed;
  }
  return box.run();
}

}  // namespace
}  // namespace alarmwire::edge

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
  return edge::run(arguments.config_path, std::move(*config));
}
