#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <optional>

#include "common/clock.hpp"
#include "common/control.hpp"
#include "common/control_socket.hpp"

namespace alarmwire::control {
namespace {

using Deadline = std::optional<SteadyTime>;  // nothing: wait for ever

constexpr std::size_t read_bytes = 64 * 1024;

Status wait_for(int descriptor, short events, const Deadline& deadline) {
  while (true) {
    int wait_ms = -1;
    if (deadline) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(*deadline - steady_now()).count();
      if (left <= 0) return Failure(Errc::timed_out, "the daemon did not answer in time");
      wait_ms = static_cast<int>(std::min<std::int64_t>(left, 60'000));
    }
    pollfd poller{descriptor, events, 0};
    const int ready = ::poll(&poller, 1, wait_ms);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return errno_failure(errno, "poll");
  }
}

}  // namespace

struct Client::State {
  int descriptor = -1;
  std::string received;  // what came after the last line

  explicit State(int socket) : descriptor(socket) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ::close(descriptor); }

  Status send(const boost::json::object& request, const Deadline& deadline) {
    const std::string line = boost::json::serialize(request) + "\n";
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t sent = ::send(descriptor, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        rest.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        const Status ready = wait_for(descriptor, POLLOUT, deadline);
        if (ready.has_error()) return ready.error();
      } else if (errno != EINTR) {
        return errno_failure(errno, "sending to the daemon");
      }
    }
    return {};
  }

  // Errc::closed: the daemon has closed.
  Result<std::string> read_line(const Deadline& deadline) {
    std::size_t searched = 0;
    while (true) {
      const std::size_t end = received.find('\n', searched);
      if (end != std::string::npos) {
        std::string line = received.substr(0, end);
        received.erase(0, end + 1);
        return line;
      }
      searched = received.size();
      if (searched > answer_bytes_max)
        return Failure(Errc::invalid_argument, "the daemon's answer is too long");
      const Status more = read_more(deadline);
      if (more.has_error()) return more.error();
    }
  }

  // An answer, or the Failure it carries.
  Result<boost::json::object> read_answer(const Deadline& deadline) {
    const Result<std::string> line = read_line(deadline);
    if (line.has_error()) return line.error();
    boost::system::error_code error;
    boost::json::value answer = boost::json::parse(*line, error);
    const boost::json::object* const object = answer.if_object();
    const boost::json::value* const ok = object != nullptr ? object->if_contains("ok") : nullptr;
    if (error || ok == nullptr || !ok->is_bool())
      return Failure(Errc::io, "the daemon's answer is not understood");
    if (ok->get_bool()) return std::move(answer.get_object());
    const boost::json::value* const why = object->if_contains("error");
    return Failure(Errc::invalid_argument, why != nullptr && why->is_string()
                                               ? std::string(why->get_string().c_str())
                                               : "the daemon refused");
  }

 private:
  Status read_more(const Deadline& deadline) {
    std::array<char, read_bytes> buffer;
    while (true) {
      const ssize_t got = ::recv(descriptor, buffer.data(), buffer.size(), 0);
      if (got > 0) {
        received.append(buffer.data(), static_cast<std::size_t>(got));
        return {};
      }
      if (got == 0) return Failure(Errc::closed, "the daemon has closed the connection");
      if (errno == EAGAIN) {
        const Status ready = wait_for(descriptor, POLLIN, deadline);
        if (ready.has_error()) return ready.error();
      } else if (errno != EINTR) {
        return errno_failure(errno, "reading from the daemon");
      }
    }
  }
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& path) {
  const Result<int> socket = connect_to(path);
  if (socket.has_error()) return socket.error();
  return Client(std::make_unique<State>(*socket));
}

Result<boost::json::value> Client::call(const boost::json::object& request,
                                        std::chrono::milliseconds timeout) {
  const Deadline deadline = steady_now() + timeout;
  // A daemon that turns us away ("too many clients") closes before it has read: its words are there
  // all the same.
  const Status sent = state_->send(request, deadline);
  Result<boost::json::object> answer = state_->read_answer(deadline);
  if (answer.has_error()) return answer.error();
  return std::move((*answer)["result"]);
}

Status Client::stream(const boost::json::object& request,
                      const std::function<bool(const boost::json::value&)>& on_item) {
  const Status sent = state_->send(request, std::nullopt);
  if (sent.has_error()) return sent.error();
  while (true) {
    const Result<boost::json::object> answer = state_->read_answer(std::nullopt);
    if (answer.has_error()) {
      if (answer.error().is(Errc::closed)) return {};
      return answer.error();
    }
    const boost::json::value* const item = answer->if_contains("item");
    if (item == nullptr || !on_item(*item)) return {};
  }
}

}  // namespace alarmwire::control
