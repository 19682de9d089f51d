#include "common/confine_calls.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <iterator>

#include "common/daemon.hpp"
#include "common/files.hpp"

namespace alarmwire::confine {
namespace {

// Whatever their arguments are. Names that this libseccomp or this machine does not know are left
// out.
constexpr const char* plain_calls[] = {
    // files
    "open", "openat", "openat2", "close", "close_range", "read", "readv", "pread64", "preadv",
    "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "stat", "fstat",
    "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getcwd", "getdents64", "mkdir", "mkdirat", "rmdir", "unlink",
    "unlinkat", "rename", "renameat", "renameat2", "truncate", "ftruncate", "fallocate",
    "fadvise64", "fsync", "fdatasync", "sync_file_range", "flock", "chmod", "fchmod", "fchmodat",
    "fchmodat2", "chown", "fchown", "lchown", "fchownat", "umask", "utimensat", "fcntl", "dup",
    "dup2", "dup3", "pipe", "pipe2",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime",
    "timerfd_gettime", "signalfd4", "nanosleep", "clock_nanosleep", "pause", "restart_syscall",
    // sockets, once they are made
    "socketpair", "connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername",
    "getsockopt", "setsockopt", "shutdown", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg",
    "recvmmsg",
    // memory, threads, signals
    "brk", "munmap", "mremap", "madvise", "mincore", "msync", "membarrier", "futex", "futex_waitv",
    "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "sched_yield",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "exit", "exit_group",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack",
    // who and when
    "gettid", "getpid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid",
    "getegid", "getresuid", "getresgid", "getgroups", "getpriority", "getrusage", "times",
    "sysinfo", "uname", "getcpu", "clock_gettime", "clock_getres", "gettimeofday", "time",
    "getrandom"};

// Nothing of ours, nor of the libraries below us, ever calls these.
constexpr const char* intruders_calls[] = {"execve",
                                           "execveat",
                                           "fork",
                                           "vfork",
                                           "ptrace",
                                           "process_vm_readv",
                                           "process_vm_writev",
                                           "pidfd_getfd",
                                           "kcmp",
                                           "mount",
                                           "umount2",
                                           "pivot_root",
                                           "chroot",
                                           "move_mount",
                                           "open_tree",
                                           "fsopen",
                                           "fsmount",
                                           "fsconfig",
                                           "fspick",
                                           "mount_setattr",
                                           "unshare",
                                           "setns",
                                           "bpf",
                                           "perf_event_open",
                                           "userfaultfd",
                                           "add_key",
                                           "request_key",
                                           "keyctl",
                                           "init_module",
                                           "finit_module",
                                           "delete_module",
                                           "kexec_load",
                                           "kexec_file_load",
                                           "reboot",
                                           "swapon",
                                           "swapoff",
                                           "acct",
                                           "syslog",
                                           "quotactl",
                                           "iopl",
                                           "ioperm",
                                           "modify_ldt",
                                           "io_uring_setup",
                                           "io_uring_enter",
                                           "io_uring_register",
                                           "open_by_handle_at",
                                           "memfd_secret",
                                           "settimeofday",
                                           "clock_settime",
                                           "clock_adjtime",
                                           "adjtimex",
                                           "sethostname",
                                           "setdomainname"};

constexpr const char* computing_calls[] = {
    "read",         "write",          "close",         "brk",         "munmap", "mremap",
    "madvise",      "futex",          "clock_gettime", "getrandom",   "gettid", "getpid",
    "rt_sigreturn", "rt_sigprocmask", "rt_sigaction",  "sched_yield", "tgkill", "exit",
    "exit_group"};

constexpr std::uint64_t namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                     CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
constexpr int families_end = 64;  // beyond the last one any kernel has
constexpr std::uint64_t socket_kind_bits = 0xf;

using Conditions = std::initializer_list<scmp_arg_cmp>;

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {}
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  bool is_made() const { return context_ != nullptr; }
  // A rule that cannot be added is remembered: error().
  void add(std::uint32_t action, const char* name, Conditions conditions = {}) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR || call < 0) return;  // not on this machine
    const int added = seccomp_rule_add_array(
        context_, action, call, static_cast<unsigned>(conditions.size()), conditions.begin());
    if (added != 0 && error_ == 0) {
      error_ = -added;
      failed_at_ = name;
    }
  }
  void allow(const char* name, Conditions conditions = {}) {
    add(SCMP_ACT_ALLOW, name, conditions);
  }
  Status load() {
    if (error_ != 0) return errno_failure(error_, "seccomp: " + failed_at_);
    // A tree instead of a list: some hundred calls would be compared one by one.
    seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    const int loaded = seccomp_load(context_);
    if (loaded == -EINVAL || loaded == -ENOSYS)
      return Failure(Errc::unsupported, "this kernel has no system call filters (seccomp)");
    if (loaded != 0) return errno_failure(-loaded, "seccomp");
    return {};
  }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
  std::string failed_at_;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
