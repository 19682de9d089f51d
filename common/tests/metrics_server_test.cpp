// The listener over real sockets, on loopback.
#include "common/metrics_server.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace alarmwire::metrics {
namespace {

using boost::asio::ip::tcp;

class MetricsServerTest : public ::testing::Test {
 protected:
  MetricsServerTest() {
    Config config{"127.0.0.1", 0};
    const int fd = listen_at(config);
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
    port_ = ntohs(bound.sin_port);
    server_ = MetricsServer::open(
        context_, fd, [this](const std::string& path, const MetricsServer::Done& done) {
          if (path == "/later") {
            later_ = std::thread([done] { done({200, "from another thread\n"}); });
          } else if (path != "/never") {
            done({path == "/metrics" ? 200u : 404u, "asked " + path + "\n"});
          }
        });
    thread_ = std::thread([this] { context_.run(); });
  }
  ~MetricsServerTest() override {
    boost::asio::post(context_, [this] { server_.reset(); });
    thread_.join();
    if (later_.joinable()) later_.join();
  }
  tcp::socket dial() {
    tcp::socket socket(client_);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), port_});
    return socket;
  }
  std::string say(const std::string& request) {
    tcp::socket socket = dial();
    boost::system::error_code error;
    boost::asio::write(socket, boost::asio::buffer(request), error);
    std::string answer;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);  // until it is closed
    return answer;
  }
  std::string get(const std::string& target) {
    return say("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  boost::asio::io_context context_;
  boost::asio::io_context client_;
  std::unique_ptr<MetricsServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::thread later_;
};

TEST_F(MetricsServerTest, answers_what_its_owner_says_and_closes) {
  const std::string answer = get("/metrics?x=1");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("text/plain; version=0.0.4"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nasked /metrics\n")) << answer;
  EXPECT_TRUE(get("/else").starts_with("HTTP/1.1 404 "));
}

TEST_F(MetricsServerTest, the_answer_may_come_from_another_thread) {
  EXPECT_TRUE(get("/later").ends_with("from another thread\n"));
}

TEST_F(MetricsServerTest, only_reading_is_possible_and_bodies_are_refused) {
  EXPECT_TRUE(say("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_EQ(say("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"), "");
  EXPECT_TRUE(say("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST_F(MetricsServerTest, garbage_and_long_heads_end_the_connection) {
  EXPECT_EQ(say("\x16\x03\x01 no HTTP\r\n\r\n"), "");
  EXPECT_EQ(say("GET / HTTP/1.1\r\nX: " + std::string(2 * head_bytes_max, 'x') + "\r\n\r\n"), "");
}

TEST_F(MetricsServerTest, beyond_its_connections_nobody_is_heard_and_then_they_are_again) {
  std::vector<tcp::socket> idle;
  for (std::size_t i = 0; i < connections_max; ++i) idle.push_back(dial());
  EXPECT_EQ(get("/metrics"), "");
  idle.clear();
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i) answer = get("/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_F(MetricsServerTest, who_is_not_answered_yet_does_not_keep_it_alive) {
  tcp::socket waits = dial();
  boost::asio::write(waits, boost::asio::buffer(std::string("GET /never HTTP/1.1\r\n\r\n")));
  get("/metrics");  // the other one has been read by then
}

TEST(MetricsConfig, is_off_without_its_table_and_on_loopback_with_it) {
  auto reader = config::parse("", "x").value();
  config::Table none = reader.root().table("metrics");
  EXPECT_FALSE(read_config(none).is_wanted());
  EXPECT_EQ(listen_at({}), -1);
  auto with = config::parse("[metrics]\n", "x").value();
  config::Table some = with.root().table("metrics");
  EXPECT_EQ(read_config(some).address, "127.0.0.1");
  auto odd = config::parse("[metrics]\naddress = \"everywhere\"\n", "x").value();
  config::Table wrong = odd.root().table("metrics");
  read_config(wrong);
  EXPECT_TRUE(odd.finish().has_error());
}

}  // namespace
}  // namespace alarmwire::metrics
