#include "edge/status/page/page_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "edge/status/page/messages.hpp"

namespace alarmwire::page {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds accept_backoff{100};  // after EMFILE and its like
constexpr std::chrono::seconds farewell_time_max{3};      // for a peer that still sends

// IPv4 in IPv6's clothes is IPv4 to people.
asio::ip::address plain(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

smtp::AddressBytes bytes_of(const asio::ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
}

class Connection;

// What the connections of a server share; outlives the server while one of them is left.
struct Shared {
  Shared(ServerConfig what, Callbacks calls)
      : config(std::move(what)), page(config.names, random_token()), callbacks(std::move(calls)) {}
  const ServerConfig config;
  const Page page;
  Callbacks callbacks;  // empty once the server is gone
  std::set<std::shared_ptr<Connection>> connections;
  std::map<asio::ip::address, std::size_t> peers;
  bool is_reading_photo = false;
};

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const asio::ip::address& from, std::shared_ptr<Shared> shared)
      : peer(from), stream_(std::move(socket)), shared_(std::move(shared)) {}

  void read_head();
  void abort() {
    error_code ignored;
    stream_.socket().close(ignored);
  }
  const asio::ip::address peer;

 private:
  void on_head(const error_code& error);
  void on_body(const error_code& error);
  void take();
  void give_ticket(const std::string& text, Trouble trouble);
  void look_at_photo(std::string bytes);
  void answer(Answer answer, bool goes_on);
  void on_written(bool goes_on);
  void say_farewell();
  void drain();
  void end();
  void refuse(const error_code& error);
  std::string header(http::field name) const;
  bool is_photo() const;

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{head_bytes_max + form_bytes_max};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::array<char, 4096> waste_{};
  const std::shared_ptr<Shared> shared_;
  Request request_;
  bool holds_photo_ = false;  // shared_->is_reading_photo is ours
};

void Connection::read_head() {
  parser_.emplace();
  parser_->header_limit(head_bytes_max);
  parser_->body_limit(upload_bytes_max);  // it is asked when the head ends; on_head() lowers it
  stream_.expires_after(request_time_max);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](const error_code& error, std::size_t) { self->on_head(error); });
}

std::string Connection::header(http::field name) const {
  const auto& fields = parser_->get().base();
  // Twice the same header is nothing that a browser sends: then it is none.
  return fields.count(name) == 1 ? std::string(fields[name]) : std::string();
}

bool Connection::is_photo() const {
  return request_.method == "POST" && request_.target == "/photo";
}

void Connection::on_head(const error_code& error) {
  if (error) return refuse(error);
  if (!shared_->callbacks.state) return end();
  error_code ignored;
  const tcp::endpoint local = stream_.socket().local_endpoint(ignored);
  request_ = {};
  request_.method = std::string(parser_->get().method_string());
  request_.target = std::string(parser_->get().target());
  request_.host = header(http::field::host);
  request_.origin = header(http::field::origin);
  request_.cookie = header(http::field::cookie);
  request_.accept_language = header(http::field::accept_language);
  request_.content_type = header(http::field::content_type);
  request_.local_address = plain(local.address()).to_string();
  request_.local_port = local.port();
  auto admitted = shared_->page.admit(request_);
  if (auto* const refused = std::get_if<Answer>(&admitted))
    return answer(std::move(*refused), false);
  if (is_photo()) {
    const BoxState state = shared_->callbacks.state();
    if (std::exchange(shared_->is_reading_photo, true))
      return answer(shared_->page.taken(request_, state, Trouble::busy, {}), false);
    holds_photo_ = true;
    stream_.expires_after(upload_time_max);
  } else if (parser_->content_length().value_or(0) > form_bytes_max) {
    return refuse(http::error::body_limit);
  } else {
    parser_->body_limit(form_bytes_max);
  }
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const error_code& failed, std::size_t) {
                     self->on_body(failed);
                   });
}

void Connection::refuse(const error_code& error) {
  if (error == http::error::header_limit) return answer(refusal(431, "Too many headers"), false);
  if (error == http::error::body_limit)
    return answer(refusal(413, "This is too large; a photo may have 24 MiB"), false);
  const bool is_no_http = error.category() == make_error_code(http::error::bad_method).category() &&
                          error != http::error::end_of_stream &&
                          error != http::error::partial_message;
  if (is_no_http) return answer(refusal(400, "This is no HTTP"), false);
  end();
}

void Connection::on_body(const error_code& error) {
  if (error) return refuse(error);
  if (!shared_->callbacks.state) return end();
  request_.body = std::move(parser_->get().body());
  take();
}

void Connection::take() {
  Reply reply = shared_->page.take(request_, shared_->callbacks.state());
  if (auto* const ready = std::get_if<Answer>(&reply)) return answer(std::move(*ready), true);
  request_.body.clear();
  if (auto* const photo = std::get_if<ReadPhoto>(&reply))
    return look_at_photo(std::move(photo->bytes));
  give_ticket(std::get<TakeTicket>(reply).text, Trouble::ticket);
}

void Connection::look_at_photo(std::string bytes) {
  shared_->callbacks.read_photo(
      std::move(bytes), [self = shared_from_this()](const Result<std::string>& text) {
        if (!self->shared_->callbacks.state) return self->end();
        if (text) return self->give_ticket(*text, Trouble::photo);
        self->answer(self->shared_->page.taken(self->request_, self->shared_->callbacks.state(),
                                               Trouble::photo, text.error().diagnostics),
                     true);
      });
}

