// What the door remembers over a restart.
#include "edge/smtp/door_memory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "common/files.hpp"
#include "edge/smtp/tests/door_fixture.hpp"

namespace alarmwire::smtp::test {
namespace {

using namespace std::chrono_literals;

Device a_device() {
  Device device;
  device.address = "192.0.2.7";
  device.name = "Tür \"2\"";
  device.known_by = KnownBy::user;
  device.mac = "00:40:8c:12:34:56";
  device.accepted = 5'000'000'000;
  device.lost = 2;
  device.refused_sessions = 3;
  device.last_heard_us = 1'700'000'000'000'003;
  device.last_mail_us = 1'700'000'000'000'001;
  device.last_error_us = 1'700'000'000'000'002;
  device.last_error = "odd \xff bytes";
  device.quirks.add(Quirk::no_greeting);
  device.quirks.add(Quirk::old_tls);
  return device;
}

Dialogue a_dialogue(std::size_t lines) {
  Dialogue dialogue;
  dialogue.device = "Tür \"2\"";
  dialogue.address = "192.0.2.7";
  dialogue.listener = "lan";
  dialogue.began_us = 1'700'000'000'000'000;
  DialogueFacts& facts = dialogue.facts;
  facts.tls = TlsMode::required;
  facts.auth = AuthMode::required;
  facts.zone = "internal";
  facts.message_bytes_max = 1 << 20;
  facts.tls_version = "TLSv1.2";
  facts.tls_failure = "unsupported protocol";
  facts.encrypted = facts.spoke_tls = facts.spoke_http = facts.trouble = true;
  facts.in_data = facts.odd_dot = facts.was_waiting = true;
  facts.accepted = 7;
  facts.end = DialogueFacts::End::tls_failed;
  facts.data_bytes = 4096;
  facts.quirks.add(Quirk::no_quit);
  for (std::size_t i = 0; i < lines; ++i) {
    dialogue.log.at(SteadyTime{} + std::chrono::milliseconds(i));
    dialogue.log.write(DialogueLine::Who::device, "NOOP \\ \t" + std::to_string(i));
  }
  return dialogue;
}

void expect_same(const DialogueFacts& a, const DialogueFacts& b) {
  EXPECT_EQ(std::tie(a.tls, a.auth, a.zone, a.message_bytes_max, a.encrypted, a.tls_version,
                     a.tls_failure, a.spoke_tls, a.spoke_http, a.trouble, a.accepted, a.end),
            std::tie(b.tls, b.auth, b.zone, b.message_bytes_max, b.encrypted, b.tls_version,
                     b.tls_failure, b.spoke_tls, b.spoke_http, b.trouble, b.accepted, b.end));
  EXPECT_EQ(std::tie(a.in_data, a.data_bytes, a.odd_dot, a.was_waiting, a.quirks),
            std::tie(b.in_data, b.data_bytes, b.odd_dot, b.was_waiting, b.quirks));
}

struct Memory {
  DeviceTable devices;
  DialogueBook dialogues;
};

std::string a_memory(std::size_t lines) {
  Memory memory;
  Device device = a_device();
  device.sessions = 1;  // belongs to a life that is over
  memory.devices.restore(device);
  memory.dialogues.keep(a_dialogue(lines));
  return write_memory(memory.devices, memory.dialogues);
}

TEST(DoorMemory, GivesBackDevicesAndDialoguesAsTheyWere) {
  Memory memory;
  ASSERT_TRUE(read_memory(a_memory(1000), memory.devices, memory.dialogues));
  ASSERT_EQ(memory.devices.all().size(), 1u);
  const Device device = memory.devices.all()[0];
  const Device as_was = a_device();
  EXPECT_EQ(std::tie(device.address, device.name, device.known_by, device.mac, device.accepted,
                     device.lost, device.refused_sessions, device.last_heard_us,
                     device.last_mail_us, device.last_error_us, device.quirks),
            std::tie(as_was.address, as_was.name, as_was.known_by, as_was.mac, as_was.accepted,
                     as_was.lost, as_was.refused_sessions, as_was.last_heard_us,
                     as_was.last_mail_us, as_was.last_error_us, as_was.quirks));
  EXPECT_EQ(device.last_error, "odd \xef\xbf\xbd bytes");
  EXPECT_EQ(device.sessions, 0u);

  const auto dialogues = memory.dialogues.of("192.0.2.7");
  ASSERT_EQ(dialogues.size(), 1u);
  const Dialogue was = a_dialogue(1000);
  EXPECT_EQ(std::tie(dialogues[0].device, dialogues[0].listener, dialogues[0].began_us),
            std::tie(was.device, was.listener, was.began_us));
  EXPECT_EQ(dialogues[0].log.lines(), was.log.lines());
  EXPECT_EQ(dialogues[0].log.left_out(), was.log.left_out());
  EXPECT_EQ(dialogues[0].log.duration_ms(), 999u);
  expect_same(dialogues[0].facts, was.facts);
}

TEST(DoorMemory, ADeviceIsTheSameWhenItIsHeardAgain) {
  Memory memory;
  ASSERT_TRUE(read_memory(a_memory(1), memory.devices, memory.dialogues));
  Device& again = memory.devices.heard("192.0.2.7", {"Tür \"2\"", KnownBy::user, "", {}}, 9);
  EXPECT_EQ(again.accepted, 5'000'000'000u);
}

TEST(DoorMemory, SurvivesAnyDamage) {
  const std::string whole = a_memory(3);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char other : {' ', '9', '"', '\\', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = other;
      Memory memory;
      (void)read_memory(damaged, memory.devices, memory.dialogues);
      for (const Dialogue& one : memory.dialogues.all()) EXPECT_LE(one.log.lines().size(), 3u);
    }
    Memory memory;
    EXPECT_TRUE(read_memory(whole.substr(0, at), memory.devices, memory.dialogues).has_error());
    EXPECT_TRUE(memory.devices.all().empty());
  }
}

TEST(DoorMemory, LinesThatAreNoneOfOursAreNotTaken) {
  for (const char* text : {"no end", "\n", "<\n", "x1 NOOP\n", "<1 NOOP\n\n"})
    EXPECT_FALSE(DialogueLog::from({text, "", 0, 0})) << text;
  EXPECT_TRUE(DialogueLog::from({"<1 NOOP\n", "", 0, 0}));
  EXPECT_FALSE(
      DialogueLog::from({"<1 " + std::string(dialogue_head_bytes_max, 'x') + "\n", "", 0, 0}));
}

TEST(DoorMemory, WritesSeldomAndLittleADay) {
  for (const std::size_t bytes : {1u << 20, 1u << 22, 1u << 24}) {
    const auto writes_per_day = std::chrono::milliseconds(24h) / memory_pause(bytes) + 1;
    EXPECT_LE(static_cast<std::uint64_t>(writes_per_day) * bytes, memory_bytes_per_day + bytes);
  }
}

class RememberingDoor : public DoorTest {
 protected:
  RememberingDoor() {
    char name[] = "/tmp/door-memory-XXXXXX";
    folder = mkdtemp(name);
    config.memory.file = folder + "/devices.json";
  }
  ~RememberingDoor() override { std::filesystem::remove_all(folder); }
  void stop() {
    std::promise<void> stopped;
    on_loop([&] { door->stop(1s, [&] { stopped.set_value(); }); });
    stopped.get_future().wait();
    close_door();
  }
  std::string folder;
};

TEST_F(RememberingDoor, KnowsItsDevicesAfterARestart) {
  open();
  {
    Client client(port());
    client.reply();
    ASSERT_TRUE(accept_mail(client, "Subject: x\r\n\r\nx\r\n").starts_with("250"));
    client.say("NONSENSE");
  }
  stop();
  open();
  const DoorSnapshot known = snapshot();
  ASSERT_EQ(known.devices.size(), 1u);
  EXPECT_EQ(known.devices[0].accepted, 1u);
  EXPECT_EQ(known.devices[0].sessions, 0u);
  const auto dialogues = on_loop([&] { return door->dialogues("127.0.0.1"); });
  ASSERT_EQ(dialogues.size(), 1u);
  EXPECT_EQ(dialogues[0].facts.accepted, 1u);
}

TEST_F(RememberingDoor, WritesWhileItRunsSoThatAKillForgetsLittle) {
  config.memory.pause_min = 10ms;
  open();
  Client client(port());
  client.reply();
  ASSERT_TRUE(accept_mail(client, "Subject: x\r\n\r\nx\r\n").starts_with("250"));
  EXPECT_TRUE(eventually([&] {
    Memory memory;
    const auto text = read_file(config.memory.file);
    return text && read_memory(*text, memory.devices, memory.dialogues) &&
           memory.devices.all().at(0).accepted == 1;
  }));
}

TEST_F(RememberingDoor, OpensWithADamagedFileAndReplacesIt) {
  ASSERT_TRUE(write_file_atomically(config.memory.file, "{\"format\":"));
  open();
  Client client(port());
  EXPECT_TRUE(client.reply().starts_with("220"));
  stop();
  Memory memory;
  EXPECT_TRUE(read_memory(*read_file(config.memory.file), memory.devices, memory.dialogues));
}

TEST(DoorMemory, WritesNothingWhileNothingHappens) {
  char name[] = "/tmp/door-memory-XXXXXX";
  const std::string folder = mkdtemp(name);
  const std::string file = folder + "/devices.json";
  Memory heard;
  DoorMemory memory({file, 10min});
  heard.devices.restore(a_device());
  EXPECT_EQ(memory.save(heard.devices, heard.dialogues), 10min);
  memory.wait();
  ASSERT_TRUE(std::filesystem::remove(file));
  memory.save(heard.devices, heard.dialogues);
  memory.wait();
  EXPECT_FALSE(std::filesystem::exists(file));
  heard.devices.heard("192.0.2.8", {}, 1);
  memory.save(heard.devices, heard.dialogues);
  memory.wait();
  EXPECT_TRUE(std::filesystem::exists(file));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace alarmwire::smtp::test
