// Both gRPC drivers over loopback: real connections, real frames.
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "grpc/client/link_client.hpp"
#include "grpc/server/link_server.hpp"
#include "grpc/server/peer.hpp"

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;

// What happened at either end, in order, with waiting.
class Journal {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++counts_[what];
    changed_.notify_all();
  }
  bool wait(const std::string& what, std::size_t times = 1,
            std::chrono::milliseconds longest = 5000ms) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, longest, [&] { return counts_[what] >= times; });
  }
  std::size_t count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return counts_[what];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::size_t> counts_;
};

class BoxEnd : public ClientHandler {
 public:
  void on_frame(std::uint64_t attempt, v1::CentreFrame frame) override {
    if (client != nullptr) client->consumed(attempt);
    {
      const std::lock_guard lock(mutex);
      last = std::move(frame);
    }
    journal.add("frame");
  }
  void on_write_done(std::uint64_t) override { journal.add("written"); }
  void on_closed(std::uint64_t, const std::string& reason) override {
    {
      const std::lock_guard lock(mutex);
      closed_with = reason;
    }
    journal.add("closed");
  }
  Journal journal;
  std::mutex mutex;
  v1::CentreFrame last;
  std::string closed_with;
  LinkClient* client = nullptr;
};

class CentreEnd : public StreamHandler {
 public:
  void on_frame(v1::BoxFrame) override {
    journal.add("frame");
    if (consumes) stream->consumed();
  }
  void on_write_done() override { journal.add("written"); }
  void on_closed(const std::string&) override { journal.add("closed"); }
  Journal journal;
  std::shared_ptr<LinkStream> stream;
  bool consumes = true;
};

class Drivers : public ::testing::Test {
 protected:
  void SetUp() override {
    start(0);
    client = LinkClient::make({"::1", port, 2000ms}, box);
    box.client = client.get();
  }
  void TearDown() override {
    client.reset();
    server.reset();
  }
  void start(std::uint16_t at) {
    const int fd = listen_tcp("::1", at, "").value();
    port = local_port(fd);
    LinkServerConfig config;
    config.listen_fd = fd;
    server = LinkServer::start(config, [this](const std::string& peer, std::uint64_t,
                                              std::shared_ptr<LinkStream> stream) {
               const std::lock_guard lock(mutex);
               peers.push_back(peer);
               std::shared_ptr<CentreEnd> end;
               if (!refuses) {
                 end = std::make_shared<CentreEnd>();
                 end->stream = std::move(stream);
                 end->consumes = consumes;
                 ends.push_back(end);
               }
               opened.add("open");
               return end;
             }).value();
  }
  std::shared_ptr<CentreEnd> centre() {
    const std::lock_guard lock(mutex);
    return ends.back();
  }
  v1::BoxFrame chunk(std::size_t bytes) {
    v1::BoxFrame frame;
    frame.mutable_chunk()->set_data(std::string(bytes, 'x'));
    return frame;
  }
  std::uint64_t connect_and_say_hello() {
    const std::uint64_t attempt = client->connect();
    v1::BoxFrame frame;
    frame.mutable_hello()->set_major(1);
    client->write(attempt, frame);
    return attempt;
  }

  std::uint16_t port = 0;
  BoxEnd box;
  Journal opened;
  std::mutex mutex;
  std::vector<std::string> peers;
  std::vector<std::shared_ptr<CentreEnd>> ends;
  bool refuses = false;
  bool consumes = true;
  std::unique_ptr<LinkServer> server;
  std::unique_ptr<LinkClient> client;
};

TEST_F(Drivers, FramesGoBothWaysAndThePeersAddressIsReal) {
  connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  EXPECT_EQ(peers.at(0), "::1");
  ASSERT_TRUE(centre()->journal.wait("frame"));
  ASSERT_TRUE(box.journal.wait("written"));
  v1::CentreFrame welcome;
  welcome.mutable_welcome()->set_session(7);
  centre()->stream->write(welcome);
  ASSERT_TRUE(box.journal.wait("frame"));
  ASSERT_TRUE(centre()->journal.wait("written"));
  EXPECT_EQ(box.last.welcome().session(), 7u);
  EXPECT_EQ(server->streams(), 1u);
}

