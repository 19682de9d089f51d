// Listening sockets handed over by systemd (socket activation: LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES; sd_listen_fds(3)).
#pragma once

#include <string>
#include <vector>

namespace alarmwire::smtp {

struct InheritedSocket {
  int fd = -1;
  std::string name;  // FileDescriptorName= of the socket unit
};

// Those meant for this process; each is marked close-on-exec. Call once, at start-up.
std::vector<InheritedSocket> inherited_sockets();

// "address" and port a listening TCP socket is bound to; port 0 when it is none.
struct BoundTo {
  std::string address;
  unsigned port = 0;
  bool v6 = false;
};
BoundTo bound_to(int fd);

}  // namespace alarmwire::smtp
