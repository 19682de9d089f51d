// The control socket of a daemon: how `alarmwire` (and the other daemon on the machine) asks and
// tells it things.
//
// A Unix stream socket, mode 0660. One JSON object a line each way: {"command": "status", …} is
// answered by
// {"ok": true, "schema": 1, "result": …} or {"ok": false, "error": "…"}. A command may answer with
// a stream (`tail`): every item is a line {"ok": true, "item": …}, until either side closes. Bytes
// from the socket are bounded: a line over `line_bytes_max`, or more than `clients_max` clients, is
// refused. Thread-safety: a Server lives on its io_context's one thread; Client is synchronous, for
// one thread at a time.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/error.hpp"

namespace boost::asio {
class io_context;
}

namespace alarmwire::control {

inline constexpr int schema_version = 1;
inline constexpr std::size_t line_bytes_max = 1024 * 1024;
inline constexpr std::size_t answer_bytes_max = 16 * 1024 * 1024;  // a longer answer is an error
inline constexpr std::size_t clients_max = 64;
inline constexpr std::size_t stream_backlog_items_max =
    4096;  // a reader that falls behind further is cut off

// What a handler answers through. May be kept and used later, from any thread; the last call ends
// the request.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void result(boost::json::value value) = 0;   // ends the request
  virtual void error(const std::string& message) = 0;  // ends the request
  virtual void item(boost::json::value value) = 0;     // one item of a stream
  virtual bool is_gone() const = 0;                    // the client has hung up
};
using Handler =
    std::function<void(const boost::json::object& request, std::shared_ptr<Responder> responder)>;

class Server {
 public:
  // Binds (replacing a stale socket file, never a live one), listens. `group`: name that may
  // connect, "" for ours.
  static Result<std::unique_ptr<Server>> open(boost::asio::io_context& context,
                                              const std::string& path, const std::string& group);
  virtual ~Server() = default;
  virtual void handle(std::string_view command, Handler handler) = 0;
  virtual void close() = 0;  // stops accepting, drops clients, removes the socket file
};

class Client {
 public:
  static Result<Client> connect(const std::string& path);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();
  Result<boost::json::value> call(const boost::json::object& request,
                                  std::chrono::milliseconds timeout);
  // Calls `on_item` for each item until it returns false or the daemon closes.
  Status stream(const boost::json::object& request,
                const std::function<bool(const boost::json::value&)>& on_item);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace alarmwire::control
