#include "grpc/server/enrol_server.hpp"

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "grpc/proto/callback_queue.hpp"
#include "grpc/proto/enrol_service.hpp"
#include "grpc/server/acceptor.hpp"
#include "grpc/server/peer.hpp"

namespace alarmwire::link {

namespace {

constexpr std::chrono::milliseconds stop_within{500};
constexpr int idle_ms_max = 60'000;  // a box that enrolled is gone; who stays is cut off

// gRPC's side of one call; the answer may come at any time, also when the call is gone.
class Reactor final : public grpc::ServerUnaryReactor {
 public:
  explicit Reactor(v1::EnrolAnswer& response) : handle_(std::make_shared<Handle>()) {
    handle_->reactor = this;
    handle_->response = &response;
  }

  EnrolServer::Answer answer() const {
    return [handle = handle_](const Result<v1::EnrolAnswer>& answer) {
      const std::lock_guard lock(handle->mutex);
      if (handle->reactor == nullptr) return;
      if (answer) *handle->response = *answer;
      handle->finish(answer
                         ? grpc::Status::OK
                         : grpc::Status(grpc::StatusCode::UNAVAILABLE, answer.error().diagnostics));
    };
  }

  void OnCancel() override {
    const std::lock_guard lock(handle_->mutex);
    handle_->finish(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  struct Handle {
    std::mutex mutex;
    Reactor* reactor = nullptr;  // until it is finished
    v1::EnrolAnswer* response = nullptr;
    void finish(const grpc::Status& status) {
      if (reactor != nullptr) std::exchange(reactor, nullptr)->Finish(status);
    }
  };
  const std::shared_ptr<Handle> handle_;
};

class Server final : public EnrolServer, public v1::Enrolment::CallbackService {
 public:
  explicit Server(Handler handler) : handler_(std::move(handler)) {}

  ~Server() override {
    acceptor_.reset();
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + stop_within);
    server_->Wait();
  }

  Status start(int listen_fd) {
    grpc::ResourceQuota quota("enrolment");
    quota.Resize(enrolment_memory_bytes_max);
    grpc::ServerBuilder builder;
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(enrolment_message_bytes_max);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, enrolment_calls_per_connection_max);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, idle_ms_max);
    builder.RegisterService(this);
    auto target = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      ::close(listen_fd);
      return Failure(Errc::io, "gRPC did not start its server");
    }
    Result<std::unique_ptr<Acceptor>> acceptor = Acceptor::start(listen_fd, std::move(target));
    if (!acceptor) return acceptor.error();
    acceptor_ = std::move(*acceptor);
    return {};
  }

  grpc::ServerUnaryReactor* Enrol(grpc::CallbackServerContext* context,
                                  const v1::EnrolRequest* request,
                                  v1::EnrolAnswer* response) override {
    auto* const reactor = new Reactor(*response);
    handler_(address_of_peer(context->peer()), *request, reactor->answer());
    return reactor;
  }

 private:
  const Handler handler_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace

Result<std::unique_ptr<EnrolServer>> EnrolServer::start(int listen_fd, Handler handler) {
  keep_callback_queue();
  auto server = std::make_unique<Server>(std::move(handler));
  if (Status started = server->start(listen_fd); !started) return started.error();
  return std::unique_ptr<EnrolServer>(std::move(server));
}

}  // namespace alarmwire::link
