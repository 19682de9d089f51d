#include "tunnel/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace alarmwire::tunnel::process {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int exec_failed_code = 127;

int pidfd_open_of(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Streams {
  int input = -1;   // -1: /dev/null
  int output = -1;  // -1: ours
};

// Between fork and exec only async-signal-safe calls; all memory was prepared before.
[[noreturn]] void become(char* const* arguments, char* const* environment, Streams streams,
                         pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exec_failed_code);  // it ended before we asked
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (streams.input < 0) streams.input = ::open("/dev/null", O_RDONLY);
  if (streams.input >= 0) ::dup2(streams.input, STDIN_FILENO);
  if (streams.output >= 0) {
    ::dup2(streams.output, STDOUT_FILENO);
    ::dup2(streams.output, STDERR_FILENO);
  }
  // Our sockets are close-on-exec; this is for those of libraries that forgot.
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  ::execve(arguments[0], arguments, environment);
  ::_exit(exec_failed_code);
}

Result<pid_t> spawn(std::vector<std::string> arguments, std::vector<std::string> environment,
                    Streams streams) {
  if (::access(arguments.front().c_str(), X_OK) != 0) {
    return Failure(Errc::unsupported, arguments.front() + " is not installed");
  }
  environment.emplace_back("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
  environment.emplace_back("LC_ALL=C");
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return errno_failure(errno, "forking for " + arguments.front());
  if (pid == 0) become(argv.data(), envp.data(), streams, parent);
  return pid;
}

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return exit_code_of(status);
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

// Feeds the input and collects the output until both ends are closed. False: out of time.
bool converse(Descriptor input, const Descriptor& output, std::string_view text, std::string& said,
              Clock::time_point deadline) {
  for (;;) {
    std::array<pollfd, 2> waits{pollfd{output.get(), POLLIN, 0}, pollfd{input.get(), POLLOUT, 0}};
    const int ready = ::poll(waits.data(), input ? 2 : 1, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if (input && waits[1].revents != 0) {
      const ssize_t n = ::write(input.get(), text.data(), text.size());
      if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
      if (text.empty() || (n < 0 && errno != EAGAIN)) input = Descriptor();
    }
    if (waits[0].revents == 0) continue;
    std::array<char, 1024> chunk{};
    const ssize_t n = ::read(output.get(), chunk.data(), chunk.size());
    if (n <= 0) return true;
    const std::size_t room = output_bytes_max - std::min(output_bytes_max, said.size());
    said.append(chunk.data(), std::min(room, static_cast<std::size_t>(n)));
  }
}

}  // namespace

Result<Outcome> run(const std::vector<std::string>& arguments, const std::string& input,
                    std::chrono::milliseconds limit) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0) return errno_failure(errno, "making a pipe");
  Descriptor in_read(in[0]);
  Descriptor in_write(in[1]);
  if (::pipe2(out.data(), O_CLOEXEC) != 0) return errno_failure(errno, "making a pipe");
  Descriptor out_read(out[0]);
  Descriptor out_write(out[1]);
  ::fcntl(in_write.get(), F_SETFL, O_NONBLOCK);
  const Result<pid_t> pid = spawn(arguments, {}, {in_read.get(), out_write.get()});
  if (!pid) return pid.error();
  in_read = Descriptor();
  out_write = Descriptor();
  Outcome outcome;
  if (!converse(std::move(in_write), out_read, input, outcome.output, Clock::now() + limit)) {
    ::kill(*pid, SIGKILL);
    reap(*pid);
    return Failure(Errc::timed_out, arguments.front() + " did not end in time");
  }
  outcome.exit_code = reap(*pid);
  std::replace(outcome.output.begin(), outcome.output.end(), '\n', ' ');
  return outcome;
}

Result<Child> Child::start(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment) {
  const Result<pid_t> pid = spawn(arguments, environment, {});
  if (!pid) return pid.error();
  Descriptor pidfd(pidfd_open_of(*pid));
  Child child(*pid, std::move(pidfd));
  if (!child.pidfd_) return errno_failure(errno, "watching " + arguments.front());
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      exit_code_(other.exit_code_) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  pidfd_ = std::move(other.pidfd_);
  std::swap(exit_code_, other.exit_code_);
  return *this;
}

Child::~Child() {
  if (pid_ > 0) stop(std::chrono::milliseconds(0));
}

std::optional<int> Child::poll_exit() {
  if (exit_code_ || pid_ <= 0) return exit_code_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = exit_code_of(status);
  return exit_code_;
}

void Child::stop(std::chrono::milliseconds grace) {
  if (pid_ <= 0 || poll_exit()) return;
  if (grace.count() > 0) {
    ::kill(pid_, SIGTERM);
    pollfd wait{pidfd_.get(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(grace.count()));
  }
  if (poll_exit()) return;
  ::kill(pid_, SIGKILL);
  exit_code_ = reap(pid_);
}

}  // namespace alarmwire::tunnel::process
