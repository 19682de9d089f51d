// The file habits that secrets need: reading that refuses open permissions, creating that never
// replaces. Thread-safety: functions without state, from any thread.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "common/error.hpp"

namespace alarmwire::tunnel {

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

enum class Privacy { anyone, owner_only };

// Errc::not_found, Errc::denied (owner_only and somebody else may read it), Errc::full (over
// `bytes_max`), else errno.
Result<std::string> read_guarded_file(const std::string& path, std::size_t bytes_max,
                                      Privacy privacy);
// Errc::exists if there is one. Synced before it returns.
Status create_file(const std::string& path, std::string_view text, mode_t mode);

}  // namespace alarmwire::tunnel
