#include "edge/status/page/page_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace alarmwire::page {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::Not;

// A browser's side, blocking, beside the server's thread.
class PageServerTest : public ::testing::Test {
 protected:
  void open(const char* allowed = "127.0.0.0/8") {
    tcp::acceptor acceptor(context_, {asio::ip::make_address("127.0.0.1"), 0});
    port_ = acceptor.local_endpoint().port();
    ServerConfig config;
    config.listening_fd = acceptor.release();
    config.allowed = {*smtp::Network::parse(allowed)};
    Callbacks callbacks;
    callbacks.state = [] {
      BoxState state;
      state.standing = BoxState::Standing::open;
      return state;
    };
    callbacks.enrol = [this](const std::string& ticket) -> Status {
      ticket_ = ticket;
      if (ticket == "bad") return Failure(Errc::invalid_argument, "a wrong character");
      return {};
    };
    callbacks.read_photo = [this](std::string photo, auto done) {
      photo_ = std::move(photo);
      if (photo_ == "wait") return is_waiting_.store(true);
      asio::post(context_, [done] { done(std::string("from-photo")); });
    };
    server_ = PageServer::open(context_, std::move(config), std::move(callbacks)).value();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~PageServerTest() override {
    asio::post(context_, [this] { server_.reset(); });
    thread_.join();
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  tcp::socket call(const std::string& bytes) {
    tcp::socket socket(client_);
    socket.connect({asio::ip::make_address("127.0.0.1"), port_});
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(bytes), ignored);
    return socket;
  }
  std::string say(const std::string& bytes) {
    tcp::socket socket = call(bytes);
    std::string answer;
    boost::system::error_code ended;
    asio::read(socket, asio::dynamic_buffer(answer), ended);
    return answer;
  }
  std::string get(const std::string& path) {
    return say("GET " + path + " HTTP/1.1\r\nHost: " + host() + "\r\nConnection: close\r\n\r\n");
  }
  std::string token() {
    const std::string page = get("/");
    constexpr std::string_view before = "name=\"token\" value=\"";
    return page.substr(page.find(before) + before.size(), 32);
  }
  std::string head(const std::string& path, std::size_t length, const std::string& type) const {
    return "POST " + path + " HTTP/1.1\r\nHost: " + host() + "\r\nOrigin: http://" + host() +
           "\r\nConnection: close\r\nContent-Type: " + type +
           "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  }
  std::string post(const std::string& path, const std::string& body,
                   const std::string& type = "application/x-www-form-urlencoded") {
    return say(head(path, body.size(), type) + body);
  }
  std::string photo_form(const std::string& bytes) {
    return "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + token() +
           "\r\n--b\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\n" + bytes +
           "\r\n--b--\r\n";
  }

  asio::io_context context_;
  asio::io_context client_;
  std::unique_ptr<PageServer> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  std::string ticket_;
  std::string photo_;
  std::atomic<bool> is_waiting_ = false;  // a photo that is never read
};

TEST_F(PageServerTest, TakesATicketAndGoesBackToThePage) {
  open();
  EXPECT_THAT(get("/"), HasSubstr("Content-Security-Policy: default-src 'none'"));
  EXPECT_THAT(post("/ticket", "token=" + token() + "&ticket=good"), HasSubstr("303 See Other"));
  EXPECT_EQ(ticket_, "good");
  EXPECT_THAT(post("/ticket", "token=" + token() + "&ticket=bad"), HasSubstr("a wrong character"));
}

TEST_F(PageServerTest, TakesAPhotoAndOneAtATime) {
  open();
  const std::string type = "multipart/form-data; boundary=b";
  EXPECT_THAT(post("/photo", photo_form(std::string(3'000'000, 'x')), type), HasSubstr("303"));
  EXPECT_EQ(photo_.size(), 3'000'000U);
  EXPECT_EQ(ticket_, "from-photo");
  const std::string form = photo_form("wait");
  const tcp::socket first = call(head("/photo", form.size(), type) + form);
  while (!is_waiting_) std::this_thread::yield();
  EXPECT_THAT(post("/photo", photo_form("x"), type), HasSubstr("HTTP/1.1 503"));
}

TEST_F(PageServerTest, WhatIsTooLargeOrNoHttpHearsSo) {
  open();
  const std::string type = "application/x-www-form-urlencoded";
  EXPECT_THAT(say(head("/ticket", form_bytes_max + 1, type)), HasSubstr("HTTP/1.1 413"));
  EXPECT_THAT(say(head("/photo", upload_bytes_max + 1, type)), HasSubstr("HTTP/1.1 413"));
  EXPECT_THAT(get("/"), HasSubstr("HTTP/1.1 200")) << "the photo's place is free again";
  EXPECT_THAT(say("GET / HTTP/1.1\r\nA: " + std::string(20'000, 'a')), HasSubstr("HTTP/1.1 431"));
  EXPECT_THAT(say("\x16\x03\x01 hello\r\n\r\n"), HasSubstr("HTTP/1.1 400"));
  EXPECT_THAT(say("GET / HTTP/1.1\r\nHost: " + host() + "\r\nHost: evil\r\n\r\n"),
              HasSubstr("HTTP/1.1 421"));
}

TEST_F(PageServerTest, WhoIsNotOnTheLanHearsNothing) {
  open("192.0.2.0/24");
  EXPECT_EQ(get("/"), "");
}

TEST_F(PageServerTest, OnePeerCannotTakeAllPlaces) {
  open();
  std::vector<tcp::socket> idle;
  for (std::size_t i = 0; i < connections_a_peer_max; ++i) idle.push_back(call("GET /"));
  EXPECT_EQ(get("/"), "");
  idle.pop_back();
  std::string answer;
  while (answer.empty()) answer = get("/");
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200"));
}

}  // namespace
}  // namespace alarmwire::page
