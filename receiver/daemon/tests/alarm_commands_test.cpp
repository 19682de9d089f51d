#include "receiver/daemon/alarm_commands.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <map>

#include "common/tests/fake_control.hpp"
#include "receiver/ledger/tests/harness.hpp"

namespace alarmwire::receiver {
namespace {

using ledger::HandOverState;
using ledger::Position;
namespace json = boost::json;

bool is_ours(const BoxId& box) {
  return box.starts_with("site-");
}

class AlarmCommandsTest : public ::testing::Test {
 protected:
  AlarmCommandsTest() {
    ledger::Config config;
    config.directory = folder_.path();
    config.outlets = {"ebues", "webhook"};
    ledger_ = ledger::open_sqlite_ledger(config, memory_).value();
    commands_ = std::make_unique<AlarmCommands>(context_, *ledger_, is_ours);
    commands_->install(socket_);
  }

  ledger::Record store(const BoxId& box, const std::string& subject = "motion") {
    const ledger::Incoming incoming = ledger::testing::alarm(
        box, epoch_, Lane::alarm, ++last_seq_[box], "Subject: " + subject + "\r\n\r\nzone 1\r\n");
    return ledger_->at(ledger::testing::store(*ledger_, incoming)->position).value();
  }
  void hand_over(const ledger::Record& record, const std::string& outlet, HandOverState state,
                 std::uint32_t tries = 1, const std::string& text = "250 ok") {
    const Status done = ledger::testing::await<void>([&](auto answer) {
      ledger_->set_hand_over(
          outlet, {record.position, record.box, Lane::alarm, state, tries, 7, text}, answer);
    });
    ASSERT_FALSE(done.has_error());
  }
  json::value ask(const std::string& command, const json::object& request) {
    return socket_.ask(command, request)->answer().at("result");
  }
  json::value show(const ledger::Record& record) {
    return ask("alarm", {{"id", record.header.id.to_string()}});
  }
  // Positions, as listed.
  std::string listed(const json::object& request) {
    std::string text;
    const json::value answer = ask("alarms", request);
    for (const json::value& alarm : answer.at("alarms").as_array())
      text += (text.empty() ? "" : " ") + json::serialize(alarm.at("position"));
    return text;
  }
  void run() {
    context_.restart();
    context_.poll();
  }

  ledger::testing::Folder folder_;
  ledger::testing::Memory memory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  boost::asio::io_context context_;
  control::FakeServer socket_;
  std::unique_ptr<AlarmCommands> commands_;
  const EpochId epoch_{77};
  std::map<BoxId, std::uint64_t> last_seq_;
};

TEST_F(AlarmCommandsTest, an_alarm_says_how_far_each_outlet_is_with_it) {
  const ledger::Record record = store("site-a");
  EXPECT_EQ(show(record).at("state"), "waiting");
  hand_over(record, "webhook", HandOverState::taken);
  hand_over(record, "ebues", HandOverState::parked, 10, "450 4.2.1 mailbox \xff");
  const json::value shown = show(record);
  EXPECT_EQ(shown.at("state"), "parked");
  EXPECT_EQ(json::serialize(shown.at("hand_over")),
            R"({"ebues":{"state":"parked","tries":10,"changed_us":7,"text":"450 4.2.1 mailbox )"
            "\ufffd"
            R"("},"webhook":{"state":"taken","tries":1,"changed_us":7,"text":"250 ok"}})");
}

TEST_F(AlarmCommandsTest, the_state_is_the_worst_of_all_outlets) {
  const ledger::Record record = store("site-a");
  hand_over(record, "ebues", HandOverState::taken);
  EXPECT_EQ(show(record).at("state"), "waiting");  // the other one
  hand_over(record, "webhook", HandOverState::skipped);
  EXPECT_EQ(show(record).at("state"), "handed over");
  hand_over(record, "webhook", HandOverState::refused);
  EXPECT_EQ(show(record).at("state"), "refused");
  hand_over(record, "ebues", HandOverState::parked);
  EXPECT_EQ(show(record).at("state"), "parked");
  EXPECT_EQ(ask("alarms", {}).at("alarms").at(0).at("state"), "parked");
}

TEST_F(AlarmCommandsTest, an_alarm_without_outlets_is_just_stored) {
  commands_.reset();
  ledger_.reset();
  ledger::Config config;
  config.directory = folder_.path();
  ledger_ = ledger::open_sqlite_ledger(config, memory_).value();
  commands_ = std::make_unique<AlarmCommands>(context_, *ledger_, is_ours);
  commands_->install(socket_);
  const json::value shown = show(store("site-a"));
  EXPECT_EQ(shown.at("state"), "stored");
  EXPECT_TRUE(shown.at("hand_over").as_object().empty());
  EXPECT_EQ(listed({{"waiting", true}}), "");
}

TEST_F(AlarmCommandsTest, lists_the_newest_first_and_of_one_box) {
  for (const char* const box : {"site-a", "site-b", "site-a", "site-b"}) store(box);
  EXPECT_EQ(listed({}), "4 3 2 1");
  EXPECT_EQ(listed({{"limit", 2}}), "4 3");
  EXPECT_EQ(listed({{"limit", 2}, {"before", 3}}), "2 1");
  EXPECT_EQ(listed({{"box", "site-a"}}), "3 1");
}

