// Where Prometheus and load balancers ask: /metrics, /livez, /readyz, over plain HTTP/1.1. A thin
// driver: what is answered is its owner's to say.
//
// Off unless configured. There is no password: it listens on loopback unless told otherwise, and
// answers figures only. Memory and time are bounded whatever is sent: connections, heads, each
// request's duration; bodies are refused. Thread-safety: the io_context's one thread; `done` may be
// called from any thread. Source: RFC 9112, by Boost.Beast.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/config.hpp"
#include "common/error.hpp"

namespace alarmwire::metrics {

inline constexpr std::uint16_t port_default = 9911;
inline constexpr std::size_t connections_max = 16;
inline constexpr std::size_t head_bytes_max = 8 * 1024;
inline constexpr std::chrono::seconds request_time_max{10};

// [metrics]
struct Config {
  std::string address;  // "": there is no listener
  std::uint16_t port = port_default;
  bool is_wanted() const { return !address.empty(); }
  bool operator==(const Config&) const = default;
};
Config read_config(config::Table& table);

struct Answer {
  unsigned status = 200;
  std::string body;
};

class MetricsServer {
 public:
  using Done = std::function<void(Answer)>;
  // `path`: without the query. Called on the io_context's thread.
  using Asked = std::function<void(const std::string& path, Done done)>;

  // Takes over a listening socket, of listen_at().
  static std::unique_ptr<MetricsServer> open(boost::asio::io_context& context, int listening_fd,
                                             Asked asked);
  virtual ~MetricsServer() = default;  // as close()
  virtual void close() = 0;            // nothing is asked afterwards
};

// Opened before the daemon gives up its rights. -1: not wanted, or it failed and the log says why:
// a box without metrics is still a box.
int listen_at(const Config& config);

}  // namespace alarmwire::metrics