void Connection::give_ticket(const std::string& text, Trouble trouble) {
  const Status begun = shared_->callbacks.enrol(text);
  if (begun) log::write(PAGE_TICKET_GIVEN, {{"from", peer.to_string()}});
  const BoxState state = shared_->callbacks.state();
  answer(begun ? shared_->page.taken(request_, state, Trouble::none, {})
               : shared_->page.taken(request_, state, trouble, begun.error().diagnostics),
         true);
}

// `goes_on`: the request was read to its end, another one may follow.
void Connection::answer(Answer answer, bool goes_on) {
  if (std::exchange(holds_photo_, false)) shared_->is_reading_photo = false;
  response_.emplace(static_cast<http::status>(answer.status), 11);
  for (const auto& [name, value] : guarding_headers()) response_->set(name, value);
  for (const auto& [name, value] : answer.headers) response_->set(name, value);
  if (!answer.content_type.empty()) response_->set(http::field::content_type, answer.content_type);
  const bool keeps = goes_on && parser_->keep_alive();
  response_->keep_alive(keeps);
  response_->content_length(answer.body.size());
  if (request_.method != "HEAD") response_->body() = std::move(answer.body);
  stream_.expires_after(request_time_max);
  http::async_write(stream_, *response_,
                    [self = shared_from_this(), keeps](const error_code& error, std::size_t) {
                      if (error) return self->end();
                      self->on_written(keeps);
                    });
}

void Connection::on_written(bool goes_on) {
  response_.reset();
  if (goes_on && shared_->callbacks.state) return read_head();
  say_farewell();
}

// What the peer still sends is read away for a moment: a close would reset the connection, and our
// words with it.
void Connection::say_farewell() {
  error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream_.expires_after(farewell_time_max);
  drain();
}

void Connection::drain() {
  stream_.async_read_some(asio::buffer(waste_),
                          [self = shared_from_this()](const error_code& error, std::size_t) {
                            if (error) return self->end();
                            self->drain();
                          });
}

void Connection::end() {
  if (std::exchange(holds_photo_, false)) shared_->is_reading_photo = false;
  abort();
  const auto self = shared_from_this();
  if (shared_->connections.erase(self) == 0) return;
  const auto peers = shared_->peers.find(peer);
  if (--peers->second == 0) shared_->peers.erase(peers);
}

class AsioPageServer final : public PageServer {
 public:
  AsioPageServer(asio::io_context& context, ServerConfig config, Callbacks callbacks)
      : acceptor_(context),
        backoff_(context),
        shared_(std::make_shared<Shared>(std::move(config), std::move(callbacks))) {}
  ~AsioPageServer() override { close(); }
  AsioPageServer(const AsioPageServer&) = delete;
  AsioPageServer& operator=(const AsioPageServer&) = delete;

  Status listen();
  void close() override;

 private:
  void accept();
  void welcome(tcp::socket socket);
  bool is_allowed(const asio::ip::address& peer) const;

  tcp::acceptor acceptor_;
  asio::steady_timer backoff_;
  const std::shared_ptr<Shared> shared_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool stranger_told_ = false;  // once a life: anybody could fill the log
};

Status AsioPageServer::listen() {
  const int fd = shared_->config.listening_fd;
  error_code error;
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    return errno_failure(errno, "the page's socket");
  acceptor_.assign(bound.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
  if (error) return Failure(error, "taking over the page's socket");
  acceptor_.non_blocking(true, error);
  const tcp::endpoint place = acceptor_.local_endpoint(error);
  log::write(PAGE_LISTENING, {{"address", place.address().to_string()}, {"port", place.port()}});
  accept();
  return {};
}

void AsioPageServer::accept() {
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

bool AsioPageServer::is_allowed(const asio::ip::address& peer) const {
  const auto& allowed =
      shared_->config.allowed.empty() ? private_networks() : shared_->config.allowed;
  return std::any_of(allowed.begin(), allowed.end(), [&](const smtp::Network& network) {
    return network.contains(bytes_of(peer));
  });
}

void AsioPageServer::welcome(tcp::socket socket) {
  error_code error;
  const asio::ip::address peer = plain(socket.remote_endpoint(error).address());
  if (error) return;
  if (!is_allowed(peer)) {
    if (!std::exchange(stranger_told_, true))
      log::write(PAGE_STRANGER, {{"from", peer.to_string()}});
    return;
  }
  if (shared_->connections.size() >= connections_max) return;
  std::size_t& of_peer = shared_->peers[peer];
  if (of_peer >= connections_a_peer_max) return;
  ++of_peer;
  auto connection = std::make_shared<Connection>(std::move(socket), peer, shared_);
  shared_->connections.insert(connection);
  connection->read_head();
}

void AsioPageServer::close() {
  *alive_ = false;
  shared_->callbacks = {};
  error_code ignored;
  acceptor_.close(ignored);
  backoff_.cancel();
  for (const auto& connection : shared_->connections) connection->abort();
  shared_->connections.clear();
}

}  // namespace

const std::vector<smtp::Network>& private_networks() {
  static const std::vector<smtp::Network> networks = [] {
    std::vector<smtp::Network> list;
    for (const char* const text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                   "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1"})
      list.push_back(*smtp::Network::parse(text));
    return list;
  }();
  return networks;
}

Result<std::unique_ptr<PageServer>> PageServer::open(asio::io_context& context, ServerConfig config,
                                                     Callbacks callbacks) {
  auto server = std::make_unique<AsioPageServer>(context, std::move(config), std::move(callbacks));
  if (Status listening = server->listen(); listening.has_error()) return listening.error();
  return std::unique_ptr<PageServer>(std::move(server));
}

}  // namespace alarmwire::page
