#include "edge/smtp/listening.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>

namespace alarmwire::smtp {
namespace {

bool is_for(const InheritedSocket& socket, const ListenerConfig& listener) {
  const BoundTo bound = bound_to(socket.fd);
  const bool same_place = bound.address == listener.address && bound.port == listener.port;
  return bound.port != 0 && (socket.name == listener.name || same_place);
}

bool set(int fd, int level, int option, int value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

}  // namespace

const InheritedSocket* socket_for(const ListenerConfig& listener,
                                  const std::vector<InheritedSocket>& sockets) {
  const auto found =
      std::find_if(sockets.begin(), sockets.end(),
                   [&](const InheritedSocket& socket) { return is_for(socket, listener); });
  return found != sockets.end() ? &*found : nullptr;
}

Result<int> listen_at(const ListenerConfig& listener) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(listener.address, error);
  if (error) return Failure(error, "listener " + listener.name + ": address " + listener.address);
  const boost::asio::ip::tcp::endpoint endpoint(address, listener.port);
  const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool done = fd >= 0 && set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (done && address.is_v6())
    done = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.is_unspecified() ? 0 : 1);
  done = done && ::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 &&
         ::listen(fd, SOMAXCONN) == 0;
  if (done) return fd;
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  return errno_failure(
      reason, "listening on " + listener.address + " port " + std::to_string(listener.port));
}

Result<std::vector<InheritedSocket>> listening_sockets(const Config& config) {
  std::vector<InheritedSocket> sockets = inherited_sockets();
  const std::size_t handed_over = sockets.size();
  for (const ListenerConfig& listener : config.listeners) {
    if (socket_for(listener, sockets) != nullptr) continue;
    const Result<int> made = listen_at(listener);
    if (made.has_error()) {
      for (std::size_t i = handed_over; i < sockets.size(); ++i) ::close(sockets[i].fd);
      return made.error();
    }
    sockets.push_back({*made, listener.name});
  }
  return sockets;
}

}  // namespace alarmwire::smtp