scmp_arg_cmp has(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_sockets(Filter& filter, const Policy& policy) {
  filter.allow("socket", {equals(0, AF_UNIX)});
  filter.allow("socket", {equals(0, AF_NETLINK), equals(2, NETLINK_ROUTE)});
  for (const int family : {AF_INET, AF_INET6}) {
    filter.allow("socket", {equals(0, family), has(1, socket_kind_bits, SOCK_STREAM)});
    if (policy.asks_dns)
      filter.allow("socket", {equals(0, family), has(1, socket_kind_bits, SOCK_DGRAM)});
  }
  // What libraries expect to hear where a machine lacks a family.
  for (int family = 0; family < families_end; ++family) {
    const bool is_ours =
        family == AF_UNIX || family == AF_NETLINK || family == AF_INET || family == AF_INET6;
    if (!is_ours) filter.add(SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", {equals(0, family)});
  }
}

// Nothing is both written and run; libraries may still be loaded.
void allow_memory(Filter& filter) {
  filter.allow("mmap", {has(2, PROT_EXEC, 0)});
  filter.allow("mmap", {has(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)});
  filter.allow("mprotect", {has(2, PROT_EXEC, 0)});
}

void allow_threads(Filter& filter) {
  // clone3 hides its flags in memory: ENOSYS makes the C library take clone.
  const std::uint64_t thread = CLONE_THREAD | CLONE_VM;
  filter.allow("clone", {has(0, thread | namespaces, thread)});
  filter.add(SCMP_ACT_TRAP, "clone", {has(0, CLONE_THREAD, 0)});
  filter.allow("tgkill", {equals(0, static_cast<std::uint64_t>(::getpid()))});
  filter.allow("prlimit64", {equals(0, 0)});
  for (const int what : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_VMA})
    filter.allow("prctl", {equals(0, static_cast<std::uint64_t>(what))});
}

void allow_ioctls(Filter& filter) {
  constexpr std::uint64_t get_interface_name = 0x8910, get_interface_index = 0x8933;
  for (const std::uint64_t what : {std::uint64_t{FIONREAD}, std::uint64_t{FIONBIO},
                                   std::uint64_t{TCGETS}, get_interface_name, get_interface_index})
    filter.allow("ioctl", {equals(1, what)});
}

void allow_instruments(Filter& filter) {
  for (const char* name : {"clone", "ptrace", "wait4", "prctl", "mmap", "mprotect", "tgkill",
                           "prlimit64", "process_vm_readv", "personality", "kill", "ioctl"})
    filter.allow(name);
}

// --- what happens to a call of an intruder ---

// Made before any filter holds, only read by the handler: the C library may hold its locks when the
// call is refused (fork does), so that nothing may be allocated then.
struct Note {
  std::array<char, 4096> path{};
  struct Named {
    int number;
    const char* name;
  };
  std::array<Named, std::size(intruders_calls) + 1> calls{};
};
Note note;

const char* name_of(int number) {
  for (const Note::Named& call : note.calls)
    if (call.name != nullptr && call.number == number) return call.name;
  return "unknown";
}

void put(int file, const char* text) {
  // Best effort: the process ends in any case.
  if (::write(file, text, std::strlen(text)) < 0) return;
}

// Whoever has blocked or ignored the signal is killed by the kernel instead.
void on_intruders_call(int, siginfo_t* info, void*) {
  const int file =
      ::open(note.path.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  for (const int place : {file, STDERR_FILENO}) {
    put(place, intruder_words);
    put(place, name_of(info->si_syscall));
  }
  put(STDERR_FILENO, "\n");
  ::fsync(file);
  ::_exit(daemon::exit_failed);
}

Status watch_for_intruders(const std::string& state_directory) {
  const std::string path = crash_note_path(state_directory);
  if (path.size() >= note.path.size()) return Failure(Errc::invalid_argument, path + ": too long");
  path.copy(note.path.data(), path.size());
  std::size_t count = 0;
  for (const char* const name : intruders_calls)
    note.calls.at(count++) = {seccomp_syscall_resolve_name(name), name};
  note.calls.at(count) = {seccomp_syscall_resolve_name("clone"), "clone"};
  struct sigaction action {};
  action.sa_sigaction = on_intruders_call;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return errno_failure(errno, "sigaction");
  return {};
}

}  // namespace

Status restrict_calls(const Policy& policy) {
  if (Status watched = watch_for_intruders(policy.state_directory); watched.has_error())
    return watched;
  Filter filter(SCMP_ACT_ERRNO(ENOSYS));
  if (!filter.is_made()) return Failure(Errc::io, "seccomp: no memory for the filter");
  for (const char* const name : plain_calls) filter.allow(name);
  if (is_instrumented) {
    allow_instruments(filter);
  } else {
    for (const char* const name : intruders_calls) filter.add(SCMP_ACT_TRAP, name);
    allow_threads(filter);
    allow_memory(filter);
    allow_ioctls(filter);
  }
  allow_sockets(filter, policy);
  return filter.load();
}

Status hold_to_computing() {
  if (is_instrumented) return {};
  Filter filter(SCMP_ACT_KILL_PROCESS);
  if (!filter.is_made()) return Failure(Errc::io, "seccomp: no memory for the filter");
  for (const char* const name : computing_calls) filter.allow(name);
  allow_memory(filter);
  return filter.load();
}

}  // namespace alarmwire::confine
