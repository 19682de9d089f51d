#include "common/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/reach.hpp"

namespace alarmwire {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_failure(errno, "write " + path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return errno_failure(errno, "fsync " + path);
  return {};
}

Status sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0) return errno_failure(errno, "fsync " + directory);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    const int reason = errno;
    if (reason == ENOENT) return Failure(Errc::not_found, path + ": no such file");
    Failure failure = errno_failure(reason, "open " + path);
    if (reason == EACCES) failure.diagnostics += why_out_of_reach(path);
    return failure;
  }
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "read " + path);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max) return Failure(Errc::invalid_argument, path + ": too large");
  }
}

Status write_file_atomically(const std::string& path, std::string_view text, unsigned mode) {
  const std::string temporary = path + ".new";
  {
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd.is_open()) return errno_failure(errno, "open " + temporary);
    const Status written = write_all(fd.get(), text, temporary);
    if (written.has_error()) return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return errno_failure(errno, "rename " + temporary);
  return sync_directory_of(path);
}

Status make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return errno_failure(error.value(), "creating " + path);
  return {};
}

std::string crash_note_path(const std::string& state_directory) {
  return state_directory + "/crashed";
}

// Best effort: the disk that made the daemon leave may refuse this as well.
void leave_crash_note(const std::string& state_directory, std::string_view reason) {
  static_cast<void>(write_file_atomically(crash_note_path(state_directory), reason));
}

std::optional<std::string> take_crash_note(const std::string& state_directory) {
  const std::string path = crash_note_path(state_directory);
  Result<std::string> reason = read_file(path);
  if (reason.has_error()) return std::nullopt;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return std::move(*reason);
}

}  // namespace alarmwire
