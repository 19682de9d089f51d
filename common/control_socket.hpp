// The file behind a control socket: made so that a stale one is replaced, a live one never, and
// only owner and group get in. Private to common.
// Thread-safety: start-up only.
#pragma once

#include <string>

#include "common/error.hpp"

namespace alarmwire::control {

// A listening, non-blocking, close-on-exec Unix socket, and the identity of its file.
struct ListeningSocket {
  int descriptor = -1;
  unsigned long device = 0;
  unsigned long inode = 0;
};

// Errc::busy: a live daemon listens there. Errc::exists: something that is no socket is there.
Result<ListeningSocket> listen_on(const std::string& path, const std::string& group);
// Removes the file, unless somebody has put another one in its place.
void remove_socket(const std::string& path, const ListeningSocket& socket);
// A connected, non-blocking, close-on-exec Unix socket.
Result<int> connect_to(const std::string& path);

}  // namespace alarmwire::control
