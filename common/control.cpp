#include "common/control.hpp"

#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>
#include <utility>

#include "common/control_session.hpp"
#include "common/control_socket.hpp"

namespace alarmwire::control {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds accept_pause{100};  // after a failed accept

class Listener final : public SessionOwner, public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& context, std::string path, const ListeningSocket& socket)
      : context_(context),
        acceptor_(context, asio::local::stream_protocol(), socket.descriptor),
        pause_(context),
        path_(std::move(path)),
        file_(socket) {}

  void accept();
  void close();
  void handle(std::string_view command, Handler handler) {
    handlers_[std::string(command)] = std::move(handler);
  }

  const Handler* find(std::string_view command) const override {
    const auto found = handlers_.find(command);
    return found == handlers_.end() ? nullptr : &found->second;
  }
  void leave(const std::shared_ptr<Session>& session) override { sessions_.erase(session); }

 private:
  void welcome(Session::Socket socket);

  asio::io_context& context_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::string path_;
  ListeningSocket file_;
  bool closed_ = false;
  std::map<std::string, Handler, std::less<>> handlers_;
  std::set<std::shared_ptr<Session>> sessions_;
};

void Listener::accept() {
  acceptor_.async_accept(
      [self = shared_from_this()](const boost::system::error_code& error, Session::Socket socket) {
        if (self->closed_) return;
        if (!error) {
          self->welcome(std::move(socket));
          return self->accept();
        }
        // Out of descriptors, most likely: try again, but not in a tight loop.
        self->pause_.expires_after(accept_pause);
        self->pause_.async_wait([self](const boost::system::error_code& cancelled) {
          if (!cancelled && !self->closed_) self->accept();
        });
      });
}

void Listener::welcome(Session::Socket socket) {
  // Asio's accept leaves this out, and children must not inherit a client.
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  const auto session = std::make_shared<Session>(context_, std::move(socket), shared_from_this());
  if (sessions_.size() >= clients_max) return session->refuse("too many clients");
  sessions_.insert(session);
  session->start();
}

void Listener::close() {
  if (std::exchange(closed_, true)) return;
  remove_socket(path_, file_);
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  const std::set<std::shared_ptr<Session>> sessions = std::exchange(sessions_, {});
  for (const std::shared_ptr<Session>& session : sessions) session->close();
  handlers_.clear();
}

// What the daemon holds; sessions keep the listener behind it alive until the last one is gone.
class ServerHandle final : public Server {
 public:
  explicit ServerHandle(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ServerHandle(const ServerHandle&) = delete;
  ServerHandle& operator=(const ServerHandle&) = delete;
  ~ServerHandle() override { listener_->close(); }
  void handle(std::string_view command, Handler handler) override {
    listener_->handle(command, std::move(handler));
  }
  void close() override { listener_->close(); }

 private:
  std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::open(asio::io_context& context, const std::string& path,
                                             const std::string& group) {
  const Result<ListeningSocket> socket = listen_on(path, group);
  if (socket.has_error()) return socket.error();
  auto listener = std::make_shared<Listener>(context, path, *socket);
  listener->accept();
  return std::unique_ptr<Server>(std::make_unique<ServerHandle>(std::move(listener)));
}

}  // namespace alarmwire::control
