// One client of a control socket: lines in, one request at a time, lines out. Private to common.
//
// Promises: memory per client is bounded (a line in, a backlog out); an idle client is let go after
// idle_max; a handler that throws or forgets its request is answered for; what leaves is
// well-formed UTF-8.
// Thread-safety: the io_context's one thread, except what says otherwise.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "common/control.hpp"

namespace alarmwire::control {

inline constexpr std::chrono::seconds idle_max{300};  // without a request
inline constexpr std::size_t backlog_bytes_max =
    2 * answer_bytes_max;  // answers not yet taken, per client

class Session;

class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual const Handler* find(std::string_view command) const = 0;  // nullptr: no such command
  virtual void leave(const std::shared_ptr<Session>& session) = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  Session(boost::asio::io_context& context, Socket socket, std::shared_ptr<SessionOwner> owner);

  void start();
  void close();
  void refuse(std::string_view message);  // says why, then closes

  // --- from any thread ---
  // Queues a line ("": none); `last` ends the request.
  void send(std::string text, bool is_item, bool last);
  bool is_gone() const { return gone_; }

 private:
  using ErrorCode = boost::system::error_code;
  struct Line {
    std::string text;
    bool is_item = false;
    std::size_t charged_bytes = 0;  // of the backlog
  };

  void read();
  void on_read(const ErrorCode& error, std::size_t size);
  void on_hang_up();
  std::string_view pending() const { return std::string_view(received_).substr(consumed_); }
  void serve_next_line();
  void serve(std::string_view line);
  void take(Line line, bool last);
  void write();
  void on_written(const ErrorCode& error);
  void watch_idle();

  boost::asio::io_context& context_;
  Socket socket_;
  std::shared_ptr<SessionOwner> owner_;
  boost::asio::steady_timer idle_;
  std::array<char, 16 * 1024> buffer_{};
  std::string received_;  // lines to come, from consumed_ on
  std::size_t consumed_ = 0;
  std::deque<Line> out_;  // lines to write; the first one is being written
  bool writing_ = false;
  bool reading_ = false;
  bool busy_ = false;         // a request is being answered
  bool streaming_ = false;    // … by items
  bool half_closed_ = false;  // the client sends no more
  bool close_when_written_ = false;
  std::atomic<bool> gone_{false};
  std::atomic<std::size_t> backlog_items_{0};
  std::atomic<std::size_t> backlog_bytes_{0};
};

std::string error_line(std::string_view message);

}  // namespace alarmwire::control
