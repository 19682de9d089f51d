// How the edge and receiver daemons talk with alarmwire-tunnel on the same machine: its status each
// second, and word of the link's streams, so that its supervisor can act at once when one breaks.
//
// Promises: never blocks, never gives up; the last word about each peer is told again after a
// reconnect. Thread-safety: the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace alarmwire::tunnel {

class TunnelClient : public std::enable_shared_from_this<TunnelClient> {
 public:
  static constexpr std::chrono::seconds poll_every{1};
  static constexpr std::chrono::seconds answer_within{5};
  static constexpr std::size_t peers_max = 100'000;

  TunnelClient(boost::asio::io_context& context, std::string socket_path);

  void start(std::function<void(bool reachable)> on_change);
  void stop();

  // `peer`: "centre" on the box, the box's id at the centre.
  void tell_stream(const std::string& peer, bool up);

  // The answer to "status"; empty while the daemon cannot be reached.
  const std::optional<boost::json::object>& status() const { return status_; }

 private:
  void connect();
  void next();
  void send(boost::json::object request);
  void read_answer();
  void on_answer();
  void fail();
  void wait(std::chrono::milliseconds time, void (TunnelClient::*then)());

  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer deadline_;
  boost::asio::streambuf input_;
  std::string socket_path_;
  std::string output_;
  std::function<void(bool)> on_change_;
  std::map<std::string, bool> streams_;  // the last word about each peer
  std::set<std::string> untold_;
  std::string telling_;  // the peer whose news are under way, or ""
  std::optional<boost::json::object> status_;
  std::optional<bool> was_reachable_;
  bool connected_ = false;
  bool busy_ = false;
  bool must_forget_ = false;  // what an earlier life of ours has told
  bool stopped_ = false;
};

}  // namespace alarmwire::tunnel
