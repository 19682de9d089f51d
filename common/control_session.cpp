#include "common/control_session.hpp"

#include <poll.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "common/text.hpp"

namespace alarmwire::control {
namespace {

namespace asio = boost::asio;

// A request that is dropped unanswered must not leave its client waiting for ever.
class SessionResponder final : public Responder {
 public:
  explicit SessionResponder(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  SessionResponder(const SessionResponder&) = delete;
  SessionResponder& operator=(const SessionResponder&) = delete;
  ~SessionResponder() override {
    end(has_items_ ? std::string{} : error_line("the daemon gave no answer"));
  }

  void result(boost::json::value value) override {
    std::string line = boost::json::serialize(boost::json::object{
        {"ok", true}, {"schema", schema_version}, {"result", std::move(value)}});
    if (line.size() > answer_bytes_max) line = error_line("the answer is too long");
    end(std::move(line));
  }

  void error(const std::string& message) override { end(error_line(message)); }

  void item(boost::json::value value) override {
    if (ended_ || session_->is_gone()) return;
    has_items_ = true;
    session_->send(
        boost::json::serialize(boost::json::object{{"ok", true}, {"item", std::move(value)}}), true,
        false);
  }

  bool is_gone() const override { return session_->is_gone(); }

 private:
  void end(std::string line) {
    if (!ended_.exchange(true)) session_->send(std::move(line), false, true);
  }

  std::shared_ptr<Session> session_;
  std::atomic<bool> ended_{false};
  std::atomic<bool> has_items_{false};
};

}  // namespace

std::string error_line(std::string_view message) {
  return boost::json::serialize(
      boost::json::object{{"ok", false}, {"error", boost::json::string(message)}});
}

Session::Session(asio::io_context& context, Socket socket, std::shared_ptr<SessionOwner> owner)
    : context_(context), socket_(std::move(socket)), owner_(std::move(owner)), idle_(context) {}

void Session::start() {
  watch_idle();
  read();
}

void Session::close() {
  gone_ = true;
  if (!socket_.is_open()) return;
  ErrorCode ignored;
  socket_.close(ignored);
  idle_.cancel();
  owner_->leave(shared_from_this());
}

void Session::refuse(std::string_view message) {
  close_when_written_ = true;
  take({error_line(message)}, false);
}

// Reading goes on while a request is answered: only so a client's hanging up is noticed.
void Session::read() {
  if (reading_ || half_closed_ || close_when_written_ || !socket_.is_open()) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
                            self->reading_ = false;
                            if (self->socket_.is_open()) self->on_read(error, size);
                          });
}

void Session::on_read(const ErrorCode& error, std::size_t size) {
  if (error == asio::error::eof) return on_hang_up();
  if (error) return close();
  received_.erase(0, std::exchange(consumed_, 0));
  received_.append(buffer_.data(), size);
  serve_next_line();
  // One line may wait behind the request in hand, not more.
  if (pending().size() > line_bytes_max)
    return refuse("a line has at most " + std::to_string(line_bytes_max) + " bytes");
  read();
}

// EOF may mean "I have asked, now answer" or "I am gone"; only the latter raises POLLHUP.
void Session::on_hang_up() {
  half_closed_ = true;
  pollfd poller{socket_.native_handle(), 0, 0};
  const bool gone = ::poll(&poller, 1, 0) > 0 && (poller.revents & (POLLHUP | POLLERR)) != 0;
  // A stream has no end of its own: whoever half-closes it could not be told from gone later.
  if (gone || streaming_) return close();
  serve_next_line();
}

void Session::serve_next_line() {
  while (!busy_ && !close_when_written_) {
    const std::string_view rest = pending();
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    const std::string line(rest.substr(0, end));
    consumed_ += end + 1;
    if (line.find_first_not_of(" \t\r") != std::string::npos) serve(line);
  }
  if (half_closed_ && !busy_) {
    close_when_written_ = true;
    if (!writing_) close();
  }
}

void Session::serve(std::string_view line) {
  busy_ = true;
  watch_idle();
  auto responder = std::make_shared<SessionResponder>(shared_from_this());
  ErrorCode error;
  const boost::json::value request = boost::json::parse(line, error);
  const boost::json::object* const object = error ? nullptr : request.if_object();
  const boost::json::value* const command =
      object != nullptr ? object->if_contains("command") : nullptr;
  if (command == nullptr || !command->is_string())
    return responder->error(R"(a request is a line of JSON: {"command": "…"})");
  const std::string_view name(command->get_string().data(), command->get_string().size());
  const Handler* const handler = owner_->find(name);
  if (handler == nullptr) return responder->error("unknown command: " + printable(name, 100));
  try {
    const Handler kept = *handler;  // it may close the server, and its own entry with it
    kept(*object, responder);
  } catch (const std::exception& exception) {
    responder->error(std::string("internal error: ") + exception.what());
  }
}

void Session::send(std::string text, bool is_item, bool last) {
  if (gone_) return;
  const std::size_t charged = text.size();
  const bool too_many = is_item && ++backlog_items_ > stream_backlog_items_max;
  const bool too_much = (backlog_bytes_ += charged) > backlog_bytes_max;
  if (too_many || too_much) gone_ = true;
  asio::post(context_, [self = shared_from_this(), line = Line{std::move(text), is_item, charged},
                        last]() mutable {
    if (self->gone_) return self->close();
    self->take(std::move(line), last);
  });
}

void Session::take(Line line, bool last) {
  if (!socket_.is_open()) return;
  if (line.is_item) {
    streaming_ = true;
    if (half_closed_) return close();
  }
  if (!line.text.empty()) {
    // Handlers pass on what devices said; a reader must be able to parse it all the same.
    line.text = scrub_utf8(std::move(line.text)) + "\n";
    out_.push_back(std::move(line));
  }
  if (last) {
    busy_ = false;
    close_when_written_ = close_when_written_ || streaming_;
    watch_idle();
  }
  if (!writing_) write();
  if (last && socket_.is_open()) serve_next_line();
}

void Session::write() {
  if (out_.empty()) {
    if (close_when_written_) close();
    return;
  }
  writing_ = true;
  asio::async_write(socket_, asio::buffer(out_.front().text),
                    [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                      self->writing_ = false;
                      self->on_written(error);
                    });
}

void Session::on_written(const ErrorCode& error) {
  if (error || !socket_.is_open()) return close();
  const Line& line = out_.front();
  backlog_bytes_ -= line.charged_bytes;
  if (line.is_item) --backlog_items_;
  out_.pop_front();
  write();
}

void Session::watch_idle() {
  if (busy_) {
    idle_.cancel();
    return;
  }
  idle_.expires_after(idle_max);
  idle_.async_wait([weak = weak_from_this()](const ErrorCode& error) {
    const auto self = weak.lock();
    if (self != nullptr && !error && !self->busy_) self->close();
  });
}

}  // namespace alarmwire::control
