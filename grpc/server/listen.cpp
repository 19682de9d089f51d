#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "grpc/server/link_server.hpp"

namespace alarmwire::link {

namespace {

constexpr int backlog = 512;

// The literal as a socket address; 0: it is none.
socklen_t parse(const std::string& address, std::uint16_t port, sockaddr_storage& out) {
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return sizeof v6;
  }
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return sizeof v4;
  }
  return 0;
}

}  // namespace

Result<int> listen_tcp(const std::string& address, std::uint16_t port, const std::string& device) {
  sockaddr_storage place{};
  const socklen_t size = parse(address, port, place);
  if (size == 0) return Failure(Errc::invalid_argument, address + " is no IP address");
  const int fd = ::socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno_failure(errno, "making a socket");
  const auto failed = [&](const std::string& doing) {
    const Failure failure = errno_failure(errno, doing);
    ::close(fd);
    return failure;
  };
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!device.empty() && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                                      static_cast<socklen_t>(device.size())) != 0) {
    return failed("binding to " + device);
  }
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&place), size) != 0) {
    return failed("binding to " + address + " port " + std::to_string(port));
  }
  if (::listen(fd, backlog) != 0) return failed("listening");
  return fd;
}

std::uint16_t local_port(int fd) {
  sockaddr_storage place{};
  socklen_t size = sizeof place;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&place), &size) != 0) return 0;
  return place.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6&>(place).sin6_port)
                                     : ntohs(reinterpret_cast<sockaddr_in&>(place).sin_port);
}

}  // namespace alarmwire::link
