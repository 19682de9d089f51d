#include "grpc/server/acceptor.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace alarmwire::link {

namespace {

constexpr int accept_retry_ms = 100;  // after running out of descriptors

}  // namespace

Result<std::unique_ptr<Acceptor>> Acceptor::start(int listen_fd, std::unique_ptr<Target> target) {
  const int wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    const Failure failure = errno_failure(errno, "making an eventfd");
    ::close(listen_fd);
    return failure;
  }
  return std::unique_ptr<Acceptor>(new Acceptor(listen_fd, wake_fd, std::move(target)));
}

Acceptor::Acceptor(int listen_fd, int wake_fd, std::unique_ptr<Target> target)
    : listen_fd_(listen_fd),
      wake_fd_(wake_fd),
      target_(std::move(target)),
      thread_([this] { accept_all(); }) {}

Acceptor::~Acceptor() {
  const std::uint64_t one = 1;
  while (::write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  ::close(listen_fd_);
  ::close(wake_fd_);
}

void Acceptor::accept_all() {
  while (true) {
    pollfd waited[2] = {{listen_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (::poll(waited, 2, -1) < 0 && errno != EINTR) return;
    if (waited[1].revents != 0) return;
    const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      hand_over(fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      ::poll(&waited[1], 1, accept_retry_ms);
    }
  }
}

void Acceptor::hand_over(int fd) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  Target::NewConnectionParameters connection;
  connection.listener_fd = listen_fd_;
  connection.fd = fd;
  target_->HandleNewConnection(&connection);
}

}  // namespace alarmwire::link
