// How the edge and receiver daemons talk with alarmwire-tunnel on the same machine: its status each
// second, and word of the link's streams, so that its supervisor can act at once when one breaks.
//
// Promises: never blocks, never gives up; the last word about each peer, and the last list of peers
// given, are told again after a reconnect. Thread-safety: the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/error.hpp"

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

  // Asks once. Errc::closed: the daemon cannot be reached, or went; Errc::invalid_argument: its no.
  using Answer = std::function<void(const Result<boost::json::object>& answer)>;
  void ask(boost::json::object request, Answer answer);

  // The centre's peers, whole (command "peers"). `done` is called when this list, or a later one,
  // is in effect; until then the daemon is asked again and again. Refused lists are dropped.
  void give_peers(boost::json::array peers, std::function<void(const Status&)> done);

  // The answer to "status"; empty while the daemon cannot be reached.
  const std::optional<boost::json::object>& status() const { return status_; }

 private:
  static constexpr std::size_t peers_per_page = 2'000;
  static constexpr std::size_t questions_max = 64;
  struct Question {
    boost::json::object request;
    Answer answer;
  };

  void connect();
  void next();
  void send_page();
  void on_page(const Result<boost::json::object>& answer);
  void answered(const Result<boost::json::object>& answer);
  void hurry();
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
  std::deque<Question> questions_;
  std::optional<Question> asked_;  // under way
  std::optional<boost::json::array> peers_;
  std::vector<std::function<void(const Status&)>> peers_wait_;
  std::size_t page_at_ = 0;  // of peers_; what stands before it has been sent
  bool peers_due_ = false;
  bool page_under_way_ = false;
  std::optional<boost::json::object> status_;
  std::optional<bool> was_reachable_;
  bool connected_ = false;
  bool busy_ = false;
  bool must_forget_ = false;  // what an earlier life of ours has told
  bool stopped_ = false;
};

}  // namespace alarmwire::tunnel
