#include "grpc/server/link_server.hpp"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "grpc/proto/callback_queue.hpp"
#include "grpc/proto/service.hpp"
#include "grpc/server/acceptor.hpp"
#include "grpc/server/peer.hpp"

namespace alarmwire::link {

namespace {

constexpr std::chrono::milliseconds last_write_wait_max{1000};

grpc::Status status_of(CloseCode code, const std::string& reason) {
  switch (code) {
    case CloseCode::stopped:
    case CloseCode::drained:
    case CloseCode::failed:
      return {grpc::StatusCode::UNAVAILABLE, reason};
    case CloseCode::fenced:
      return {grpc::StatusCode::ABORTED, reason};
    case CloseCode::silent:
      return {grpc::StatusCode::DEADLINE_EXCEEDED, reason};
    case CloseCode::protocol:
      return {grpc::StatusCode::INVALID_ARGUMENT, reason};
    case CloseCode::version:
      return {grpc::StatusCode::FAILED_PRECONDITION, reason};
    case CloseCode::denied:
      return {grpc::StatusCode::PERMISSION_DENIED, reason};
  }
  return {grpc::StatusCode::UNKNOWN, reason};
}

// gRPC's reactor and our stream in one; deleted by gRPC's OnDone. The handler holds a Handle, which
// outlives it.
class Reactor;

class Handle final : public LinkStream {
 public:
  explicit Handle(Reactor& reactor) : reactor_(&reactor) {}
  void write(const v1::CentreFrame& frame) override;
  void consumed() override;
  void close(CloseCode code, const std::string& reason) override;
  void cancel();
  void forget() {
    const std::lock_guard lock(mutex_);
    reactor_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Reactor* reactor_;
};

class Reactor final : public grpc::ServerBidiReactor<v1::BoxFrame, v1::CentreFrame> {
 public:
  Reactor(grpc::CallbackServerContext& context, std::atomic<std::size_t>& streams)
      : context_(context), streams_(streams), handle_(std::make_shared<Handle>(*this)) {
    ++streams_;
  }

  std::shared_ptr<Handle> handle() { return handle_; }

  void begin(std::shared_ptr<StreamHandler> handler) {
    if (handler == nullptr) {
      close(CloseCode::denied, "this address is no box of ours");
      return;
    }
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
    read();
  }

  void write(const v1::CentreFrame& frame) {
    const std::lock_guard lock(mutex_);
    if (closing_ || writing_) return;
    writing_ = true;
    out_ = frame;
    StartWrite(&out_);
  }

  void consumed() {
    const std::lock_guard lock(mutex_);
    if (unconsumed_ > 0) --unconsumed_;
    read();
  }

  void close(CloseCode code, const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    status_ = status_of(code, reason);
    reason_ = reason;
    if (!writing_) return finish();
    // The peer may not be reading at all: then the stream is torn down.
    const auto deadline = std::chrono::system_clock::now() + last_write_wait_max;
    last_write_.Set(deadline, [handle = handle_](bool expired) {
      if (expired) handle->cancel();
    });
  }

  void cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      if (ok) ++unconsumed_;
    }
    if (!ok) return close(CloseCode::stopped, "the box has ended the stream");
    // Still `reading_`: until in_ was handed on, consumed() must not begin the next read into it.
    handler_->on_frame(std::move(in_));
    const std::lock_guard lock(mutex_);
    reading_ = false;
    read();
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (closing_) {
        last_write_.Cancel();
        return finish();
      }
    }
    if (!ok) return close(CloseCode::stopped, "the stream is broken");
    handler_->on_write_done();
  }

  void OnCancel() override { close(CloseCode::stopped, "the connection is lost"); }

  void OnDone() override {
    handle_->forget();
    if (handler_ != nullptr) handler_->on_closed(reason_);
    handler_.reset();
    --streams_;
    delete this;
  }

 private:
  void read() {
    if (reading_ || closing_ || unconsumed_ >= frames_unconsumed_max) return;
    reading_ = true;
    in_.Clear();
    StartRead(&in_);
  }

  void finish() {
    if (finished_) return;
    finished_ = true;
    Finish(status_);
  }

  grpc::CallbackServerContext& context_;
  std::atomic<std::size_t>& streams_;
  std::shared_ptr<Handle> handle_;
  std::shared_ptr<StreamHandler> handler_;
  std::mutex mutex_;
  v1::BoxFrame in_;
  v1::CentreFrame out_;
  grpc::Alarm last_write_;
  grpc::Status status_;
  std::string reason_;
  std::size_t unconsumed_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool finished_ = false;
};

void Handle::write(const v1::CentreFrame& frame) {
  const std::lock_guard lock(mutex_);
  if (reactor_ != nullptr) reactor_->write(frame);
}

void Handle::consumed() {
  const std::lock_guard lock(mutex_);
  if (reactor_ != nullptr) reactor_->consumed();
}

void Handle::close(CloseCode code, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (reactor_ != nullptr) reactor_->close(code, reason);
}

void Handle::cancel() {
  const std::lock_guard lock(mutex_);
  if (reactor_ != nullptr) reactor_->cancel();
}

class Server final : public LinkServer, public v1::Link::CallbackService {
 public:
  Server(int listen_fd, OnOpen on_open) : listen_fd_(listen_fd), on_open_(std::move(on_open)) {}

  ~Server() override { stop(std::chrono::milliseconds(0)); }

  Status start(const LinkServerConfig& config) {
    grpc::ResourceQuota quota("link");
    quota.Resize(config.memory_bytes_max);
    grpc::ServerBuilder builder;
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(message_bytes_max);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_per_connection_max);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
    builder.RegisterService(this);
    auto target = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return Failure(Errc::io, "gRPC did not start its server");
    auto acceptor = Acceptor::start(std::exchange(listen_fd_, -1), std::move(target));
    if (!acceptor) return acceptor.error();
    acceptor_ = std::move(*acceptor);
    return {};
  }

  void stop(std::chrono::milliseconds grace) override {
    acceptor_.reset();
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now() + grace);
      server_->Wait();
      server_.reset();
    }
    if (listen_fd_ >= 0) ::close(std::exchange(listen_fd_, -1));
  }

  std::size_t streams() const override { return streams_.load(); }

  grpc::ServerBidiReactor<v1::BoxFrame, v1::CentreFrame>* Connect(
      grpc::CallbackServerContext* context) override {
    auto* reactor = new Reactor(*context, streams_);
    reactor->begin(on_open_(address_of_peer(context->peer()), ++last_stream_, reactor->handle()));
    return reactor;
  }

 private:
  int listen_fd_;  // until the acceptor has it
  OnOpen on_open_;
  std::atomic<std::size_t> streams_{0};
  std::atomic<std::uint64_t> last_stream_{0};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;  // goes before the server
};

}  // namespace

Result<std::unique_ptr<LinkServer>> LinkServer::start(const LinkServerConfig& config,
                                                      OnOpen on_open) {
  keep_callback_queue();
  auto server = std::make_unique<Server>(config.listen_fd, std::move(on_open));
  if (Status started = server->start(config); !started) return started.error();
  return std::unique_ptr<LinkServer>(std::move(server));
}

}  // namespace alarmwire::link
