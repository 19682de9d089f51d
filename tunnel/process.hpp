// Children of this daemon: started without a shell, with nothing inherited but what is named, and
// gone when the daemon is gone. Thread-safety: the main thread only (PR_SET_PDEATHSIG follows the
// thread that forked).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "tunnel/file.hpp"

namespace alarmwire::tunnel::process {

inline constexpr std::size_t output_bytes_max = 4096;  // kept for the diagnostics

struct Outcome {
  int exit_code = 0;   // 128 + signal if it was ended by one
  std::string output;  // stdout and stderr, one line, cut
};
// Runs a short program to its end; Errc::timed_out kills it, Errc::unsupported: not installed.
Result<Outcome> run(const std::vector<std::string>& arguments, const std::string& input,
                    std::chrono::milliseconds limit);

// A long-running child. Destroying it kills it and waits.
class Child {
 public:
  // stdout and stderr go to ours; `environment` is added to a minimal one.
  static Result<Child> start(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  int exit_descriptor() const { return pidfd_.get(); }  // readable once it has ended
  std::optional<int> poll_exit();                       // reaps; the exit code, once it has ended
  // SIGTERM, then SIGKILL after `grace`; reaps.
  void stop(std::chrono::milliseconds grace);

 private:
  Child(pid_t pid, Descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;
  Descriptor pidfd_;
  std::optional<int> exit_code_;
};

}  // namespace alarmwire::tunnel::process
