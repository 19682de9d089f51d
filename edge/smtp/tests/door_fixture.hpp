// A door on the loopback with an intake in memory, on a thread of its own, and a blocking client.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "edge/smtp/listener_asio.hpp"

namespace alarmwire::smtp::test {

// Lives on the io_context's thread. `hold_*`: answers are kept until release().
class MemoryIntake final : public Intake {
 public:
  struct Mail {
    Envelope envelope;
    ReplyMode mode = ReplyMode::assured;
    std::string body;
    std::size_t appends = 0;
    bool finished = false;
    bool abandoned = false;
    bool finished_before_append_was_answered = false;
  };
  explicit MemoryIntake(boost::asio::io_context& context) : context_(context) {}
  std::unique_ptr<IncomingMail> begin(const Envelope& envelope, ReplyMode mode,
                                      std::optional<std::uint64_t> declared_size) override;
  bool has_room(std::uint64_t) override { return true; }
  void lost(const Envelope&, const std::string& reason) override { losses.push_back(reason); }
  void release();

  bool hold_appends = false;
  bool hold_outcomes = false;
  std::vector<std::shared_ptr<Mail>> mails;
  std::vector<std::string> losses;

 private:
  class Incoming;
  void answer(bool hold, std::function<void()> call);
  boost::asio::io_context& context_;
  std::vector<std::function<void()>> held_;
};

class Client {
 public:
  // `source`: the device's address, one of the loopback's.
  explicit Client(unsigned port, const char* source = "127.0.0.1");
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(std::string_view bytes);                   // false: the connection is gone
  std::size_t send_what_fits(std::string_view bytes);  // until the socket takes no more
  std::string reply();  // all lines of one reply; "" at the end or after 5 s
  std::string say(std::string_view line) {
    send(line);
    send("\r\n");
    return reply();
  }
  bool at_end();  // reads on until the peer has closed
  void finish_sending();
  void reset();  // closes with a TCP reset

 private:
  int fd_ = -1;
  std::string buffer_;
};

class DoorTest : public testing::Test {
 protected:
  DoorTest();
  ~DoorTest() override;

  void open(std::vector<InheritedSocket> inherited = {});
  void close_door();
  // Runs `what` on the door's thread and waits for it.
  template <typename F>
  auto on_loop(F what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    boost::asio::post(context, [&task] { task(); });
    return result.get();
  }
  // Waits until `what`, on the door's thread, is true; false after 5 s.
  bool eventually(const std::function<bool()>& what);
  unsigned port() {
    return on_loop([this] { return unsigned{door->snapshot().listeners.at(0).port}; });
  }
  DoorSnapshot snapshot() {
    return on_loop([this] { return door->snapshot(); });
  }
  std::string accept_mail(Client& client, std::string_view body);

  boost::asio::io_context context{1};
  MemoryIntake intake{context};
  Config config;
  DeviceOptions device;
  std::string device_user;  // his device is called "proven"
  std::unique_ptr<Door> door;

 private:
  class Directory;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace alarmwire::smtp::test
