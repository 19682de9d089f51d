// The real gRPC drivers of both ends, over loopback, down to the real ledger.
#include "grpc/client/link_client.hpp"
#include "receiver/ingest/tests/harness.hpp"

namespace alarmwire::ingest::testing {
namespace {

class BoxClient : public link::ClientHandler {
 public:
  void on_frame(std::uint64_t attempt, v1::CentreFrame frame) override {
    {
      const std::lock_guard lock(mutex_);
      frames_.push_back(std::move(frame));
    }
    client->consumed(attempt);
  }
  void on_write_done(std::uint64_t) override { ++written; }
  void on_closed(std::uint64_t, const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    closed_ = reason;
  }
  bool has(const std::function<bool(const v1::CentreFrame&)>& wanted) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return std::any_of(frames_.begin(), frames_.end(), wanted);
    });
  }
  bool is_closed() const {
    const std::lock_guard lock(mutex_);
    return !closed_.empty();
  }
  std::atomic<int> written{0};
  std::unique_ptr<link::LinkClient> client;

 private:
  mutable std::mutex mutex_;
  std::vector<v1::CentreFrame> frames_;
  std::string closed_;
};

TEST_F(Centre, over_real_grpc_a_record_is_settled_and_a_drain_ends_the_stream) {
  const Result<int> listening = link::listen_tcp("127.0.0.1", 0, "");
  ASSERT_TRUE(listening.has_value()) << listening.error().diagnostics;
  const std::uint16_t port = link::local_port(*listening);
  link::LinkServerConfig server;
  server.listen_fd = *listening;
  const Status started = ingest->listen(server);
  ASSERT_FALSE(started.has_error()) << started.error().diagnostics;

  BoxClient box;
  box.client = link::LinkClient::make({"127.0.0.1", port}, box);
  const std::uint64_t attempt = box.client->connect();
  box.client->write(attempt, hello(epoch));
  ASSERT_TRUE(box.has([](const v1::CentreFrame& frame) { return frame.has_welcome(); }));
  const ledger::Incoming incoming = alarm(1);
  box.client->write(attempt, record(incoming));
  ASSERT_TRUE(box.has([](const v1::CentreFrame& frame) {
    return frame.has_settled() && frame.settled().seq() == 1;
  }));
  EXPECT_EQ(real->find(incoming.header.id)->box, "site-loop");
  std::atomic<bool> drained{false};
  ingest->drain(std::chrono::seconds(1), "restart", [&] { drained = true; });
  EXPECT_TRUE(box.has([](const v1::CentreFrame& frame) { return frame.has_drain(); }));
  EXPECT_TRUE(eventually([&] { return drained.load() && box.is_closed(); }));
  box.client.reset();
}

}  // namespace
}  // namespace alarmwire::ingest::testing
