// Both drivers of enrolment over loopback: real connections, real calls.
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "grpc/client/enrol_client.hpp"
#include "grpc/server/enrol_server.hpp"
#include "grpc/server/link_server.hpp"

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;

class EnrolTest : public ::testing::Test {
 protected:
  void start(EnrolServer::Handler handler) {
    const int fd = listen_tcp("::1", 0, "").value();
    port_ = local_port(fd);
    server_ = EnrolServer::start(fd, std::move(handler)).value();
    client_ = EnrolClient::make("::1", port_);
  }
  std::future<Result<v1::EnrolAnswer>> call(const std::string& key) {
    v1::EnrolRequest request;
    request.set_public_key(key);
    auto promise = std::make_shared<std::promise<Result<v1::EnrolAnswer>>>();
    client_->enrol(
        request, [promise](const Result<v1::EnrolAnswer>& answer) { promise->set_value(answer); });
    return promise->get_future();
  }

  std::uint16_t port_ = 0;
  std::unique_ptr<EnrolServer> server_;
  std::unique_ptr<EnrolClient> client_;
};

TEST_F(EnrolTest, the_answer_comes_back_and_the_address_is_the_callers) {
  start([](const std::string& peer, const v1::EnrolRequest& request, EnrolServer::Answer answer) {
    v1::EnrolAnswer said;
    said.set_box_id(peer + "/" + request.public_key());
    answer(said);
    answer(said);  // a second one is nobody's
  });
  EXPECT_EQ(call("key").get().value().box_id(), "::1/key");
}

TEST_F(EnrolTest, a_failure_is_no_refusal) {
  start([](const std::string&, const v1::EnrolRequest&, EnrolServer::Answer answer) {
    answer(Failure(Errc::busy, "later"));
  });
  const Result<v1::EnrolAnswer> answer = call("key").get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().diagnostics, "later");
}

TEST_F(EnrolTest, an_oversized_request_reaches_nobody) {
  bool asked = false;
  start([&](const std::string&, const v1::EnrolRequest&, EnrolServer::Answer answer) {
    asked = true;
    answer(v1::EnrolAnswer());
  });
  EXPECT_FALSE(call(std::string(enrolment_message_bytes_max + 1, 'k')).get());
  EXPECT_FALSE(asked);
}

TEST_F(EnrolTest, a_server_stops_though_a_call_is_never_answered) {
  std::promise<EnrolServer::Answer> kept;
  start([&](const std::string&, const v1::EnrolRequest&, EnrolServer::Answer answer) {
    kept.set_value(std::move(answer));
  });
  auto pending = call("key");
  const EnrolServer::Answer late = kept.get_future().get();
  server_.reset();
  EXPECT_FALSE(pending.get());
  late(v1::EnrolAnswer());  // and whoever comes late breaks nothing
}

TEST_F(EnrolTest, a_client_that_goes_ends_its_call) {
  std::promise<EnrolServer::Answer> kept;
  start([&](const std::string&, const v1::EnrolRequest&, EnrolServer::Answer answer) {
    kept.set_value(std::move(answer));
  });
  auto pending = call("key");
  const EnrolServer::Answer late = kept.get_future().get();
  client_.reset();
  EXPECT_FALSE(pending.get());
  late(v1::EnrolAnswer());
}

}  // namespace
}  // namespace alarmwire::link
