// A control server on a thread of its own, and a raw client that may misbehave.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "common/control.hpp"

namespace alarmwire::control {

class RawClient {
 public:
  explicit RawClient(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::connect(descriptor_, generic, sizeof address), 0);
    const timeval patience{10, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  RawClient(RawClient&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void half_close() { ::shutdown(descriptor_, SHUT_WR); }
  // "" when the daemon has closed.
  std::string line() {
    std::string text;
    char c = 0;
    while (::recv(descriptor_, &c, 1, 0) == 1 && c != '\n') text += c;
    return text;
  }
  bool is_closed() {
    char c = 0;
    const ssize_t got = ::recv(descriptor_, &c, 1, 0);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }

 private:
  int descriptor_;
};

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    std::filesystem::remove(path_);
    server_ = Server::open(context_, path_, "").value();
    server_->handle("echo", [](const boost::json::object& request, auto responder) {
      responder->result(request.at("text"));
    });
    server_->handle("keep", [this](const boost::json::object&, auto responder) {
      kept_.set_value(std::move(responder));
    });
    server_->handle("throw", [](const boost::json::object&, const auto&) {
      throw std::runtime_error("a bug");
    });
    server_->handle("forget", [](const boost::json::object&, const auto&) {});
    server_->handle(
        "raw", [](const boost::json::object&, auto responder) { responder->result("T\xfcr"); });
    thread_ = std::thread([this] { context_.run(); });
  }
  ~ControlTest() override {
    on_loop([this] { server_->close(); });
    work_.reset();
    context_.stop();
    thread_.join();
    std::filesystem::remove(path_);
  }

  void on_loop(const std::function<void()>& action) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::shared_ptr<Responder> kept() { return kept_.get_future().get(); }
  Client client() { return Client::connect(path_).value(); }
  // Waits for what another thread is about to do; fails the test when it does not.
  template <typename Condition>
  static bool eventually(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  std::string path_ = ::testing::TempDir() + "control_" + std::to_string(::getpid());
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::promise<std::shared_ptr<Responder>> kept_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace alarmwire::control
