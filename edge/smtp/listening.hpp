// The door's listening sockets, made before anything else of the box runs: a port below 1024 takes
// a right that the box gives up before it reads the first byte of a device, and devices that
// connect while the spool still opens wait in the backlog instead of being refused.
// Thread-safety: start-up only.
#pragma once

#include <vector>

#include "common/error.hpp"
#include "edge/smtp/config.hpp"
#include "edge/smtp/inherited.hpp"

namespace alarmwire::smtp {

// A listening TCP socket as the listener wants it; the descriptor is the caller's.
Result<int> listen_at(const ListenerConfig& listener);

// The one that has the listener's name, or its address and port; null where there is none.
const InheritedSocket* socket_for(const ListenerConfig& listener,
                                  const std::vector<InheritedSocket>& sockets);

// One for each listener: systemd's where there is one, else opened here. Fails when one cannot be
// opened, and closes those it opened.
Result<std::vector<InheritedSocket>> listening_sockets(const Config& config);

}  // namespace alarmwire::smtp
