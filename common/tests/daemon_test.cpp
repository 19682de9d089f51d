#include "common/daemon.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace alarmwire::daemon {
namespace {

using namespace std::chrono_literals;

Arguments parse(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  optind = 0;  // getopt_long starts over
  return parse_arguments(static_cast<int>(words.size()), argv.data(), "alarmwire-edge", "/etc/e");
}

TEST(Daemon, ReadsItsArguments) {
  EXPECT_EQ(parse({"edge"}).config_path, "/etc/e");
  EXPECT_FALSE(parse({"edge"}).check_config);
  const Arguments arguments = parse({"edge", "--config", "/x", "--check-config"});
  EXPECT_EQ(arguments.config_path, "/x");
  EXPECT_TRUE(arguments.check_config);
}

TEST(DaemonDeathTest, LeavesWithTheExitCodeOfUsage) {
  EXPECT_EXIT(parse({"edge", "--nonsense"}), ::testing::ExitedWithCode(exit_usage), "usage");
  EXPECT_EXIT(parse({"edge", "word"}), ::testing::ExitedWithCode(exit_usage), "unexpected");
  EXPECT_EXIT(parse({"edge", "--help"}), ::testing::ExitedWithCode(exit_ok), "");
  EXPECT_EXIT(parse({"edge", "--version"}), ::testing::ExitedWithCode(exit_ok), "");
}

TEST(Daemon, HearsSignals) {
  boost::asio::io_context context;
  int stops = 0;
  int reloads = 0;
  {
    const auto signals = Signals::install(
        context, [&] { ++stops; }, [&] { ++reloads; });
    std::raise(SIGPIPE);
    for (int i = 1; i <= 2; ++i) {
      std::raise(SIGHUP);
      while (reloads < i) context.run_one_for(5s);
    }
    std::raise(SIGTERM);
    while (stops == 0) context.run_one_for(5s);
    std::raise(SIGINT);  // still handled, but asked once already
    context.run_for(20ms);
  }
  EXPECT_EQ(stops, 1);
  EXPECT_EQ(reloads, 2);
}

// What systemd would hear on NOTIFY_SOCKET.
class NotifyTest : public ::testing::Test {
 protected:
  NotifyTest() {
    std::filesystem::remove(path_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::bind(descriptor_, generic, sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  ~NotifyTest() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(descriptor_);
    std::filesystem::remove(path_);
  }
  std::string heard() {
    std::array<char, 1024> buffer{};
    const ssize_t size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }
  std::string path_ = ::testing::TempDir() + "notify_" + std::to_string(::getpid());
  int descriptor_ = -1;
};

TEST_F(NotifyTest, TellsSystemd) {
  notify_ready("listening");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=listening");
  notify_status("busy");
  EXPECT_EQ(heard(), "STATUS=busy");
  notify_reloading();
  EXPECT_EQ(heard().find("RELOADING=1\nMONOTONIC_USEC="), 0u);
  notify_stopping();
  EXPECT_EQ(heard(), "STOPPING=1");
}

TEST_F(NotifyTest, FeedsTheWatchdogOnlyWhileTheLoopRuns) {
  boost::asio::io_context context;
  EXPECT_EQ(start_watchdog(context), nullptr);  // no watchdog wanted
  ::setenv("WATCHDOG_USEC", "10000", 1);
  const auto watchdog = start_watchdog(context);
  ASSERT_NE(watchdog, nullptr);
  EXPECT_EQ(heard(), "WATCHDOG=1");
  EXPECT_EQ(heard(), "");  // the loop does not run
  context.run_one_for(5s);
  EXPECT_EQ(heard(), "WATCHDOG=1");
}

}  // namespace
}  // namespace alarmwire::daemon
