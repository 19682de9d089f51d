#include "edge/spool/ballast.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/spool/files.hpp"

namespace alarmwire::spool {

Ballast::Ballast(const std::string& directory)
    : directory_(directory), path_(directory + "/spool.ballast") {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) return;
  const bool is_whole = static_cast<std::uint64_t>(info.st_size) >= ballast_bytes;
  state_ = is_whole ? State::held : State::let_go;
}

bool Ballast::take(std::uint64_t spare_bytes) {
  if (is_held()) return true;
  if (disk_free_bytes(directory_) < ballast_bytes + spare_bytes) return false;
  if (allocate()) {
    state_ = State::held;
    return true;
  }
  // Somebody was quicker: what was had of it goes back.
  const int given_back = is_let_go() ? ::truncate(path_.c_str(), 0) : ::unlink(path_.c_str());
  static_cast<void>(given_back);
  return false;
}

// Not synced: after a power cut it is looked at anew.
bool Ballast::allocate() const {
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool done = ::posix_fallocate(fd, 0, static_cast<off_t>(ballast_bytes)) == 0;
  ::close(fd);
  return done;
}

bool Ballast::let_go() {
  if (!is_held()) return false;
  state_ = State::let_go;
  return ::truncate(path_.c_str(), 0) == 0;
}

}  // namespace alarmwire::spool
