#include "tunnel/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace alarmwire::tunnel {
namespace {

Status write_synced(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_failure(errno, "writing " + path);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return errno_failure(errno, "syncing " + path);
  return {};
}

// The name must survive a power cut too: it lives in the directory.
Status sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_failure(errno, "syncing " + directory);
  return {};
}

}  // namespace

Result<std::string> read_guarded_file(const std::string& path, std::size_t bytes_max,
                                      Privacy privacy) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return Failure(Errc::not_found, path + " does not exist");
  if (!fd) return errno_failure(errno, "opening " + path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno_failure(errno, "looking at " + path);
  if (!S_ISREG(info.st_mode)) return Failure(Errc::invalid_argument, path + " is no plain file");
  if (privacy == Privacy::owner_only && (info.st_mode & 077) != 0) {
    return Failure(Errc::denied, path + " can be read by others; want mode 0600");
  }
  std::string text(bytes_max + 1, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_failure(errno, "reading " + path);
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  if (filled > bytes_max) return Failure(Errc::full, path + " is too large");
  text.resize(filled);
  return text;
}

Status create_file(const std::string& path, std::string_view text, mode_t mode) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd && errno == EEXIST) return Failure(Errc::exists, path + " exists already");
  if (!fd) return errno_failure(errno, "making " + path);
  if (Status s = write_synced(fd.get(), text, path); !s) {
    ::unlink(path.c_str());  // half a key is worse than none
    return s;
  }
  return sync_directory_of(path);
}

}  // namespace alarmwire::tunnel
