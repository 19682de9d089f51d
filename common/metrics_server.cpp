#include "common/metrics_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "common/messages.hpp"

namespace alarmwire::metrics {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds accept_backoff{100};  // after EMFILE and its like
constexpr int backlog = 16;

class Connection;

// What the connections share; outlives the server while one of them is left.
struct Shared {
  explicit Shared(MetricsServer::Asked what) : asked(std::move(what)) {}
  MetricsServer::Asked asked;  // empty once the server is gone
  std::set<std::shared_ptr<Connection>> connections;
};

// One request, one answer.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {}

  void read() {
    parser_.header_limit(head_bytes_max);
    parser_.body_limit(0);
    stream_.expires_after(request_time_max);
    auto done = [self = shared_from_this()](const error_code& error, std::size_t) {
      if (error || !self->shared_->asked) return self->end();
      self->take();
    };
    http::async_read(stream_, buffer_, parser_, std::move(done));
  }
  void abort() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  void take() {
    const auto& request = parser_.get();
    if (request.method() != http::verb::get && request.method() != http::verb::head)
      return answer({405, "GET is what there is\n"});
    const std::string path(request.target().substr(0, request.target().find('?')));
    auto done = [self = shared_from_this(), executor = stream_.get_executor()](Answer given) {
      asio::post(executor, [self, given = std::move(given)]() mutable {
        if (!self->response_) self->answer(std::move(given));
      });
    };
    shared_->asked(path, std::move(done));
  }

  void answer(Answer given) {
    response_.emplace(static_cast<http::status>(given.status), 11);
    response_->set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response_->set(http::field::cache_control, "no-store");
    response_->keep_alive(false);
    response_->content_length(given.body.size());
    if (parser_.get().method() != http::verb::head) response_->body() = std::move(given.body);
    stream_.expires_after(request_time_max);
    auto done = [self = shared_from_this()](const error_code&, std::size_t) {
      error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
      self->end();
    };
    http::async_write(stream_, *response_, std::move(done));
  }

  void end() {
    abort();
    shared_->connections.erase(shared_from_this());
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{head_bytes_max};
  http::request_parser<http::empty_body> parser_;
  std::optional<http::response<http::string_body>> response_;
  const std::shared_ptr<Shared> shared_;
};

class AsioMetricsServer final : public MetricsServer {
 public:
  AsioMetricsServer(asio::io_context& context, int fd, bool is_v6, Asked asked)
      : acceptor_(context), backoff_(context), shared_(std::make_shared<Shared>(std::move(asked))) {
    error_code ignored;
    acceptor_.assign(is_v6 ? tcp::v6() : tcp::v4(), fd, ignored);
    accept();
  }
  ~AsioMetricsServer() override { AsioMetricsServer::close(); }
  AsioMetricsServer(const AsioMetricsServer&) = delete;
  AsioMetricsServer& operator=(const AsioMetricsServer&) = delete;

  void close() override {
    *alive_ = false;
    shared_->asked = nullptr;
    error_code ignored;
    acceptor_.close(ignored);
    backoff_.cancel();
    for (const auto& connection : shared_->connections) connection->abort();
    shared_->connections.clear();
  }

 private:
  void accept() {
    acceptor_.async_accept([this, alive = alive_](const error_code& error, tcp::socket socket) {
      if (!*alive) return;
      if (!error) welcome(std::move(socket));
      if (!error || error == asio::error::connection_aborted) return accept();
      backoff_.expires_after(accept_backoff);
      backoff_.async_wait([this, alive](const error_code& cancelled) {
        if (*alive && !cancelled) accept();
      });
    });
  }
  void welcome(tcp::socket socket) {
    if (shared_->connections.size() >= connections_max) return;
    auto connection = std::make_shared<Connection>(std::move(socket), shared_);
    shared_->connections.insert(connection);
    connection->read();
  }

  tcp::acceptor acceptor_;
  asio::steady_timer backoff_;
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Result<int> open_socket(const Config& config) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(config.address, error);
  if (error) return Failure(Errc::invalid_argument, config.address + " is no IP address");
  const tcp::endpoint place(address, config.port);
  const int fd =
      ::socket(address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno_failure(errno, "the socket of [metrics]");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, place.data(), static_cast<socklen_t>(place.size())) != 0 ||
      ::listen(fd, backlog) != 0) {
    Failure failure = errno_failure(
        errno, "listening at " + config.address + ", port " + std::to_string(config.port));
    ::close(fd);
    return failure;
  }
  return fd;
}

}  // namespace

Config read_config(config::Table& table) {
  Config config;
  config.address = table.string("address", table.exists() ? "127.0.0.1" : "");
  config.port = static_cast<std::uint16_t>(table.integer("port", port_default, 1, 65'535));
  error_code error;
  asio::ip::make_address(config.address, error);
  if (error && config.is_wanted())
    table.problem("address", "an IP address of this machine is wanted, like 127.0.0.1");
  return config;
}

int listen_at(const Config& config) {
  if (!config.is_wanted()) return -1;
  const Result<int> opened = open_socket(config);
  if (opened) return *opened;
  log::write(METRICS_FAILED, {{"reason", opened.error().diagnostics}});
  return -1;
}

std::unique_ptr<MetricsServer> MetricsServer::open(asio::io_context& context, int listening_fd,
                                                   Asked asked) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(listening_fd, reinterpret_cast<sockaddr*>(&bound), &length);
  return std::make_unique<AsioMetricsServer>(context, listening_fd, bound.ss_family == AF_INET6,
                                             std::move(asked));
}

}  // namespace alarmwire::metrics