TEST_F(Drivers, AnUnknownPeerIsToldSo) {
  refuses = true;
  connect_and_say_hello();
  ASSERT_TRUE(box.journal.wait("closed"));
  EXPECT_EQ(box.closed_with, "this address is no box of ours");
}

TEST_F(Drivers, TheCentresReasonReachesTheBox) {
  connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  centre()->stream->close(CloseCode::fenced, "a newer stream took over");
  ASSERT_TRUE(box.journal.wait("closed"));
  EXPECT_EQ(box.closed_with, "a newer stream took over");
  EXPECT_TRUE(centre()->journal.wait("closed"));
  centre()->stream->write({});  // after the end: nothing happens
}

TEST_F(Drivers, AFinishedAttemptEndsAtBothEnds) {
  const std::uint64_t attempt = connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  client->finish(attempt);
  EXPECT_TRUE(centre()->journal.wait("closed"));
  EXPECT_TRUE(box.journal.wait("closed"));
}

TEST_F(Drivers, ACancelledAttemptEndsAtBothEnds) {
  const std::uint64_t attempt = connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  client->cancel(attempt);
  EXPECT_TRUE(centre()->journal.wait("closed"));
  EXPECT_TRUE(box.journal.wait("closed"));
}

TEST_F(Drivers, AServerThatStopsAndComesBackIsFoundAgainSoon) {
  connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  const auto begun = std::chrono::steady_clock::now();
  server->stop(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
  ASSERT_TRUE(box.journal.wait("closed"));
  connect_and_say_hello();  // nobody is there
  ASSERT_TRUE(box.journal.wait("closed", 2));
  start(port);
  const auto restarted = std::chrono::steady_clock::now();
  ReconnectDelay delay(1);
  for (std::size_t closed = 2; opened.count("open") < 2; ++closed) {
    connect_and_say_hello();
    if (opened.wait("open", 2, 300ms)) break;
    ASSERT_LT(closed, 20u);
    std::this_thread::sleep_for(delay.next());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - restarted, 3s);
}

TEST_F(Drivers, AStreamWhoseFramesAreNotConsumedIsNotReadOn) {
  consumes = false;
  const std::uint64_t attempt = connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  std::size_t written = 1;
  while (box.journal.wait("written", written, 300ms) && written < 2000) {
    client->write(attempt, chunk(60 * 1024));
    ++written;
  }
  EXPECT_LT(written, 2000u);
  EXPECT_LE(centre()->journal.count("frame"), frames_unconsumed_max);
}

TEST_F(Drivers, AFrameThatIsTooLargeEndsTheStream) {
  const std::uint64_t attempt = connect_and_say_hello();
  ASSERT_TRUE(opened.wait("open"));
  ASSERT_TRUE(box.journal.wait("written"));
  client->write(attempt, chunk(100 * 1024));
  EXPECT_TRUE(box.journal.wait("closed"));
  EXPECT_TRUE(centre()->journal.wait("closed"));
}

TEST(Peer, AddressesAreReadFromGrpcsWords) {
  EXPECT_EQ(address_of_peer("ipv6:%5Bfd00::1%5D:4242"), "fd00::1");
  EXPECT_EQ(address_of_peer("ipv6:[fd00::1]:4242"), "fd00::1");
  EXPECT_EQ(address_of_peer("ipv4:10.0.0.1:4242"), "10.0.0.1");
  EXPECT_EQ(address_of_peer("ipv6:%5B::ffff:10.0.0.1%5D:1"), "10.0.0.1");
  EXPECT_EQ(address_of_peer("unix:/x"), "");
  EXPECT_EQ(address_of_peer(""), "");
}

TEST(ReconnectDelay, GrowsFromAHundredMillisecondsToTwoSeconds) {
  ReconnectDelay delay(42);
  const auto first = delay.next();
  EXPECT_GE(first, 50ms);
  EXPECT_LE(first, 100ms);
  std::chrono::milliseconds last = first;
  for (int i = 0; i < 20; ++i) last = delay.next();
  EXPECT_GE(last, 1000ms);
  EXPECT_LE(last, 2000ms);
  delay.reset();
  EXPECT_LE(delay.next(), 100ms);
}

}  // namespace
}  // namespace alarmwire::link
