// The centre's end of enrolment: takes boxes' calls on a port of its own, which only bootstrap
// peers reach, and nothing else.
//
// Thread-safety: start() and stop() on one thread; the handler is called from gRPC's threads, and
// answers from any, once, soon: a box waits.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/error.hpp"
#include "grpc/proto/enrol.hpp"

namespace alarmwire::link {

inline constexpr std::size_t enrolment_memory_bytes_max = 16 * 1024 * 1024;  // gRPC's quota
inline constexpr int enrolment_calls_per_connection_max = 4;

class EnrolServer {
 public:
  using Answer = std::function<void(const Result<v1::EnrolAnswer>& answer)>;
  // `peer_address`: "fd00::1", without port. A failure is told as UNAVAILABLE: ask again.
  using Handler = std::function<void(const std::string& peer_address,
                                     const v1::EnrolRequest& request, Answer answer)>;

  // Owns and closes the socket, which is bound and listening.
  static Result<std::unique_ptr<EnrolServer>> start(int listen_fd, Handler handler);
  virtual ~EnrolServer() =
      default;  // stops: blocks until every call has been answered or cancelled
};

}  // namespace alarmwire::link
