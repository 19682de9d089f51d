// Names to addresses, off the daemon's thread and with a deadline.
//
// getaddrinfo cannot be cancelled and may hang for half a minute; each question has a thread of its
// own that is left behind when it takes too long (at most `running_max`), so that neither an answer
// nor stopping ever waits for it. (Asio's resolver would be joined at the end.)
// Thread-safety: the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "common/error.hpp"
#include "tunnel/address.hpp"

namespace alarmwire::tunnel {

class Resolver {
 public:
  static constexpr std::chrono::milliseconds deadline{5000};
  static constexpr std::size_t running_max = 16;
  // All addresses, both families, in the system's order; Errc::timed_out, Errc::busy, Errc::io.
  using Answer = std::function<void(Result<std::vector<Endpoint>>)>;

  explicit Resolver(boost::asio::io_context& context);
  ~Resolver();  // no answer comes after this
  void resolve(const EndpointName& name, Answer answer);

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace alarmwire::tunnel
