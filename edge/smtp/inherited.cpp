#include "edge/smtp/inherited.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace alarmwire::smtp {
namespace {

constexpr int first_fd = 3;   // SD_LISTEN_FDS_START
constexpr int fds_max = 256;  // more than anybody hands over

long number_of(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

}  // namespace

std::vector<InheritedSocket> inherited_sockets() {
  std::vector<InheritedSocket> sockets;
  if (number_of("LISTEN_PID") != static_cast<long>(getpid())) return sockets;
  const int count = static_cast<int>(std::clamp(number_of("LISTEN_FDS"), 0L, long{fds_max}));
  const char* const listed = std::getenv("LISTEN_FDNAMES");
  std::string_view names = listed == nullptr ? "" : listed;
  for (int fd = first_fd; fd < first_fd + count; ++fd) {
    const std::size_t end = std::min(names.find(':'), names.size());
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockets.push_back({fd, std::string(names.substr(0, end))});
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return sockets;
}

BoundTo bound_to(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const any = reinterpret_cast<sockaddr*>(&storage);
  int listening = 0;
  socklen_t flag_size = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &flag_size) != 0 || listening == 0)
    return {};
  if (getsockname(fd, any, &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return {inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text), ntohs(v4.sin_port), false};
  }
  if (storage.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  return {inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text), ntohs(v6.sin6_port), true};
}

}  // namespace alarmwire::smtp
