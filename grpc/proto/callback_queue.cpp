#include "grpc/proto/callback_queue.hpp"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "grpc/proto/service.hpp"

namespace alarmwire::link {

void keep_callback_queue() {
  // A server without a port: nobody can call it. Reachable for ever, so no leak to a checker.
  static const grpc::Server* const forever = [] {
    static auto* const service = new v1::Link::CallbackService();
    grpc::ServerBuilder builder;
    builder.RegisterService(service);
    return builder.BuildAndStart().release();
  }();
  static_cast<void>(forever);
}

}  // namespace alarmwire::link
