// Reads photos of tickets for the daemon, in a process of its own. The daemon itself may not start
// one any more once it is confined, and libraries that decode pictures have no business beside the
// alarms: the desk is parted from the daemon before that, has no rights, holds nothing open but its
// end of a socket, and each photo is decoded in a child of it (provisioning/qr/qr_photo).
//
// Promises: one photo at a time; an answer comes whatever the picture does. It ends with the
// daemon. Thread-safety: start() before any thread is made; the rest on the io_context's one
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/error.hpp"

namespace alarmwire::edge {

class PhotoDesk {
 public:
  using Done = std::function<void(const Result<std::string>& text)>;

  // The daemon's end of the socket; the desk runs.
  static Result<int> start();

  PhotoDesk(boost::asio::io_context& context, int socket);
  ~PhotoDesk();
  PhotoDesk(const PhotoDesk&) = delete;
  PhotoDesk& operator=(const PhotoDesk&) = delete;

  // `done` comes from the event loop; Errc::busy while another photo is read, Errc::closed once the
  // desk is gone.
  void read(std::string photo, Done done);

 private:
  struct Talk;
  const std::shared_ptr<Talk> talk_;
};

}  // namespace alarmwire::edge
