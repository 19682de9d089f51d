#include "common/control.hpp"

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/stat.h>

#include <fstream>

#include "common/tests/control_fixture.hpp"

namespace alarmwire::control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

boost::json::object echo(const std::string& text) {
  return {{"command", "echo"}, {"text", text}};
}

TEST_F(ControlTest, AnswersRequestAfterRequest) {
  Client asking = client();
  EXPECT_EQ(asking.call(echo("one"), 5s).value(), "one");
  const std::string long_text(900'000, 'x');
  EXPECT_EQ(asking.call(echo(long_text), 5s).value(), boost::json::value(long_text));
  EXPECT_EQ(asking.call(echo("two"), 5s).value(), "two");
}

TEST_F(ControlTest, AnswersWithItsSchema) {
  RawClient raw(path_);
  raw.send("{\"command\":\"echo\",\"text\":1}\n");
  EXPECT_EQ(raw.line(), R"({"ok":true,"schema":1,"result":1})");
}

TEST_F(ControlTest, SaysWhatIsWrongAndGoesOn) {
  Client asking = client();
  EXPECT_EQ(asking.call({{"command", "nonsense"}}, 5s).error().diagnostics,
            "unknown command: nonsense");
  EXPECT_THAT(asking.call({{"no", "command"}}, 5s).error().diagnostics, HasSubstr("a request is"));
  EXPECT_EQ(asking.call({{"command", "throw"}}, 5s).error().diagnostics, "internal error: a bug");
  EXPECT_EQ(asking.call({{"command", "forget"}}, 5s).error().diagnostics,
            "the daemon gave no answer");
  EXPECT_EQ(asking.call(echo("still here"), 5s).value(), "still here");
}

TEST_F(ControlTest, AHandlerMayAnswerLaterFromAnotherThread) {
  Client asking = client();
  std::thread later([this] {
    const auto responder = kept();
    responder->result("late");
    responder->result("twice does nothing");
  });
  EXPECT_EQ(asking.call({{"command", "keep"}}, 5s).value(), "late");
  later.join();
  EXPECT_EQ(asking.call(echo("next"), 5s).value(), "next");
}

TEST_F(ControlTest, ACallGivesUpInTime) {
  Client asking = client();
  const auto answer = asking.call({{"command", "keep"}}, 20ms);
  ASSERT_TRUE(answer.has_error());
  EXPECT_TRUE(answer.error().is(Errc::timed_out));
}

TEST_F(ControlTest, StreamsUntilTheDaemonEndsIt) {
  std::thread daemon([this] {
    auto responder = kept();
    for (int i = 0; i < 3000; ++i) responder->item(i);
    responder.reset();
  });
  Client asking = client();
  std::int64_t next = 0;
  const Status status = asking.stream({{"command", "keep"}}, [&](const boost::json::value& item) {
    EXPECT_EQ(item.as_int64(), next);
    ++next;
    return true;
  });
  daemon.join();
  EXPECT_TRUE(status.has_value());
  EXPECT_EQ(next, 3000);
}

TEST_F(ControlTest, AStreamsHandlerSeesThatTheClientHungUp) {
  auto raw = std::make_unique<RawClient>(path_);
  raw->send("{\"command\":\"keep\"}\n");
  const auto responder = kept();
  responder->item(1);
  EXPECT_EQ(raw->line(), R"({"ok":true,"item":1})");
  EXPECT_FALSE(responder->is_gone());
  raw.reset();
  EXPECT_TRUE(eventually([&] { return responder->is_gone(); }));
}

TEST_F(ControlTest, AnswersWhoAsksAndThenSaysNoMore) {
  RawClient raw(path_);
  raw.send("{\"command\":\"echo\",\"text\":1}\n{\"command\":\"echo\",\"text\":2}\n");
  raw.half_close();
  EXPECT_THAT(raw.line(), HasSubstr("\"result\":1"));
  EXPECT_THAT(raw.line(), HasSubstr("\"result\":2"));
  EXPECT_TRUE(raw.is_closed());
}

TEST_F(ControlTest, AnErrorOfTheDaemonIsNotMistakenForAMissingDaemon) {
  Client asking = client();
  EXPECT_TRUE(asking.call({{"command", "nonsense"}}, 5s).error().is(Errc::invalid_argument));
  on_loop([this] { server_->close(); });
  EXPECT_FALSE(asking.call(echo("x"), 5s).error().is(Errc::invalid_argument));
  EXPECT_TRUE(Client::connect(path_).has_error());
}

TEST_F(ControlTest, ClosingRemovesTheSocket) {
  EXPECT_TRUE(std::filesystem::exists(path_));
  on_loop([this] { server_->close(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

class SocketFileTest : public ControlTest {
 protected:
  Result<std::unique_ptr<Server>> open(const std::string& path, const std::string& group = "") {
    return Server::open(other_context_, path, group);
  }
  std::string other_path_ = path_ + "_other";
  boost::asio::io_context other_context_;
};

TEST_F(SocketFileTest, ALiveSocketIsNeverReplaced) {
  const auto second = open(path_);
  ASSERT_TRUE(second.has_error());
  EXPECT_TRUE(second.error().is(Errc::busy));
  EXPECT_EQ(client().call(echo("alive"), 5s).value(), "alive");
}

TEST_F(SocketFileTest, AStaleSocketIsReplaced) {
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  other_path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(stale);  // as after kill -9
  EXPECT_TRUE(open(other_path_).has_value());
}

TEST_F(SocketFileTest, AnotherFileIsNeverRemoved) {
  std::ofstream(other_path_) << "precious";
  EXPECT_TRUE(open(other_path_).error().is(Errc::exists));
  EXPECT_TRUE(std::filesystem::exists(other_path_));
  std::filesystem::remove(other_path_);
}

TEST_F(SocketFileTest, OnlyOwnerAndGroupMayConnectWhateverTheUmask) {
  for (const mode_t mask : {0000u, 0077u}) {
    const mode_t before = ::umask(mask);
    const auto server = open(other_path_, ::getgrgid(::getgid())->gr_name);
    ::umask(before);
    ASSERT_TRUE(server.has_value()) << server.error().diagnostics;
    struct stat file {};
    ASSERT_EQ(::stat(other_path_.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0660u);
  }
}

TEST_F(SocketFileTest, SaysWhyItCannotBeMade) {
  EXPECT_THAT(open(other_path_, "no-such-group").error().diagnostics, HasSubstr("no-such-group"));
  EXPECT_FALSE(std::filesystem::exists(other_path_));
  EXPECT_TRUE(open("/no/such/folder/x").has_error());
  EXPECT_TRUE(open("/tmp/" + std::string(200, 'x')).error().is(Errc::invalid_argument));
}

}  // namespace
}  // namespace alarmwire::control
