// Each test makes a process of its own, confines it as a daemon does, and tries what an intruder
// would, and what the daemon needs.
#include "common/confine.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "common/confine_calls.hpp"
#include "common/daemon.hpp"
#include "common/files.hpp"
#include "common/log.hpp"

namespace alarmwire::confine {
namespace {

constexpr int held = 0;
constexpr int could_not_be_confined = 99;
constexpr const char* nobody = "65534";

class ConfineTest : public ::testing::Test {
 protected:
  ConfineTest() {
    log::set_level(log::Level::warning);
    std::string made = "/tmp/alarmwire-confine-XXXXXX";
    folder_ = ::mkdtemp(made.data());
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    for (const char* const part : {"/state", "/run", "/config", "/foreign"}) {
      std::filesystem::create_directory(folder_ + part);
      if (::geteuid() == 0) {
        EXPECT_EQ(::chown((folder_ + part).c_str(), 65534, 65534), 0);
      }
    }
    write("/config/box.toml");
    write("/foreign/private.key");
  }
  ~ConfineTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name) const { std::ofstream(folder_ + name) << "text\n"; }
  std::string at(const std::string& name) const { return folder_ + name; }

  Policy policy() const {
    Policy policy;
    policy.state_directory = at("/state");
    policy.socket_folders = {at("/run")};
    policy.readable = {at("/config")};
    policy.connect_ports = {7411};
    return policy;
  }