TEST_F(AlarmCommandsTest, a_box_nobody_knows_is_an_error_and_no_empty_list) {
  store("gone");  // no longer ours, but it did deliver
  EXPECT_EQ(listed({{"box", "gone"}}), "1");
  EXPECT_EQ(listed({{"box", "site-quiet"}}), "");
  for (const bool waiting : {false, true}) {
    const json::object request{{"box", "nosuch"}, {"waiting", waiting}};
    EXPECT_EQ(socket_.ask("alarms", request)->answer().at("error"),
              "there is no box 'nosuch'; alarmwire box list shows them");
  }
}

TEST_F(AlarmCommandsTest, lists_what_waits_parked_first_each_from_the_oldest_on) {
  std::vector<ledger::Record> records;
  for (const char* const box : {"site-a", "site-b", "site-a", "site-b", "site-a"})
    records.push_back(store(box));
  for (const std::size_t done : {0u, 3u})
    for (const char* const outlet : {"ebues", "webhook"})
      hand_over(records[done], outlet, HandOverState::taken);
  hand_over(records[1], "ebues", HandOverState::taken);     // the webhook still waits for it
  hand_over(records[4], "webhook", HandOverState::parked);  // and ebues waits for it
  EXPECT_EQ(listed({{"waiting", true}}), "5 2 3");
  EXPECT_EQ(listed({{"waiting", true}, {"limit", 2}}), "5 2");
  EXPECT_EQ(listed({{"waiting", true}, {"box", "site-a"}}), "5 3");
  EXPECT_EQ(listed({{"waiting", true}, {"box", "site-c"}}), "");
}

TEST_F(AlarmCommandsTest, what_an_outlet_no_longer_configured_left_still_waits) {
  for (int i = 0; i < 2; ++i) store("site-a");
  const Status named = ledger::testing::await<void>(
      [&](auto done) { ledger_->set_outlets({"webhook"}, std::move(done)); });
  ASSERT_FALSE(named.has_error());
  const ledger::Record after = store("site-a");
  for (const ledger::Position position : {1, 2, 3})
    hand_over(ledger_->at(position).value(), "webhook", HandOverState::taken);
  hand_over(ledger_->at(2).value(), "ebues", HandOverState::parked);
  EXPECT_EQ(listed({{"waiting", true}}), "2 1");
  EXPECT_EQ(show(after).at("state"), "handed over");
}

TEST_F(AlarmCommandsTest, finds_one_boxs_alarm_behind_more_than_a_page_of_anothers) {
  for (std::size_t i = 0; i < ledger::read_limit_max; ++i)
    ledger_->store(ledger::testing::alarm("site-a", epoch_, Lane::alarm, ++last_seq_["site-a"]),
                   nullptr);
  store("site-a");  // commits come in order: all are there now
  store("site-b");
  EXPECT_EQ(listed({{"waiting", true}, {"box", "site-b"}}), "1002");
}

TEST_F(AlarmCommandsTest, shows_the_subject_as_it_is_written_but_well_formed) {
  EXPECT_EQ(show(store("site-a", "Tor \xff 3")).at("subject"), "Tor \ufffd 3");
  EXPECT_EQ(ask("alarms", {}).at("alarms").at(0).at("subject"), "Tor \ufffd 3");
  const Result<ledger::Record> fault = ledger::testing::await<ledger::Record>(
      [&](auto done) { ledger_->book_own("site-a", AlarmId::make(1), Envelope{}, done); });
  EXPECT_FALSE(show(*fault).as_object().contains("subject"));
}

TEST_F(AlarmCommandsTest, tail_shows_each_alarm_as_it_is_stored) {
  const auto watcher = socket_.ask("tail", {});
  const auto other = socket_.ask("tail", {});
  const ledger::Record first = store("site-a", "one");
  commands_->on_stored(first);
  run();
  EXPECT_EQ(watcher->wait_for_item(0).at("subject"), "one");
  EXPECT_EQ(other->wait_for_item(0).at("state"), "waiting");
  other->hang_up();
  commands_->on_stored(store("site-b", "two"));
  run();
  EXPECT_EQ(watcher->wait_for_item(1).at("box"), "site-b");
  EXPECT_EQ(other->items(), 1u);
}

TEST_F(AlarmCommandsTest, a_watcher_that_cannot_follow_is_told_so) {
  const auto watcher = socket_.ask("tail", {});
  const ledger::Record record = store("site-a");
  {
    const auto stuck = watcher->hold();  // and with it the thread that reads
    for (std::size_t i = 0; i < records_behind_max; ++i) commands_->on_stored(record);
    run();
    commands_->on_stored(record);
    run();
    EXPECT_TRUE(watcher->answer().contains("error"));
  }
  commands_->stop();
  EXPECT_EQ(watcher->items(), records_behind_max);
}

TEST_F(AlarmCommandsTest, what_is_not_there_is_an_error) {
  EXPECT_TRUE(socket_.ask("alarm", {{"id", "nonsense"}})->answer().contains("error"));
  const std::string unknown = AlarmId::make(1).to_string();
  for (const char* const command : {"alarm", "trace", "alarm-body"})
    EXPECT_TRUE(socket_.ask(command, {{"id", unknown}})->answer().contains("error")) << command;
}

}  // namespace
}  // namespace alarmwire::receiver
