#include "tunnel/process.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

namespace alarmwire::tunnel::process {
namespace {

using namespace std::chrono_literals;

TEST(Run, FeedsTheInputAndKeepsTheOutput) {
  const Outcome outcome = run({"/bin/cat"}, std::string(200'000, 'x'), 5s).value();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output.size(), output_bytes_max);  // cut, not grown
}

TEST(Run, TellsTheExitCodeAndAMissingProgram) {
  EXPECT_EQ(run({"/bin/false"}, "unread input", 5s).value().exit_code, 1);
  EXPECT_TRUE(run({"/nonexistent/nft"}, "", 5s).error().is(Errc::unsupported));
}

TEST(Run, DoesNotWaitForEver) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(run({"/bin/sleep", "60"}, "", 100ms).error().is(Errc::timed_out));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST(Child, IsSeenWhenItEnds) {
  Child child = Child::start({"/bin/sleep", "60"}, {}).value();
  EXPECT_FALSE(child.poll_exit());
  ::kill(child.pid(), SIGKILL);
  pollfd wait{child.exit_descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 5000), 1);
  EXPECT_EQ(child.poll_exit(), 128 + SIGKILL);
}

TEST(Child, IsStoppedInOrder) {
  Child child = Child::start({"/bin/sleep", "60"}, {}).value();
  const pid_t pid = child.pid();
  child.stop(2s);
  EXPECT_EQ(child.poll_exit(), 128 + SIGTERM);
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Child, GoesWithItsOwner) {
  pid_t pid = 0;
  {
    const Child child = Child::start({"/bin/sleep", "60"}, {}).value();
    pid = child.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace alarmwire::tunnel::process
