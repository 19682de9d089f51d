// The whole daemon from its start to its stop: faults of an earlier life are booked only once
// outlets and alarms are there to hear of it, each once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <thread>

#include "common/fault_desk.hpp"
#include "common/files.hpp"
#include "receiver/daemon/receiver_daemon.hpp"
#include "receiver/ledger/tests/harness.hpp"
#include "receiver/outlets/tests/scripted_server.hpp"

namespace alarmwire::receiver {
namespace {

using outlets::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StartTest : public ::testing::Test {
 protected:
  void write_config(const std::string& socket, std::uint16_t ebues_port) {
    std::ofstream(path_) << "[receiver]\nstate_directory = \"" << folder_.path()
                         << "\"\nlanguage = \"en\"\ncontrol_socket = \"" << folder_.path() << socket
                         << "\"\n[tunnel]\nprefix = \"fd12:3456:789a::/48\"\nprivate_key_file = \""
                         << folder_.path() << "/private.key\"\ncontrol_socket = \""
                         << folder_.path() << "/tunnel.sock\"\n[[outlet]]\nhost = \"127.0.0.1\"\n"
                         << "port = " << ebues_port << "\n";
  }
  // What a receiver leaves that ended before the ledger took them.
  void leave_faults(const std::vector<std::string>& boxes) const {
    boost::asio::io_context context;
    FaultDesk desk(context, folder_.path() + "/faults.json");
    for (const std::string& box : boxes)
      desk.report(box, std::string(fault::tunnel_silent), "", "of an earlier life", false);
    context.run();
  }
  Config config() const {
    Result<Config> loaded = load_config(path_);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().diagnostics;
    return std::move(*loaded);
  }
  // Whose records the ledger holds, in their order.
  std::vector<BoxId> booked() const {
    ledger::testing::Memory memory;
    ledger::Config ledger;
    ledger.directory = folder_.path() + "/ledger";
    const auto opened = ledger::open_sqlite_ledger(ledger, memory).value();
    std::vector<BoxId> boxes;
    for (const ledger::Record& record : *opened->read_after(0, 100)) boxes.push_back(record.box);
    return boxes;
  }
  // A whole life: until `done` holds, then SIGTERM.
  void live(const std::function<bool()>& done) const {
    ReceiverDaemon centre(path_, config());
    const Status started = centre.start();
    ASSERT_FALSE(started.has_error()) << started.error().diagnostics;
    std::thread people([&] {
      EXPECT_TRUE(done());
      ::kill(::getpid(), SIGTERM);
    });
    EXPECT_EQ(centre.run(), 0);
    people.join();
  }
  bool told() const {  // is the fault outlet-missing open?
    const Result<std::string> saved = read_file(folder_.path() + "/faults.json");
    return saved.has_value() && saved->find("outlet-missing") != std::string::npos;
  }

  ledger::testing::Folder folder_;
  const std::string path_ = folder_.path() + "/receiver.toml";
};

TEST_F(StartTest, a_start_that_fails_half_way_books_nothing_and_forgets_nothing) {
  ScriptedServer ebues;
  write_config("/no/such/folder/control.sock", ebues.port());
  leave_faults({"site-1"});
  {
    ReceiverDaemon centre(path_, config());
    EXPECT_TRUE(centre.start().has_error());
  }
  EXPECT_THAT(booked(), IsEmpty());
  EXPECT_THAT(read_file(folder_.path() + "/faults.json").value(), HasSubstr("envelope"));
  write_config("/control.sock", ebues.port());
  live([&] { return ebues.wait_mails(1, 20'000); });
  EXPECT_THAT(ebues.mails().front().body, HasSubstr("X-Alarmwire-Box: site-1\r\n"));
  EXPECT_THAT(booked(), ElementsAre("site-1"));
}

TEST_F(StartTest, faults_of_an_earlier_life_reach_ebues_once_and_in_their_order) {
  ScriptedServer ebues;
  write_config("/control.sock", ebues.port());
  leave_faults({"site-3", "site-1", "site-2"});
  live([&] { return ebues.wait_mails(3, 20'000); });
  EXPECT_THAT(booked(), ElementsAre("site-3", "site-1", "site-2"));
  live([] { return true; });
  EXPECT_EQ(booked().size(), 3u);
  EXPECT_EQ(ebues.mails().size(), 3u);
}

TEST_F(StartTest, a_crash_of_the_life_before_is_told_at_ebues) {
  ScriptedServer ebues;
  write_config("/control.sock", ebues.port());
  leave_crash_note(folder_.path(), "the disk would not sync");
  live([&] { return ebues.wait_mails(1, 20'000); });
  ASSERT_EQ(ebues.mails().size(), 1u);
  EXPECT_THAT(ebues.mails().front().body, HasSubstr("the disk would not sync"));
}

TEST_F(StartTest, a_centre_without_an_outlet_says_so_until_it_has_one) {
  ScriptedServer ebues;
  write_config("/control.sock", ebues.port());
  const std::string with_outlet = read_file(path_).value();
  std::ofstream(path_) << with_outlet.substr(0, with_outlet.find("[[outlet]]"));
  const auto is_told = [this](bool wanted) {
    return [this, wanted] {
      const SteadyTime end = steady_now() + std::chrono::seconds(20);
      while (told() != wanted && steady_now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      return told() == wanted;
    };
  };
  live(is_told(true));
  std::ofstream(path_) << with_outlet;
  live(is_told(false));
}

}  // namespace
}  // namespace alarmwire::receiver
