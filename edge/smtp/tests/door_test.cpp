// The driver on real sockets: what only a connection can show.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "edge/smtp/tests/door_fixture.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#define ALARMWIRE_HEAP_IS_SANITIZED
#endif
#endif

namespace alarmwire::smtp::test {
namespace {

using namespace std::chrono_literals;

const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";

// What is allocated now. AddressSanitizer has a heap of its own, of which malloc's figures say 0.
std::size_t heap_bytes() {
#ifdef ALARMWIRE_HEAP_IS_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

TEST_F(DoorTest, GreetsAndTakesAMail) {
  open();
  Client client(port());
  EXPECT_EQ(client.reply(), "220 box.internal ESMTP Alarmwire\r\n");
  EXPECT_TRUE(client.say("EHLO cam").ends_with("250 AUTH=PLAIN LOGIN CRAM-MD5\r\n"));
  EXPECT_TRUE(accept_mail(client, "Subject: x\r\n\r\nhi\r\n").starts_with("250 2.0.0 spooled"));
  EXPECT_EQ(client.say("QUIT"), "221 2.0.0 bye\r\n");
  EXPECT_TRUE(client.at_end());
  on_loop([this] {
    ASSERT_EQ(intake.mails.size(), 1u);
    const MemoryIntake::Mail& taken = *intake.mails[0];
    EXPECT_EQ(taken.body, "Subject: x\r\n\r\nhi\r\n");
    EXPECT_EQ(taken.envelope.device, "cam-1");
    EXPECT_EQ(taken.envelope.device_address, "127.0.0.1");
    EXPECT_EQ(taken.envelope.listener, "lan");
    EXPECT_TRUE(intake.losses.empty());
  });
  const DoorSnapshot now = snapshot();
  EXPECT_EQ(now.accepted, 1u);
  ASSERT_EQ(now.devices.size(), 1u);
  EXPECT_EQ(now.devices[0].accepted, 1u);
  EXPECT_GT(now.devices[0].last_mail_us, 0);
}

TEST_F(DoorTest, TakesEverythingInOneSegmentBeforeItsGreeting) {
  open();
  Client client(port());
  client.send("EHLO cam\r\n" + mail + rcpt + "DATA\r\na\r\n.\r\n" + mail + rcpt +
              "DATA\r\nb\r\n.\r\nQUIT\r\n");
  client.finish_sending();
  std::string codes;
  for (std::string reply = client.reply(); !reply.empty(); reply = client.reply()) {
    codes += reply.substr(0, 3) + " ";
  }
  EXPECT_EQ(codes, "220 250 250 250 354 250 250 250 354 250 221 ");
}

TEST_F(DoorTest, ASmallMailIsOneAppendAndFinishDoesNotWaitForIt) {
  open();
  Client client(port());
  client.reply();
  EXPECT_TRUE(accept_mail(client, std::string(40'000, 'x') + "\r\n").starts_with("250"));
  on_loop([this] {
    EXPECT_EQ(intake.mails[0]->appends, 1u);
    EXPECT_TRUE(intake.mails[0]->finished_before_append_was_answered);
  });
}

TEST_F(DoorTest, ASlowIntakeStopsTheSenderAndNothingIsLost) {
  open();
  intake.hold_appends = true;
  Client client(port());
  client.reply();
  client.send(mail + rcpt + "DATA\r\n");
  for (int i = 0; i < 3; ++i) client.reply();
  std::string body;
  while (body.size() < 20'000'000) body += std::string(70, char('a' + body.size() % 26)) + "\r\n";
  const std::size_t sent = client.send_what_fits(body);
  EXPECT_LT(sent, body.size());
  EXPECT_EQ(on_loop([this] { return intake.mails[0]->appends; }), 1u);
  on_loop([this] { intake.release(); });
  EXPECT_TRUE(client.send(std::string_view(body).substr(sent)));
  EXPECT_TRUE(client.say(".").starts_with("250"));
  on_loop([&] {
    EXPECT_TRUE(intake.mails[0]->body == body);
    EXPECT_FALSE(intake.mails[0]->finished_before_append_was_answered);
  });
}

TEST_F(DoorTest, AMailIsBookedToTheDeviceWhoseUserProvedHimself) {
  auto users = std::make_shared<Credentials>();
  users->add("tim", "secret");
  config.credentials = users;
  device_user = "tim";
  open();
  Client client(port());
  client.reply();
  client.say("EHLO x");
  EXPECT_EQ(client.say("AUTH PLAIN AHRpbQBzZWNyZXQ=").substr(0, 3), "235");
  accept_mail(client, "x\r\n");
  ASSERT_TRUE(eventually([this] { return door->snapshot().accepted == 1; }));
  const std::vector<Device> devices = snapshot().devices;
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].name, "proven");
  EXPECT_EQ(devices[0].known_by, KnownBy::user);
  EXPECT_EQ(devices[0].accepted, 1u);
  EXPECT_EQ(devices[0].sessions, 1u);
  client.say("QUIT");
  EXPECT_TRUE(eventually([this] { return door->snapshot().devices.at(0).sessions == 0; }));
}

TEST_F(DoorTest, PipelinedCommandsWaitForTheReply) {
  open();
  intake.hold_outcomes = true;
  Client client(port());
  client.send(mail + rcpt + "DATA\r\na\r\n.\r\nNOOP\r\nQUIT\r\n");
  for (int i = 0; i < 4; ++i) client.reply();
  EXPECT_TRUE(eventually([this] { return !intake.mails.empty() && intake.mails[0]->finished; }));
  on_loop([this] { intake.release(); });
  EXPECT_TRUE(client.reply().starts_with("250 2.0.0 spooled"));
  EXPECT_EQ(client.reply(), "250 2.0.0 ok\r\n");
  EXPECT_TRUE(client.reply().starts_with("221"));
}

TEST_F(DoorTest, ACommandInTwoPiecesDoesNotWaitForADelayedAcknowledgement) {
  open();
  Client client(port());
  client.reply();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(client.say("NOOP").starts_with("250"));  // two writes
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);  // 40 ms each would be 2 s
}

TEST_F(DoorTest, SessionsBeyondTheDevicesShareHear421) {
  config.limits.sessions_per_device = 2;
  open();
  auto first = std::make_unique<Client>(port());
  Client second(port());
  first->reply();
  second.reply();
  Client third(port());
  EXPECT_TRUE(third.reply().starts_with("421 4.7.0"));
  EXPECT_TRUE(third.at_end());
  EXPECT_EQ(snapshot().refused_sessions, 1u);
  first.reset();
  EXPECT_TRUE(eventually([this] { return door->snapshot().sessions == 1; }));
  Client fourth(port());
  EXPECT_TRUE(fourth.reply().starts_with("220"));
}

TEST_F(DoorTest, SessionsBeyondTheTotalHear421AlsoWhenTheyTalkFirst) {
  config.limits.sessions = 1;
  open();
  Client first(port());
  first.reply();
  Client second(port());
  second.send("EHLO cam\r\n");
  EXPECT_TRUE(second.reply().starts_with("421 4.3.2"));
}

TEST_F(DoorTest, AFullDoorHasAPlaceForWhoeverHasFewer) {
  config.limits.sessions = 3;
  open();
  std::vector<std::unique_ptr<Client>> many;
  for (int i = 0; i < 3; ++i) {
    many.push_back(std::make_unique<Client>(port()));
    many.back()->reply();
  }
  for (int i = 0; i < 2; ++i) {  // their mails are not to be lost
    many[static_cast<std::size_t>(i)]->say("MAIL FROM:<a@b>");
  }
  Client other(port(), "127.0.0.2");
  EXPECT_TRUE(other.reply().starts_with("220"));
  EXPECT_TRUE(accept_mail(other, "a\r\n").starts_with("250 2.0.0"));
  EXPECT_TRUE(many[2]->reply().starts_with("421 4.3.2"));
  EXPECT_TRUE(on_loop([this] { return intake.losses.empty(); }));
  Client third(port(), "127.0.0.3");  // two mails are open: nobody can give way
  EXPECT_TRUE(third.reply().starts_with("421 4.3.2"));
}

TEST_F(DoorTest, OtherNetworksAreClosedWithoutAWord) {
  config.listeners[0].allowed = {*Network::parse("10.0.0.0/8")};
  open();
  Client client(port());
  EXPECT_EQ(client.reply(), "");
  EXPECT_EQ(snapshot().refused_sessions, 1u);
}

TEST_F(DoorTest, AMailCutInTheBodyIsLostOnceAndAbandoned) {
  open();
  for (const bool reset : {false, true}) {
    Client client(port());
    client.reply();
    client.send(mail + rcpt + "DATA\r\nhalf");
    for (int i = 0; i < 3; ++i) client.reply();
    if (reset) client.reset();
  }
  EXPECT_TRUE(eventually([this] { return door->snapshot().sessions == 0; }));
  on_loop([this] {
    EXPECT_EQ(intake.losses.size(), 2u);
    for (const auto& taken : intake.mails) EXPECT_TRUE(taken->abandoned);
  });
  EXPECT_EQ(snapshot().lost, 2u);
}

TEST_F(DoorTest, AResetAfterThe250IsANormalEnd) {
  open();
  Client client(port());
  client.reply();
  EXPECT_TRUE(accept_mail(client, "a\r\n").starts_with("250"));
  client.reset();
  EXPECT_TRUE(eventually([this] { return door->snapshot().sessions == 0; }));
  EXPECT_TRUE(on_loop([this] { return intake.losses.empty(); }));
}

TEST_F(DoorTest, AnIdleSessionHears421AndIsClosed) {
  config.limits.idle_time = 100ms;
  open();
  Client client(port());
  client.reply();
  EXPECT_TRUE(client.reply().starts_with("421 4.4.2"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(DoorTest, APeerThatReadsNothingIsClosedInTheEnd) {
  config.limits.idle_time = 100ms;
  config.limits.commands_without_progress = 1'000'000'000;
  open();
  Client client(port());
  std::string bytes;
  while (bytes.size() < 64'000) bytes += "EHLO cam\r\n";
  for (int i = 0; i < 1000 && client.send_what_fits(bytes) == bytes.size(); ++i) {
  }
  EXPECT_TRUE(eventually([this] { return door->snapshot().sessions == 0; }));
}

TEST_F(DoorTest, StopLetsAnOpenMailFinishAndTellsTheOthers) {
  open();
  Client idle(port());
  Client busy(port());
  idle.reply();
  busy.reply();
  busy.send(mail + rcpt + "DATA\r\nhalf ");
  for (int i = 0; i < 3; ++i) busy.reply();
  const unsigned where = port();
  std::promise<void> stopped;
  on_loop([&] { door->stop(30s, [&] { stopped.set_value(); }); });
  EXPECT_TRUE(idle.reply().starts_with("421 4.3.2"));
  EXPECT_TRUE(idle.at_end());
  EXPECT_EQ(Client(where).reply(), "");
  busy.send("a mail\r\n");
  EXPECT_TRUE(busy.say(".").starts_with("250"));
  EXPECT_TRUE(busy.reply().starts_with("421 4.3.2"));
  EXPECT_EQ(stopped.get_future().wait_for(5s), std::future_status::ready);
  EXPECT_TRUE(on_loop([this] { return intake.losses.empty(); }));
}

TEST_F(DoorTest, StopClosesEverythingWhenItsPatienceRunsOut) {
  open();
  intake.hold_outcomes = true;
  Client half(port());
  Client waiting(port());
  half.send(mail + rcpt + "DATA\r\nhalf");
  waiting.send(mail + rcpt + "DATA\r\na\r\n.\r\n");
  for (int i = 0; i < 4; ++i) half.reply();
  EXPECT_TRUE(eventually([this] {
    return intake.mails.size() == 2 && (intake.mails[0]->finished || intake.mails[1]->finished);
  }));
  std::promise<void> stopped;
  on_loop([&] { door->stop(50ms, [&] { stopped.set_value(); }); });
  EXPECT_EQ(stopped.get_future().wait_for(5s), std::future_status::ready);
  EXPECT_TRUE(half.reply().starts_with("421 4.3.2"));
  EXPECT_EQ(on_loop([this] { return intake.losses.size(); }), 2u);
}

TEST_F(DoorTest, StopWithoutSessionsIsDoneAtOnce) {
  open();
  std::promise<void> stopped;
  on_loop([&] { door->stop(30s, [&] { stopped.set_value(); }); });
  EXPECT_EQ(stopped.get_future().wait_for(5s), std::future_status::ready);
}

TEST_F(DoorTest, MayBeDestroyedWithOpenMailsAndLateAnswers) {
  open();
  intake.hold_outcomes = true;
  Client client(port());
  client.send(mail + rcpt + "DATA\r\na\r\n.\r\n");
  EXPECT_TRUE(eventually([this] { return !intake.mails.empty() && intake.mails[0]->finished; }));
  close_door();
  on_loop([this] { intake.release(); });
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(on_loop([this] { return intake.losses.size(); }), 1u);
}

TEST_F(DoorTest, NewSettingsHoldForNewSessions) {
  open();
  Client before(port());
  before.reply();
  config.zones = {"alarm.lan"};
  config.hostname = "other.internal";
  on_loop([this] { EXPECT_TRUE(door->reconfigure(config, {}).has_value()); });
  Client after(port());
  EXPECT_TRUE(after.reply().starts_with("220 other.internal"));
  before.say("MAIL FROM:<>");
  EXPECT_TRUE(before.say("RCPT TO:<a@edge.internal>").starts_with("250"));
  after.say("MAIL FROM:<>");
  EXPECT_TRUE(after.say("RCPT TO:<a@edge.internal>").starts_with("550 5.7.1"));
  config.listeners[0].port = 1;
  on_loop([this] {
    const Status moved = door->reconfigure(config, {});
    ASSERT_TRUE(moved.has_error());
    EXPECT_TRUE(moved.error().is(Errc::unsupported));
  });
}

TEST_F(DoorTest, TakesOverAnInheritedSocketByName) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(listen(fd, 16), 0);  // an unbound socket gets a port of its own
  const unsigned where = bound_to(fd).port;
  config.listeners[0].port = 1;
  open({{fd, "lan"}});
  Client client(where);
  EXPECT_TRUE(client.reply().starts_with("220"));
}

TEST_F(DoorTest, APortInUseIsAnError) {
  open();
  config.listeners[0].port = static_cast<std::uint16_t>(port());
  on_loop([this] {
    const auto second = Door::open(context, config, intake, {});
    ASSERT_TRUE(second.has_error());
    EXPECT_NE(second.error().diagnostics.find("127.0.0.1"), std::string::npos);
  });
}

TEST_F(DoorTest, WithoutDescriptorsConnectionsWaitAndAreTakenLater) {
  open();
  const unsigned where = port();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  const rlimit none{static_cast<rlim_t>(next) + 1, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  Client client(where);  // takes the last descriptor; the door finds none
  std::this_thread::sleep_for(50ms);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(client.reply().starts_with("220"));
}

TEST_F(DoorTest, AThousandSessionsOfOneDeviceDoNotStopAnothersMail) {
  constexpr std::size_t flood_size = 1000;
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  open();
  const unsigned where = port();
  std::vector<std::unique_ptr<Client>> flood;
  while (flood.size() < flood_size) flood.push_back(std::make_unique<Client>(where));
  Client other(where, "127.0.0.2");
  EXPECT_TRUE(other.reply().starts_with("220"));
  EXPECT_TRUE(accept_mail(other, "a\r\n").starts_with("250 2.0.0"));
  const std::size_t most = config.limits.sessions_per_device;
  EXPECT_TRUE(eventually([&] { return door->snapshot().refused_sessions == flood_size - most; }));
  EXPECT_EQ(snapshot().sessions, most + 1);
}

// The heap only: what the kernel holds for a socket comes on top and is not ours to choose.
TEST_F(DoorTest, AnIdleSessionHoldsFewKibibytes) {
  constexpr std::size_t sessions = 200;
  config.limits.sessions_per_device = sessions + 1;
  open();
  std::vector<std::unique_ptr<Client>> clients;
  clients.push_back(std::make_unique<Client>(port()));
  accept_mail(*clients[0], std::string(100'000, 'x') + "\r\n");
  const std::size_t before = heap_bytes();
  while (clients.size() <= sessions) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->reply();
    accept_mail(*clients.back(), std::string(100'000, 'x') + "\r\n");
    on_loop([this] { intake.mails.clear(); });
  }
  const std::size_t each = (heap_bytes() - before) / sessions;
  RecordProperty("bytes_per_session", std::to_string(each));
  EXPECT_LT(each, 16u * 1024);
}

// Sessions at their worst: as many recipients as are taken, commands noted to the brim, a mail that
// the intake is slow to take, and a peer that sends what the socket holds.
TEST_F(DoorTest, ASessionAtItsWorstStaysBelowTheNamedFigure) {
  constexpr std::size_t sessions = 20;
  config.limits.sessions_per_device = sessions;
  config.limits.commands_without_progress = 10'000;
  open();
  on_loop([this] { intake.hold_appends = true; });
  std::string envelope = "EHLO cam\r\nMAIL FROM:<cam@edge.internal>\r\n";
  for (std::size_t i = 0; i < config.limits.recipients; ++i)
    envelope += "RCPT TO:<" + std::to_string(i) + std::string(30, 'r') + "@edge.internal>\r\n";
  const std::string body(32 * 1024 * 1024, 'x');
  std::vector<std::unique_ptr<Client>> clients;
  const std::size_t before = heap_bytes();
  while (clients.size() < sessions) {
    clients.push_back(std::make_unique<Client>(port()));
    Client& client = *clients.back();
    client.send(envelope);
    for (std::size_t i = 0; i < config.limits.recipients + 3; ++i) client.reply();
    ASSERT_TRUE(client.say("DATA").starts_with("354"));
    EXPECT_LT(client.send_what_fits(body), body.size());
  }
  const std::size_t each = (heap_bytes() - before) / sessions;
  RecordProperty("bytes_per_session", std::to_string(each));
  EXPECT_GT(each, 100u * 1024);  // it is the worst that is measured
  EXPECT_LT(each, session_bytes_max);
}

// A line that never ends is not kept beyond its limit.
TEST_F(DoorTest, AnEndlessCommandStaysBelowTheNamedFigure) {
  open();
  Client client(port());
  client.reply();
  const std::size_t before = heap_bytes();
  EXPECT_TRUE(client.send(std::string(8 * 1024 * 1024, 'x')));
  EXPECT_TRUE(client.say("").starts_with("500"));
  EXPECT_LT(heap_bytes(), before + session_bytes_max);
}

}  // namespace
}  // namespace alarmwire::smtp::test
