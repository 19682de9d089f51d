#include "grpc/client/enrol_client.hpp"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "grpc/client/channel.hpp"
#include "grpc/proto/callback_queue.hpp"
#include "grpc/proto/enrol_service.hpp"

namespace alarmwire::link {

namespace {

// What a call needs until it ends, and how many have not.
struct Calls {
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t open = 0;
};

struct Call {
  grpc::ClientContext context;
  v1::EnrolRequest request;
  v1::EnrolAnswer answer;
};

class Client final : public EnrolClient {
 public:
  Client(const std::string& address, std::uint16_t port)
      : stub_(v1::Enrolment::NewStub(
            make_channel(address, port, enrol_call_within, enrolment_message_bytes_max))) {}

  ~Client() override {
    if (const auto call = last_.lock()) call->context.TryCancel();
    std::unique_lock lock(calls_.mutex);
    calls_.ended.wait(lock, [this] { return calls_.open == 0; });
  }

  void enrol(const v1::EnrolRequest& request, Done done) override {
    auto call = std::make_shared<Call>();
    last_ = call;
    call->request = request;
    call->context.set_deadline(std::chrono::system_clock::now() + enrol_call_within);
    {
      const std::lock_guard lock(calls_.mutex);
      ++calls_.open;
    }
    stub_->async()->Enrol(&call->context, &call->request, &call->answer,
                          [this, call, done = std::move(done)](const grpc::Status& status) {
                            if (status.ok())
                              done(call->answer);
                            else
                              done(Failure(Errc::closed, status.error_message()));
                            const std::lock_guard lock(calls_.mutex);
                            --calls_.open;
                            calls_.ended.notify_all();
                          });
  }

 private:
  Calls calls_;
  std::weak_ptr<Call> last_;
  std::unique_ptr<v1::Enrolment::Stub> stub_;
};

}  // namespace

std::unique_ptr<EnrolClient> EnrolClient::make(const std::string& address, std::uint16_t port) {
  keep_callback_queue();
  return std::make_unique<Client>(address, port);
}

}  // namespace alarmwire::link
