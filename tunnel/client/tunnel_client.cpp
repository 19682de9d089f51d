#include "tunnel/client/tunnel_client.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <utility>

#include "common/control.hpp"
#include "common/control_request.hpp"

namespace alarmwire::tunnel {

TunnelClient::TunnelClient(boost::asio::io_context& context, std::string socket_path)
    : socket_(context),
      timer_(context),
      deadline_(context),
      input_(control::answer_bytes_max),
      socket_path_(std::move(socket_path)) {}

void TunnelClient::start(std::function<void(bool)> on_change) {
  on_change_ = std::move(on_change);
  connect();
}

void TunnelClient::stop() {
  stopped_ = true;
  on_change_ = nullptr;
  timer_.cancel();
  deadline_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void TunnelClient::tell_stream(const std::string& peer, bool up) {
  if (streams_.size() >= peers_max && !streams_.contains(peer)) return;
  streams_[peer] = up;
  untold_.insert(peer);
  hurry();
}

void TunnelClient::hurry() {
  if (connected_ && !busy_) next();
}

void TunnelClient::ask(boost::json::object request, Answer answer) {
  if (stopped_ || !connected_ || questions_.size() >= questions_max)
    return answer(Failure(Errc::closed, "alarmwire-tunnel does not answer on its control socket"));
  questions_.push_back({std::move(request), std::move(answer)});
  hurry();
}

void TunnelClient::give_peers(boost::json::array peers, std::function<void(const Status&)> done) {
  peers_ = std::move(peers);
  if (done) peers_wait_.push_back(std::move(done));
  peers_due_ = true;
  page_at_ = 0;
  hurry();
}

void TunnelClient::send_page() {
  const boost::json::array& all = *peers_;
  const std::size_t end = std::min(page_at_ + peers_per_page, all.size());
  boost::json::array page(all.begin() + static_cast<std::ptrdiff_t>(page_at_),
                          all.begin() + static_cast<std::ptrdiff_t>(end));
  boost::json::object request{
      {"command", "peers"}, {"first", page_at_ == 0}, {"last", end == all.size()}};
  request["peers"] = std::move(page);
  page_at_ = end;
  page_under_way_ = true;
  peers_due_ = end != all.size();
  send(std::move(request));
}

void TunnelClient::on_page(const Result<boost::json::object>& answer) {
  page_under_way_ = false;
  if (peers_due_ && answer) return;  // more pages, or a new list meanwhile
  if (peers_due_ && page_at_ == 0) return;
  peers_due_ = false;
  const Status done = answer ? Status() : Status(answer.error());
  for (const auto& each : std::exchange(peers_wait_, {})) each(done);
}

void TunnelClient::connect() {
  if (stopped_) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
  socket_.async_connect(socket_path_,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (self->stopped_) return;
                          if (error) return self->fail();
                          self->connected_ = true;
                          self->must_forget_ = true;
                          for (const auto& [peer, up] : self->streams_) self->untold_.insert(peer);
                          self->peers_due_ = self->peers_.has_value();
                          self->page_at_ = 0;
                          self->next();
                        });
}

// Who may come in, then questions, then news of streams, then the status; one request at a time.
void TunnelClient::next() {
  if (busy_ || !connected_) return;  // a timer that had fired already comes here too
  timer_.cancel();
  if (must_forget_) return send({{"command", "forget-streams"}});
  if (peers_due_) return send_page();
  if (!questions_.empty()) {
    asked_ = std::move(questions_.front());
    questions_.pop_front();
    return send(asked_->request);
  }
  if (untold_.empty()) return send({{"command", "status"}});
  telling_ = *untold_.begin();
  untold_.erase(untold_.begin());
  send({{"command", "stream"}, {"peer", telling_}, {"up", streams_.at(telling_)}});
}

void TunnelClient::send(boost::json::object request) {
  busy_ = true;
  output_ = boost::json::serialize(request) + "\n";
  deadline_.expires_after(answer_within);
  deadline_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error) self->socket_.close(ignored);
  });
  boost::asio::async_write(
      socket_, boost::asio::buffer(output_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
        if (self->stopped_) return;
        if (error) return self->fail();
        self->read_answer();
      });
}

void TunnelClient::read_answer() {
  boost::asio::async_read_until(
      socket_, input_, '\n',
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
        if (self->stopped_) return;
        if (error) return self->fail();
        self->on_answer();
      });
}

void TunnelClient::on_answer() {
  deadline_.cancel();
  busy_ = false;
  std::istream stream(&input_);
  std::string line;
  std::getline(stream, line);
  boost::system::error_code error;
  boost::json::value answer = boost::json::parse(line, error);
  if (error || !answer.is_object()) return fail();
  if (must_forget_) {
    must_forget_ = false;
    return next();
  }
  boost::json::value* const result = answer.get_object().if_contains("result");
  if (page_under_way_ || asked_) {
    answered(result != nullptr && result->is_object()
                 ? Result<boost::json::object>(std::move(result->get_object()))
                 : Failure(Errc::invalid_argument, control::text_of(answer.get_object(), "error")));
    if (!stopped_ && connected_ && !busy_) next();
    return;
  }
  if (telling_.empty()) {
    if (result == nullptr || !result->is_object()) return fail();
    status_ = std::move(result->get_object());
    if (was_reachable_ != true && on_change_) on_change_(true);
    was_reachable_ = true;
  }
  telling_.clear();
  if (!untold_.empty()) return next();
  wait(poll_every, &TunnelClient::next);
}

void TunnelClient::answered(const Result<boost::json::object>& answer) {
  if (page_under_way_) return on_page(answer);
  const Question asked = *std::exchange(asked_, std::nullopt);
  asked.answer(answer);
}

void TunnelClient::fail() {
  const Failure gone(Errc::closed, "alarmwire-tunnel does not answer on its control socket");
  page_under_way_ = false;  // given again after the reconnect
  std::deque<Question> unanswered = std::exchange(questions_, {});
  if (asked_) unanswered.push_front(*std::exchange(asked_, std::nullopt));
  deadline_.cancel();
  busy_ = false;
  connected_ = false;
  telling_.clear();
  status_.reset();
  input_.consume(input_.size());
  if (was_reachable_ != false && on_change_) on_change_(false);
  was_reachable_ = false;
  wait(poll_every, &TunnelClient::connect);
  for (const Question& question : unanswered) question.answer(gone);
}

void TunnelClient::wait(std::chrono::milliseconds time, void (TunnelClient::*then)()) {
  timer_.expires_after(time);
  timer_.async_wait([self = shared_from_this(), then](const boost::system::error_code& error) {
    if (!error && !self->stopped_) (self.get()->*then)();
  });
}

}  // namespace alarmwire::tunnel
