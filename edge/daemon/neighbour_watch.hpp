// Keeps a NeighbourTable up to date from the kernel. Needs no rights. What the kernel knew at the
// moment of the question is in the answer, and no question waits: the kernel's news are read first,
// without blocking.
//
// Its one socket is opened by open(); nothing more is asked of the system afterwards.
// Thread-safety: the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "common/error.hpp"
#include "edge/daemon/neighbours.hpp"

namespace alarmwire::edge {

class NeighbourWatch {
 public:
  // Errc of the system when there is no rtnetlink for us.
  static Result<std::shared_ptr<NeighbourWatch>> open(boost::asio::io_context& context);
  NeighbourWatch(boost::asio::io_context& context, int socket);
  ~NeighbourWatch();
  NeighbourWatch(const NeighbourWatch&) = delete;
  NeighbourWatch& operator=(const NeighbourWatch&) = delete;

  std::optional<Mac> find(const boost::asio::ip::address& address);

 private:
  void ask_for_all();
  void wait();
  void drain();

  boost::asio::posix::stream_descriptor socket_;
  NeighbourTable table_;
  std::vector<char> buffer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace alarmwire::edge
