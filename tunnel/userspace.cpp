#include "tunnel/userspace.hpp"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>

#include "tunnel/netlink.hpp"
#include "tunnel/uapi.hpp"

namespace alarmwire::tunnel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* program_path = "/usr/bin/wireguard-go";
// Fixed inside wireguard-go; no option moves it.
constexpr const char* socket_directory = "/var/run/wireguard";
constexpr int serving_poll_ms = 5;

void set_timeouts(int fd, std::chrono::milliseconds limit) {
  const timeval time{limit.count() / 1000, limit.count() % 1000 * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

Status send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_failure(errno, "telling wireguard-go");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> receive_answer(int fd, Clock::time_point deadline) {
  std::string answer;
  std::array<char, 65536> chunk{};
  while (!uapi::is_complete(answer)) {
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return Failure(Errc::timed_out, "wireguard-go does not answer");
    }
    if (n < 0) return errno_failure(errno, "hearing wireguard-go");
    if (n == 0) return Failure(Errc::closed, "wireguard-go hung up");
    answer.append(chunk.data(), static_cast<std::size_t>(n));
    if (answer.size() > uapi::answer_bytes_max) {
      return Failure(Errc::full, "wireguard-go's answer is too long");
    }
    if (Clock::now() > deadline) return Failure(Errc::timed_out, "wireguard-go answers too slowly");
  }
  return answer;
}

Result<Descriptor> connect_to(const std::string& path) {
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_failure(errno, "connecting to " + path);
  }
  return fd;
}

std::string ask_version() {
  const Result<process::Outcome> outcome =
      process::run({program_path, "--version"}, "", std::chrono::milliseconds(2000));
  if (!outcome || outcome->exit_code != 0) return {};
  // "wireguard-go v0.0.20220316" and then some words.
  const std::size_t start = outcome->output.find(' ');
  if (start == std::string::npos) return {};
  return outcome->output.substr(start + 1, outcome->output.find(' ', start + 1) - start - 1);
}

}  // namespace

UserspaceDevice::UserspaceDevice(std::string interface)
    : interface_(std::move(interface)),
      socket_path_(std::string(socket_directory) + "/" + interface_ + ".sock") {}

Status UserspaceDevice::check_socket_place() const {
  struct stat info {};
  const bool is_there = ::stat(socket_directory, &info) == 0;
  if (::access(is_there ? socket_directory : "/var/run", W_OK) != 0) {
    return Failure(Errc::denied, std::string(socket_directory) + " is not ours to write: it must " +
                                     "exist and belong to this daemon's user, mode 0700 " +
                                     "(systemd: RuntimeDirectory=wireguard)");
  }
  return {};
}

Status UserspaceDevice::create() {
  if (child_) child_->stop(std::chrono::milliseconds(0));
  child_.reset();
  if (Status s = check_socket_place(); !s) return s;
  if (connect_to(socket_path_)) {
    return Failure(Errc::exists, "another process serves " + socket_path_ +
                                     "; interface names must differ, also between namespaces");
  }
  if (version_.empty()) version_ = ask_version();
  if (Status s = netlink::create_persistent_tun(interface_); !s) return s;
  // Silent: at "error" it writes a line every 5 s for each box that was never seen.
  Result<process::Child> child = process::Child::start(
      {program_path, "-f", interface_}, {"WG_PROCESS_FOREGROUND=1", "LOG_LEVEL=silent"});
  if (!child) return child.error();
  child_.emplace(std::move(*child));
  return wait_until_serving();
}

Status UserspaceDevice::wait_until_serving() {
  const Clock::time_point deadline = Clock::now() + start_wait;
  while (Clock::now() < deadline) {
    if (connect()) return {};
    pollfd wait{child_->exit_descriptor(), POLLIN, 0};
    ::poll(&wait, 1, serving_poll_ms);
    if (const std::optional<int> code = child_->poll_exit()) {
      child_.reset();
      return Failure(Errc::io,
                     "wireguard-go ended at once with exit code " + std::to_string(*code));
    }
  }
  child_.reset();
  return Failure(Errc::timed_out, "wireguard-go did not open " + socket_path_);
}

Result<Descriptor> UserspaceDevice::connect() const {
  if (!child_) return Failure(Errc::closed, "wireguard-go is not running");
  Result<Descriptor> fd = connect_to(socket_path_);
  if (!fd) return fd;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      peer.pid != child_->pid()) {
    return Failure(Errc::exists, "somebody else answers at " + socket_path_);
  }
  set_timeouts(fd->get(), answer_wait);
  return fd;
}

Result<std::string> UserspaceDevice::exchange(const std::string& request) const {
  const Result<Descriptor> fd = connect();
  if (!fd) return fd.error();
  if (Status s = send_all(fd->get(), request); !s) return s.error();
  return receive_answer(fd->get(), Clock::now() + answer_wait);
}

Status UserspaceDevice::set(const std::string& request) const {
  const Result<std::string> answer = exchange(request);
  if (!answer) return answer.error();
  return uapi::parse_set_answer(*answer);
}

Status UserspaceDevice::apply(const DeviceConfig& wanted) {
  if (Status s = validate(wanted); !s) return s;
  const Result<DeviceStatus> is = status();
  if (!is) return is.error();
  const DeviceChange change = difference(*is, wanted);
  if (change.is_empty()) return {};
  std::string request = uapi::set_request(change);
  Status done = set(request);
  OPENSSL_cleanse(request.data(), request.size());
  return done;
}

Status UserspaceDevice::set_endpoint(const PublicKey& peer, const Endpoint& endpoint) {
  return set(uapi::set_endpoint_request(peer, endpoint));
}

Status UserspaceDevice::kick(const PeerConfig& peer) {
  std::string request = uapi::kick_request(peer);
  Status done = set(request);
  OPENSSL_cleanse(request.data(), request.size());
  return done;
}

Result<DeviceStatus> UserspaceDevice::status() {
  Result<std::string> answer = exchange(std::string(uapi::get_request));
  if (!answer) return answer.error();
  Result<DeviceStatus> status = uapi::parse_get_answer(*answer);
  OPENSSL_cleanse(answer->data(), answer->size());
  return status;
}

Status UserspaceDevice::release() {
  if (child_) child_->stop(stop_wait);
  child_.reset();
  return {};
}

Status UserspaceDevice::destroy() {
  if (Status s = release(); !s) return s;
  return netlink::delete_link(interface_);
}

}  // namespace alarmwire::tunnel