  // The exit code of a process that confines itself and does `what`, or 128 + the signal's number.
  int confined(const std::function<int()>& what) const { return confined(policy(), what); }
  int confined(const Policy& policy, const std::function<int()>& what) const {
    const pid_t child = ::fork();
    if (child == 0) {
      if (give_up_rights({nobody, false}).has_error() || hold(policy).has_error())
        ::_exit(could_not_be_confined);
      ::_exit(what());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // What the next start would tell after `what`.
  std::string note_after(const std::function<void()>& what) const {
    const int code = confined([&what] {
      what();
      return held;
    });
    EXPECT_EQ(code, daemon::exit_failed);
    return take_crash_note(at("/state")).value_or("");
  }

 private:
  std::string folder_;
};

// errno of a call that answered -1, or 0.
template <typename Number>
int error_of(Number result) {
  return result < 0 ? errno : 0;
}

int error_of_connect(const char* address, std::uint16_t port) {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &to.sin_addr);
  return error_of(::connect(made, reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

int error_of_bind(std::uint16_t port) {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port);
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return error_of(::bind(made, reinterpret_cast<const sockaddr*>(&own), sizeof own));
}

long landlock_version() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1);
}

TEST_F(ConfineTest, WhatTheKernelSaysOfTheProcess) {
  const int code = confined([] {
    const Result<std::string> status = read_file("/proc/self/status");
    if (status.has_error()) return 1;
    for (const char* const line : {"Seccomp:\t2\n", "NoNewPrivs:\t1\n",
                                   "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n",
                                   "CapInh:\t0000000000000000\n", "CapAmb:\t0000000000000000\n"})
      if (status->find(line) == std::string::npos) return 2;
    return ::getuid() == 0 || ::geteuid() == 0 ? 3 : held;
  });
  EXPECT_EQ(code, held);
}

TEST_F(ConfineTest, RootIsNotHadBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give it up";
  EXPECT_EQ(confined([] { return error_of(::setuid(0)) != 0 ? held : 1; }), held);
  const int groups = confined([] {
    std::array<gid_t, 64> all{};
    const int count = ::getgroups(all.size(), all.data());
    return ::getgid() == 0 || std::count(all.begin(), all.begin() + count, 0) > 0 ? 1 : held;
  });
  EXPECT_EQ(groups, held);
}

TEST_F(ConfineTest, AnotherAccountThanTheOneRequiredIsRefused) {
  if (::geteuid() == 0) {
    EXPECT_TRUE(give_up_rights({"no-such-account", false}).has_error());
    EXPECT_TRUE(give_up_rights({"0", true}).error().is(Errc::denied));
    return;
  }
  EXPECT_TRUE(give_up_rights({nobody, true}).error().is(Errc::denied));
}

TEST_F(ConfineTest, TooLateIsAnError) {
  std::promise<void> over;
  std::thread other([end = over.get_future()] { end.wait(); });
  const Status late = hold(policy());
  over.set_value();
  other.join();
  ASSERT_TRUE(late.has_error());
  EXPECT_TRUE(late.error().is(Errc::conflict)) << late.error().diagnostics;
}

TEST_F(ConfineTest, CallsOfAnIntruderEndTheProcessAndAreToldAtTheNextStart) {
  if (is_instrumented) GTEST_SKIP() << "sanitizers need more than daemons do";
  char* const no_words[] = {nullptr};
  EXPECT_NE(note_after([&] { ::execve("/bin/true", no_words, no_words); }).find(": execve"),
            std::string::npos);
  EXPECT_NE(note_after([] { ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }).find(": ptrace"),
            std::string::npos);
  EXPECT_NE(note_after([] { ::mount("none", "/mnt", "tmpfs", 0, nullptr); }).find(": mount"),
            std::string::npos);
  EXPECT_NE(note_after([] { ::unshare(CLONE_NEWUSER); }).find(": unshare"), std::string::npos);
  EXPECT_NE(note_after([] { ::fork(); }).find(": clone"), std::string::npos);
  for (const long call : {SYS_bpf, SYS_keyctl, SYS_io_uring_setup, SYS_userfaultfd, SYS_setns,
                          SYS_perf_event_open, SYS_process_vm_writev, SYS_init_module})
    EXPECT_NE(note_after([call] { ::syscall(call, 0, 0, 0, 0, 0, 0); }), "") << call;
}

TEST_F(ConfineTest, AnIntruderWhoDeafensTheWarningGetsNoFurther) {
  if (is_instrumented) GTEST_SKIP() << "sanitizers need more than daemons do";
  const int code = confined([] {
    std::signal(SIGSYS, SIG_IGN);
    ::syscall(SYS_execve, "/bin/true", nullptr, nullptr);
    return held;
  });
  EXPECT_EQ(code, 128 + SIGSYS);
}

TEST_F(ConfineTest, UnknownCallsLookLikeThoseOfAnOlderKernel) {
  if (is_instrumented) GTEST_SKIP() << "sanitizers need more than daemons do";
  EXPECT_EQ(confined([] { return error_of(::syscall(SYS_clone3, nullptr, 0)); }), ENOSYS);
  EXPECT_EQ(confined([] { return error_of(::syscall(SYS_memfd_create, "x", 0)); }), ENOSYS);
  EXPECT_EQ(confined([] { return error_of(::kill(::getppid(), 0)); }), ENOSYS);
  EXPECT_EQ(
      confined([] {  // a thread with a network of its own
        return error_of(::syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWNET,
                                  nullptr, nullptr, nullptr, 0));
      }),
      ENOSYS);
}

TEST_F(ConfineTest, NoSocketsButThoseOfTheDoor) {
  const auto error_of_socket = [this](int family, int kind, int protocol) {
    return confined([=] { return error_of(::socket(family, kind, protocol)); });
  };
  EXPECT_EQ(error_of_socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
  EXPECT_EQ(error_of_socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
  EXPECT_EQ(error_of_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), ENOSYS);
  EXPECT_EQ(error_of_socket(AF_INET6, SOCK_DGRAM, 0), ENOSYS);
  EXPECT_EQ(error_of_socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), ENOSYS);
  EXPECT_EQ(error_of_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), 0);
  EXPECT_EQ(error_of_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 0);
  EXPECT_EQ(error_of_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), 0);
  EXPECT_EQ(error_of_socket(AF_UNIX, SOCK_DGRAM, 0), 0);
  Policy with_dns = policy();
  with_dns.asks_dns = true;
  EXPECT_EQ(confined(with_dns, [] { return error_of(::socket(AF_INET, SOCK_DGRAM, 0)); }), 0);
}

TEST_F(ConfineTest, OnlyTheLinksPortIsConnectedToAndNothingNewListens) {
  if (landlock_version() < 4) GTEST_SKIP() << "this kernel cannot tell ports (Linux 6.7 can)";
  EXPECT_EQ(confined([] { return error_of_connect("127.0.0.1", 7411); }), ECONNREFUSED);
  EXPECT_EQ(confined([] { return error_of_connect("127.0.0.1", 7412); }), EACCES);
  EXPECT_EQ(confined([] { return error_of_bind(0); }), EACCES);
  Policy of_the_centre = policy();
  of_the_centre.connect_ports.reset();
  of_the_centre.listen_ports = {7413};
  EXPECT_EQ(confined(of_the_centre, [] { return error_of_bind(7413); }), 0);
  EXPECT_EQ(confined(of_the_centre, [] { return error_of_bind(7414); }), EACCES);
  of_the_centre.listen_ports.push_back(any_free_port);
  EXPECT_EQ(confined(of_the_centre, [] { return error_of_bind(any_free_port); }), 0);
  EXPECT_EQ(confined(of_the_centre, [] { return error_of_connect("127.0.0.1", 7412); }),
            ECONNREFUSED);
}

