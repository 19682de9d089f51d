// Accepts TCP connections by itself and hands them to gRPC, which so keeps the peer's address. The
// listening socket may be bound to an interface: gRPC cannot do that.
//
// Thread-safety: one thread; it has a thread of its own until it goes.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>

#include "common/error.hpp"

namespace alarmwire::link {

class Acceptor {
 public:
  using Target = grpc::experimental::ExternalConnectionAcceptor;
  // Owns and closes `listen_fd`.
  static Result<std::unique_ptr<Acceptor>> start(int listen_fd, std::unique_ptr<Target> target);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  Acceptor(int listen_fd, int wake_fd, std::unique_ptr<Target> target);
  void accept_all();
  void hand_over(int fd);

  const int listen_fd_;
  const int wake_fd_;
  const std::unique_ptr<Target> target_;
  std::thread thread_;
};

}  // namespace alarmwire::link
