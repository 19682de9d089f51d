#include "edge/smtp/config.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/smtp/device_table.hpp"
#include "edge/smtp/inherited.hpp"

namespace alarmwire::smtp {
namespace {

using namespace std::chrono_literals;

Config parse(const std::string& text, Status& status) {
  config::Reader reader = config::parse(text, "edge.toml").value();
  config::Table root = reader.root();
  Config config = parse_config(root);
  status = reader.finish();
  return config;
}

TEST(Config, HasDefaultsForEverything) {
  Status status;
  const Config config = parse("", status);
  EXPECT_TRUE(status.has_value());
  EXPECT_EQ(config.hostname, "edge.internal");
  EXPECT_EQ(config.zones, std::vector<std::string>{"internal"});
  EXPECT_EQ(config.limits.message_bytes, 64u * 1024 * 1024);
  ASSERT_EQ(config.listeners.size(), 3u);
  EXPECT_EQ(config.listeners[0].port, 25);
  EXPECT_EQ(config.listeners[0].reply, ReplyMode::assured);
  EXPECT_EQ(config.listeners[0].tls, TlsMode::offered);
  EXPECT_EQ(config.listeners[1].port, 587);
  EXPECT_EQ(config.listeners[2].port, 465);
  EXPECT_EQ(config.listeners[2].tls, TlsMode::implicit);
  for (const ListenerConfig& listener : config.listeners) EXPECT_FALSE(listener.is_legacy());
}

TEST(Config, TwoListenersInEachOthersWayAreAnError) {
  const auto problem = [](const std::string& first, const std::string& second) {
    Status status;
    parse("[[smtp.listener]]\nname = \"a\"\n" + first + "\n[[smtp.listener]]\nname = \"b\"\n" +
              second,
          status);
    return status.has_error() ? status.error().diagnostics : std::string();
  };
  const std::string here = "address = \"192.0.2.5\"\n";
  const std::string any = "address = \"0.0.0.0\"\n";
  EXPECT_NE(problem(here, here).find("listener \"a\" has this address and port"),
            std::string::npos);
  EXPECT_NE(problem(here, any), "");
  EXPECT_NE(problem(any, here), "");
  EXPECT_NE(problem(here, "address = \"::\""), "");
  EXPECT_EQ(problem(any, "address = \"fd00::5\""), "");
  EXPECT_EQ(problem(here, here + "port = 26"), "");
  EXPECT_EQ(problem(here, "address = \"192.0.2.6\""), "");
}

TEST(Config, ReadsWhatIsSaid) {
  Status status;
  const Config config = parse(R"(
[smtp]
hostname = "box7.internal"
zones = ["internal", "alarm.lan"]
ack_wait = "3s"
[smtp.limits]
message_size = "25MiB"
sessions_per_device = 9
idle_time = "2m"
[[smtp.listener]]
name = "lan"
address = "192.168.1.5"
[[smtp.listener]]
name = "panels"
address = "::"
port = 2525
hostname = "panels.internal"
reply = "pass-through"
ack_wait = "10s"
allowed = ["192.168.1.0/24", "fd00::/8"]
)",
                              status);
  ASSERT_TRUE(status.has_value()) << status.error().diagnostics;
  EXPECT_EQ(config.limits.message_bytes, 25u * 1024 * 1024);
  EXPECT_EQ(config.limits.sessions_per_device, 9u);
  EXPECT_EQ(config.limits.idle_time, 2min);
  ASSERT_EQ(config.listeners.size(), 2u);
  EXPECT_EQ(config.listeners[0].ack_wait, 3s);
  EXPECT_EQ(config.listeners[1].ack_wait, 10s);
  EXPECT_EQ(config.listeners[1].reply, ReplyMode::pass_through);
  EXPECT_TRUE(config.listeners[1].allows(*parse_address("192.168.1.77")));
  EXPECT_FALSE(config.listeners[1].allows(*parse_address("192.168.2.77")));
  EXPECT_EQ(config.session_settings(config.listeners[0]).hostname, "box7.internal");
  EXPECT_EQ(config.session_settings(config.listeners[1]).hostname, "panels.internal");
}

TEST(Config, SaysWhatIsWrongAndWhere) {
  for (const char* text :
       {"[smtp]\nhostname = \"a b\"", "[smtp]\nzones = []", "[smtp]\nzones = [\".internal\"]",
        "[smtp]\nhostnam = \"x\"", "[smtp.limits]\nidle_time = \"1ms\"",
        "[[smtp.listener]]\naddress = \"eth0\"", "[[smtp.listener]]\nport = 0",
        "[[smtp.listener]]\nreply = \"fast\"", "[[smtp.listener]]\nallowed = [\"10.0.0.0/33\"]",
        "[[smtp.listener]]\nname = \"\"", "[[smtp.listener]]\n[[smtp.listener]]\nport = 26"}) {
    Status status;
    parse(text, status);
    ASSERT_TRUE(status.has_error()) << text;
    EXPECT_EQ(status.error().diagnostics.rfind("edge.toml:", 0), 0u) << status.error().diagnostics;
  }
}

TEST(Network, ContainsWhatItsPrefixSays) {
  struct Case {
    const char* network;
    const char* address;
    bool inside;
  };
  for (const Case& one : {Case{"10.0.0.0/8", "10.255.0.1", true},
                          {"10.0.0.0/8", "11.0.0.1", false},
                          {"192.168.1.128/25", "192.168.1.200", true},
                          {"192.168.1.128/25", "192.168.1.127", false},
                          {"0.0.0.0/0", "8.8.8.8", true},
                          {"0.0.0.0/0", "fd00::1", false},
                          {"::/0", "8.8.8.8", true},
                          {"fd00::/8", "fdff::1", true},
                          {"fd00::/8", "fe80::1", false},
                          {"192.0.2.1", "192.0.2.1", true},
                          {"192.0.2.1", "192.0.2.2", false},
                          {"fe80::/10", "febf::1", true}}) {
    const auto network = Network::parse(one.network);
    ASSERT_TRUE(network) << one.network;
    EXPECT_EQ(network->contains(*parse_address(one.address)), one.inside)
        << one.network << " " << one.address;
  }
  for (const char* text :
       {"", "x", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/8x"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

TEST(DeviceTable, UsersOfOneAddressAreDevicesOfTheirOwn) {
  DeviceTable table;
  table.heard("192.0.2.7", {}, 1);
  EXPECT_EQ(table.all().at(0).name, "192.0.2.7");
  EXPECT_EQ(table.all().at(0).known_by, KnownBy::nothing);
  table.heard("192.0.2.7", {"gate", KnownBy::user, "", {}}, 2).accepted = 3;
  table.heard("192.0.2.7", {"hall", KnownBy::user, "", {}}, 3).accepted = 4;
  ASSERT_EQ(table.all().size(), 2u);  // nothing came from there without a user
  EXPECT_EQ(table.all().at(0).name, "gate");
  EXPECT_EQ(table.all().at(1).accepted, 4u);
  table.heard("192.0.2.7", {}, 4).accepted = 1;
  EXPECT_EQ(table.all().size(), 3u);
}

TEST(DeviceTable, IsBoundedAndKeepsWhoeverHasASession) {
  DeviceTable table;
  Device& first = table.heard("first", {"cam"}, 1);
  first.sessions = 1;
  first.accepted = 7;
  for (std::size_t i = 0; i < 2 * devices_max; ++i) {
    table.heard(std::to_string(i), {""}, static_cast<WallTimeUs>(2 + i));
  }
  EXPECT_EQ(table.all().size(), devices_max);
  EXPECT_EQ(table.heard("first", {"cam"}, 9).accepted, 7u);
}

TEST(DeviceTable, ADeviceHasItsShareOfTheLogAndItsExcessIsCounted) {
  DeviceTable table;
  const Device& device = table.heard("a", {"cam"}, 1);
  const SteadyTime start = SteadyTime{} + 1h;
  std::size_t allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += table.share_of_log(device, start).allowed ? 1 : 0;
  EXPECT_EQ(allowed, remarks_per_minute_max);
  const auto later = table.share_of_log(device, start + 61s);
  EXPECT_TRUE(later.allowed);
  EXPECT_EQ(later.dropped_before, 100 - remarks_per_minute_max);
  EXPECT_EQ(table.share_of_log(device, start + 62s).dropped_before, 0u);
}

TEST(DeviceTable, TheSameFindingOfADeviceIsToldOnceAnHour) {
  DeviceTable table;
  const Device& device = table.heard("a", {"cam"}, 1);
  const Device& other = table.heard("b", {"cam"}, 1);
  const SteadyTime start = SteadyTime{} + 1h;
  EXPECT_TRUE(table.may_advise(device, FindingId::old_tls, start));
  EXPECT_FALSE(table.may_advise(device, FindingId::old_tls, start + 59min));
  EXPECT_TRUE(table.may_advise(device, FindingId::too_large, start));
  EXPECT_TRUE(table.may_advise(other, FindingId::old_tls, start));
  EXPECT_TRUE(table.may_advise(device, FindingId::old_tls, start + 1h));
}

TEST(DeviceTable, AnswersToAuthComeLaterWithEveryWrongPasswordUpToALimitAndForAWhile) {
  DeviceTable table;
  const Device& device = table.heard("a", {"cam"}, 1);
  const Device& other = table.heard("b", {"cam"}, 1);
  const SteadyTime start = SteadyTime{} + 1h;
  EXPECT_EQ(table.auth_delay(device, true, start), 0ms);
  for (const auto expected : {1000ms, 2000ms, 4000ms, 5000ms, 5000ms}) {
    EXPECT_EQ(table.auth_delay(device, false, start), expected);
  }
  EXPECT_EQ(table.auth_delay(device, true, start + 1min), auth_delay_max);
  EXPECT_EQ(table.auth_delay(other, true, start), 0ms);
  EXPECT_EQ(table.auth_delay(device, true, start + auth_memory), 0ms);
}

TEST(Config, ReadsSecurityOfListenersUsersAndDevices) {
  char path[] = "/tmp/door-password-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_EQ(write(fd, "Geheim 17\r\nrest\n", 16), 16);
  close(fd);
  const std::string user =
      "[[smtp.user]]\nname = \"cam\"\npassword_file = \"" + std::string(path) + "\"\n";
  Status status;
  const Config config = parse(user + R"(
[smtp.tls]
directory = "/d"
names = ["old.internal"]
addresses = ["192.0.2.9"]
[[smtp.listener]]
name = "a"
port = 465
[[smtp.listener]]
name = "b"
tls = "required"
tls_level = 0
auth = "required"
auth_in_clear = false
)",
                              status);
  ASSERT_TRUE(status.has_value()) << status.error().diagnostics;
  EXPECT_TRUE(config.credentials->fit("cam", "Geheim 17"));
  EXPECT_EQ(config.listeners[0].tls, TlsMode::implicit);
  EXPECT_FALSE(config.listeners[0].is_legacy());
  EXPECT_TRUE(config.listeners[1].is_legacy());
  const SessionSettings settings = config.session_settings(config.listeners[1]);
  EXPECT_EQ(settings.tls, TlsMode::required);
  EXPECT_EQ(settings.auth, AuthMode::required);
  EXPECT_FALSE(settings.auth_in_clear);
  ASSERT_EQ(chmod(path, 0644), 0);
  parse(user, status);
  EXPECT_TRUE(status.has_error()) << "a password that others can read";
  unlink(path);
  for (const char* text :
       {"[smtp.tls]\ncertificate_file = \"x\"", "[smtp.tls]\nnames = [\"A b\"]",
        "[smtp.tls]\naddresses = [\"x\"]", "[[smtp.listener]]\ntls = \"on\"",
        "[[smtp.listener]]\ntls_level = 9", "[[smtp.listener]]\nauth = \"required\"",
        "[[smtp.user]]\nname = \"x\"\npassword_file = \"/nowhere\""}) {
    parse(text, status);
    EXPECT_TRUE(status.has_error()) << text;
  }
}

TEST(Config, ReadsTheSwitchesOfADevice) {
  config::Reader reader = config::parse(R"(
[[device]]
ehlo_hide = ["starttls", "SIZE"]
refuse_quirks = ["lf-only"]
foreign_recipients = true
[[device]]
ehlo_hide = ["*"]
[[device]]
ehlo_hide = ["CHUNKING"]
refuse_quirks = ["no-date", "nonsense"]
)",
                                        "edge.toml")
                              .value();
  config::Table root = reader.root();
  std::vector<config::Table> tables = root.tables("device");
  const DeviceOptions first = parse_device_options(tables[0]);
  EXPECT_TRUE(first.hidden.has(Extension::starttls));
  EXPECT_TRUE(first.hidden.has(Extension::size));
  EXPECT_FALSE(first.hidden.has(Extension::auth));
  EXPECT_TRUE(first.refused.has(Quirk::lf_only));
  EXPECT_TRUE(first.foreign_recipients);
  EXPECT_EQ(parse_device_options(tables[1]).hidden, ExtensionSet::all());
  parse_device_options(tables[2]);
  const Status status = reader.finish();
  ASSERT_TRUE(status.has_error());
  for (const char* const named : {"CHUNKING", "no-date", "nonsense"}) {
    EXPECT_NE(status.error().diagnostics.find(named), std::string::npos);
  }
}

TEST(InheritedSockets, AreThoseMeantForUsWithTheirNames) {
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_FDNAMES", "lan:panels", 1);
  setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(inherited_sockets().empty());
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  const auto sockets = inherited_sockets();
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(sockets[0].fd, 3);
  EXPECT_EQ(sockets[1].name, "panels");
  setenv("LISTEN_FDS", "-5", 1);
  EXPECT_TRUE(inherited_sockets().empty());
  unsetenv("LISTEN_PID");
}

}  // namespace
}  // namespace alarmwire::smtp