TEST_F(ConfineTest, FilesOfOthersAreOutOfReach) {
  if (landlock_version() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  const auto error_of_open = [this](const std::string& path, int how) {
    return confined([=] { return error_of(::open(path.c_str(), how, 0600)); });
  };
  EXPECT_EQ(error_of_open(at("/foreign/private.key"), O_RDONLY), EACCES);
  EXPECT_EQ(error_of_open(at("/foreign/new"), O_WRONLY | O_CREAT), EACCES);
  EXPECT_EQ(error_of_open("/tmp/alarmwire-left-behind", O_WRONLY | O_CREAT), EACCES);
  ::chmod(at("/config/box.toml").c_str(), 0666);  // so that its rights are not the reason
  EXPECT_EQ(error_of_open(at("/config/box.toml"), O_RDWR), EACCES);
  EXPECT_EQ(error_of_open(at("/config/box.toml"), O_RDONLY), 0);
  EXPECT_EQ(error_of_open(at("/state/new"), O_RDWR | O_CREAT), 0);
  EXPECT_EQ(error_of_open("/etc/ssl/openssl.cnf", O_RDONLY), 0);
}

TEST_F(ConfineTest, AFileOutOfReachIsToldWithWhatMendsIt) {
  if (landlock_version() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  write("/config/closed");
  ::chmod(at("/config/closed").c_str(), 0);  // that is not the guard's doing
  const auto told = [](const std::string& path) {
    const Result<std::string> text = read_file(path);
    if (text.has_value() || text.error().code.value() != EACCES) return -1;
    return text.error().diagnostics.find("after a restart") != std::string::npos ? 1 : 0;
  };
  EXPECT_EQ(confined([&] { return told(at("/foreign/private.key")); }), 1);
  EXPECT_EQ(confined([&] { return told(at("/config/../foreign/private.key")); }), 1);
  EXPECT_EQ(confined([&] { return told(at("/config/closed")); }), 0);
}

TEST_F(ConfineTest, NothingIsBothWrittenAndRun) {
  if (is_instrumented) GTEST_SKIP() << "sanitizers need more than daemons do";
  const auto error_of_map = [this](int rights) {
    return confined([=] {
      void* const made = ::mmap(nullptr, 4096, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return made == MAP_FAILED ? errno : 0;
    });
  };
  EXPECT_EQ(error_of_map(PROT_READ | PROT_WRITE | PROT_EXEC), ENOSYS);
  EXPECT_EQ(error_of_map(PROT_READ | PROT_WRITE), 0);
  const int made_so_later = confined([] {
    void* const page =
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return error_of(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
  });
  EXPECT_EQ(made_so_later, ENOSYS);
}

// How the child ended: its exit code, or minus the signal.
int end_of_computing(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (hold_to_computing().has_error()) ::_exit(could_not_be_confined);
    work();
    ::_exit(held);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(ConfineTest, WhoOnlyComputesDoesNothingElse) {
  if (is_instrumented) GTEST_SKIP() << "sanitizers need more than daemons do";
  EXPECT_EQ(end_of_computing([] {
              try {
                throw std::vector<int>(1'000'000);
              } catch (const std::vector<int>&) {
              }
            }),
            held);
  const std::function<void()> tries[] = {
      [] { ::open("/etc/passwd", O_RDONLY); },
      [] { ::socket(AF_INET, SOCK_STREAM, 0); },
      [] { ::execl("/bin/true", "true", nullptr); },
      [] { ::kill(::getppid(), 0); },
      [] { ::fork(); },
      [] { ::ptrace(PTRACE_TRACEME); },
      [] { ::mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }};
  for (const auto& one : tries) EXPECT_EQ(end_of_computing(one), -SIGSYS);
}

TEST_F(ConfineTest, TheDaemonsWorkGoesOn) {
  const std::string state = at("/state");
  const std::string socket_path = at("/run/control.sock");
  const int code = confined([&] {
    int sum = 0;
    std::thread([&sum] { sum = 7; }).join();
    if (sum != 7) return 1;
    if (write_file_atomically(state + "/file", "text").has_error()) return 2;
    const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un own{};
    own.sun_family = AF_UNIX;
    socket_path.copy(own.sun_path, sizeof own.sun_path - 1);
    if (::bind(made, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return 3;
    if (::chmod(socket_path.c_str(), 0660) != 0 || ::listen(made, 1) != 0) return 4;
    if (::unlink(socket_path.c_str()) != 0) return 5;
    if (if_nametoindex("lo") == 0) return 6;
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? held : 7;
  });
  EXPECT_EQ(code, held);
}

TEST_F(ConfineTest, AbortIsStillAnAbort) {
  EXPECT_EQ(confined([]() -> int { std::abort(); }), 128 + SIGABRT);
}

}  // namespace
}  // namespace alarmwire::confine
