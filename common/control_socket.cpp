#include "common/control_socket.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace alarmwire::control {
namespace {

constexpr mode_t socket_mode = 0660;
constexpr int connections_waiting_max = 64;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return Failure(Errc::invalid_argument, path + ": a socket's path has 1 to " +
                                               std::to_string(sizeof address.sun_path - 1) +
                                               " bytes");
  path.copy(address.sun_path, path.size());
  return address;
}

int connect_errno(int descriptor, const sockaddr_un& address) {
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(descriptor, generic, sizeof address) == 0 ? 0 : errno;
}

int unix_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// Nobody accepts on a stale socket: connecting is refused at once.
Status clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) return {};
    return errno_failure(errno, path);
  }
  if (!S_ISSOCK(file.st_mode)) return Failure(Errc::exists, path + ": is there and no socket");
  const Descriptor probe(unix_socket());
  if (probe.get() < 0) return errno_failure(errno, "socket");
  const int error = connect_errno(probe.get(), address);
  if (error == 0 || error == EAGAIN)
    return Failure(Errc::busy, path + ": another daemon listens here");
  if (error != ECONNREFUSED) return errno_failure(error, path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_failure(errno, path);
  return {};
}

Status give_to_group(const std::string& path, const std::string& group) {
  if (group.empty()) return {};
  std::array<char, 16384> buffer{};
  struct group entry {};
  struct group* found = nullptr;
  const int error = getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return errno_failure(error, "group " + group);
  if (found == nullptr) return Failure(Errc::not_found, "group " + group + ": is not there");
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
    return errno_failure(errno, path + ": giving it to group " + group);
  return {};
}

}  // namespace

Result<ListeningSocket> listen_on(const std::string& path, const std::string& group) {
  const Result<sockaddr_un> address = address_of(path);
  if (address.has_error()) return address.error();
  // Two daemons that start at once must not take each other's fresh socket for a stale one.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor lock(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) return errno_failure(errno, folder);
  const Status cleared = clear_stale(path, *address);
  if (cleared.has_error()) return cleared.error();

  Descriptor listener(unix_socket());
  if (listener.get() < 0) return errno_failure(errno, "socket");
  // bind() takes the mode from here: at no moment can more people connect than may.
  if (::fchmod(listener.get(), socket_mode) != 0) return errno_failure(errno, path);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(listener.get(), generic, sizeof *address) != 0) return errno_failure(errno, path);
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return errno_failure(errno, path);
  const ListeningSocket socket{listener.get(), file.st_dev, file.st_ino};
  Status done = give_to_group(path, group);
  // The umask may have taken the group's rights.
  if (done && (::chmod(path.c_str(), socket_mode) != 0 ||
               ::listen(listener.get(), connections_waiting_max) != 0))
    done = errno_failure(errno, path);
  if (done.has_error()) {
    remove_socket(path, socket);
    return done.error();
  }
  listener.release();
  return socket;
}

void remove_socket(const std::string& path, const ListeningSocket& socket) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return;
  if (file.st_dev == socket.device && file.st_ino == socket.inode) ::unlink(path.c_str());
}

Result<int> connect_to(const std::string& path) {
  const Result<sockaddr_un> address = address_of(path);
  if (address.has_error()) return address.error();
  Descriptor descriptor(unix_socket());
  if (descriptor.get() < 0) return errno_failure(errno, "socket");
  const int error = connect_errno(descriptor.get(), *address);
  if (error == EAGAIN) return Failure(Errc::busy, path + ": too many wait already");
  if (error != 0) return errno_failure(error, path);
  return descriptor.release();
}

}  // namespace alarmwire::control
