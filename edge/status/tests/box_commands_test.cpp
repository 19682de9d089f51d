// The box's answers over a real spool and a real messenger; the socket alone is left out.
#include "edge/status/box_commands.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/json.hpp>
#include <latch>
#include <set>
#include <thread>

#include "common/base64.hpp"
#include "common/tests/fake_control.hpp"
#include "edge/spool/tests/support.hpp"
#include "edge/uplink/tests/centre.hpp"
#include "edge/watch/canary.hpp"

namespace alarmwire::status {
namespace {

namespace json = boost::json;
using spool::test::eventually;
using Client = std::shared_ptr<control::FakeClient>;

class BoxCommandsTest : public ::testing::Test, private spool::Observer {
 protected:
  BoxCommandsTest() : guard_(box_.get_executor()), thread_([this] { box_.run(); }) {
    spool::Config config;
    config.directory = folder_.path();
    spool_ = spool::Spool::open(config, *this).value();
    centre_.appear();
    on_box([this] {
      uplink::Config centre;
      centre.centre = {"::1", centre_.port(), std::chrono::milliseconds(2000)};
      centre.ledger_id_file = folder_.path() + "/ledger-id";
      uplink_ = std::make_unique<uplink::Uplink>(box_, *spool_, centre, uplink::Callbacks{});
      commands_ = std::make_unique<BoxCommands>(
          box_, *spool_, *uplink_, [this] { return figures_; },
          [this](std::string_view device) {
            return device == "gate" ? dialogues_ : std::vector<smtp::Dialogue>{};
          });
      commands_->install(socket_);
    });
  }
  ~BoxCommandsTest() override {
    on_box([this] {
      commands_.reset();
      uplink_.reset();
    });
    spool_.reset();
    guard_.reset();
    thread_.join();
  }

  template <typename Call>
  auto on_box(Call call) -> decltype(call()) {
    return uplink::test::ask_on(box_, std::move(call));
  }
  Client ask(const std::string& command, const json::object& request = {}) {
    return on_box([&] { return socket_.ask(command, request); });
  }
  json::value result(const std::string& command, const json::object& request = {}) {
    return ask(command, request)->answer().at("result");
  }
  std::string error(const std::string& command, const json::object& request) {
    return std::string(ask(command, request)->answer().at("error").as_string());
  }
  // A record by its subject, in the spool.
  RecordHeader commit(const std::string& subject, Lane lane = Lane::alarm, std::size_t bytes = 10) {
    spool::NewRecord record =
        spool::test::record_of("Subject: " + subject + "\r\n\r\n" + std::string(bytes, 'x'), lane);
    RecordHeader header;
    header.id = record.id;
    header.hash = record.hash;
    header.size = record.size;
    const bool is_large = record.size > spool::inline_body_bytes_max;
    header.key = (is_large ? spool::test::commit_upload(*spool_, std::move(record), 60'000)
                           : spool::test::commit(*spool_, std::move(record)))
                     .value()
                     .key;
    EXPECT_TRUE(eventually([&] { return on_box([&] { return told_.contains(header.key); }); }));
    return header;
  }
  static json::object about(const RecordHeader& header) { return {{"id", header.id.to_string()}}; }
  // What the list's alarms, or the watcher's items, are about.
  std::string listed(const json::object& request) {
    std::string subjects;
    const json::value answer = result("alarms", request);
    for (const json::value& alarm : answer.at("alarms").as_array())
      subjects += std::to_string(alarm.at("seq").to_number<int>()) + " ";
    return subjects;
  }
  static std::string subject_of(const Client& watcher, std::size_t number) {
    const json::value item = watcher->wait_for_item(number);
    return item.is_object() ? std::string(item.at("subject").as_string()) : "none";
  }
  // The spool's thread stands still until the latch is counted down.
  std::shared_ptr<std::latch> hold_spool() {
    auto gate = std::make_shared<std::latch>(1);
    spool_->find(AlarmId{}, [gate](const auto&) { gate->wait(); });
    return gate;
  }

  spool::test::Folder folder_;
  uplink::test::Centre centre_;
  boost::asio::io_context box_;
  std::unique_ptr<spool::Spool> spool_;
  // On the box's thread only:
  std::unique_ptr<uplink::Uplink> uplink_;
  std::unique_ptr<BoxCommands> commands_;
  std::vector<smtp::Dialogue> dialogues_;
  control::FakeServer socket_;
  BoxFigures figures_;
  std::set<RecordKey> told_;  // of these the commands know

 private:
  void on_record(const RecordKey& key) override {
    boost::asio::post(box_, [this, key] {
      if (uplink_) uplink_->on_record(key);
      if (commands_) commands_->on_record(key);
      told_.insert(key);
    });
  }
  void on_fault(const std::string&, const std::string&, const std::string&, bool) override {}
  void on_fatal(const Failure& failure) override { ADD_FAILURE() << failure.diagnostics; }

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::thread thread_;
};

TEST_F(BoxCommandsTest, status_and_devices_come_from_the_figures_of_the_moment) {
  EXPECT_EQ(result("status").at("verdict"), "red");
  figures_.link.state = uplink::LinkStatus::State::up;
  figures_.tunnel = boost::json::object{};
  figures_.door.devices.emplace_back().name = "cam \xff";
  EXPECT_EQ(result("status").at("verdict"), "green");
  EXPECT_EQ(result("devices").at("devices").at(0).at("name"), "cam \ufffd");
}

TEST_F(BoxCommandsTest, one_device_its_dialogues_and_what_to_type_into_it) {
  smtp::Device gate;
  gate.name = "gate";
  gate.address = "192.0.2.7";
  figures_.door.devices = {gate};
  dialogues_.emplace_back().device = "gate";
  EXPECT_EQ(result("devices", {{"device", "gate"}}).at("devices").as_array().size(), 1u);
  EXPECT_EQ(result("dialogues", {{"device", "gate"}}).at("dialogues").as_array().size(), 1u);
  EXPECT_EQ(result("dialogues", {{"device", "192.0.2.7"}}).at("dialogues").as_array().size(), 0u);
  EXPECT_EQ(error("devices", {{"device", "attic"}}), "no device has this name or address");
  EXPECT_EQ(error("dialogues", {{"device", "attic"}}), "no device has this name or address");
  EXPECT_EQ(result("device-settings", {{"device", "attic"}, {"maker", "axis"}}).at("maker"),
            "axis");
  EXPECT_NE(error("device-settings", {{"device", "gate"}, {"maker", "x"}}).find("hikvision"),
            std::string::npos);
}

TEST_F(BoxCommandsTest, lists_the_newest_first_and_only_what_waits_if_asked) {
  for (const char* const subject : {"a", "b", "c"}) commit(subject);
  EXPECT_EQ(listed({}), "3 2 1 ");
  EXPECT_EQ(listed({{"limit", 2}}), "3 2 ");
  spool_->settle(spool_->snapshot().epoch, Lane::alarm, 2);
  EXPECT_TRUE(eventually([this] { return listed({{"waiting", true}}) == "3 "; }));
  EXPECT_EQ(listed({}), "3 2 1 ");
}

TEST_F(BoxCommandsTest, a_box_knows_no_other_box) {
  EXPECT_NE(error("alarms", {{"box", "site-2"}}).find("only its own"), std::string::npos);
}

TEST_F(BoxCommandsTest, an_alarm_is_shown_with_all_that_is_known_of_it) {
  const RecordHeader header = commit("Motion at the gate");
  const json::value shown = result("alarm", about(header));
  EXPECT_EQ(shown.at("id").as_string(), header.id.to_string());
  EXPECT_EQ(shown.at("subject"), "Motion at the gate");
  EXPECT_EQ(shown.at("state"), "waiting");
  EXPECT_EQ(shown.at("hash").as_string(), to_hex(view(header.hash)));
  EXPECT_EQ(shown.at("envelope").at("to").at(0), "alarm@site.internal");
  EXPECT_EQ(shown.at("stages").as_array().size(), 2u);
  EXPECT_EQ(shown.as_object().if_contains("park_reason"), nullptr);
}

TEST_F(BoxCommandsTest, a_parked_alarm_says_why) {
  const RecordHeader header = commit("a");
  spool_->park(header.key, "too-large \xff");
  ASSERT_TRUE(eventually([&] { return result("alarm", about(header)).at("state") == "parked"; }));
  EXPECT_EQ(result("alarm", about(header)).at("park_reason"), "too-large \ufffd");
}

TEST_F(BoxCommandsTest, what_is_no_id_and_what_is_not_held_is_an_error) {
  for (const char* const command : {"alarm", "trace", "alarm-body"}) {
    EXPECT_EQ(error(command, {{"id", "x"}}), "id: not an alarm id") << command;
    EXPECT_EQ(error(command, {}), "id: not an alarm id") << command;
    EXPECT_NE(error(command, {{"id", AlarmId::make(1).to_string()}}), "") << command;
  }
}

TEST_F(BoxCommandsTest, a_body_comes_in_pieces_and_ends_with_an_empty_one) {
  const RecordHeader header = commit("large", Lane::alarm, body_piece_bytes_max * 2);
  std::string body;
  std::size_t pieces = 0;
  for (; pieces < 10; ++pieces) {
    json::object request = about(header);
    request["offset"] = body.size();
    const json::value piece = result("alarm-body", request);
    EXPECT_EQ(piece.at("size"), header.size);
    const auto bytes = from_base64(std::string(piece.at("data_base64").as_string()));
    ASSERT_TRUE(bytes.has_value());
    if (bytes->empty()) break;
    EXPECT_LE(bytes->size(), body_piece_bytes_max);
    body += *bytes;
  }
  EXPECT_GE(pieces, 3u);
  EXPECT_EQ(body, "Subject: large\r\n\r\n" + std::string(body_piece_bytes_max * 2, 'x'));
}

TEST_F(BoxCommandsTest, a_trace_follows_the_alarm_to_the_outlet_with_whose_clock_it_was) {
  on_box([this] { uplink_->start(); });
  const RecordHeader header = commit("a", Lane::live_alarm);
  ASSERT_TRUE(eventually([this] { return spool_->snapshot().waiting_records == 0; }));
  centre_.receipt({header.id, link::ReceiptStage::handed_over, 77, "ebues", "250 \xff ok"});
  const auto stages = [&] { return result("trace", about(header)).at("stages").as_array(); };
  ASSERT_TRUE(eventually([&] { return stages().size() == 5; }));
  std::string way;
  for (const json::value& stage : stages())
    way += std::string(stage.at("stage").as_string()) + " by the " +
           std::string(stage.at("clock").as_string()) + "; ";
  EXPECT_EQ(way,
            "accepted by the box; spooled by the box; sent by the box; stored by the centre; "
            "handed over by the centre; ");
  EXPECT_EQ(stages()[4].at("outlet"), "ebues");
  EXPECT_EQ(stages()[4].at("text"), "250 \ufffd ok");
}

TEST_F(BoxCommandsTest, an_answer_under_way_outlives_the_commands) {
  const RecordHeader header = commit("a");
  const auto gate = hold_spool();
  const Client shown = ask("alarm", about(header));
  const Client body = ask("alarm-body", about(header));
  const Client watcher = ask("tail");
  on_box([&] {
    commands_->on_record(header.key);
    commands_.reset();
  });
  gate->count_down();
  EXPECT_EQ(shown->answer().at("result").at("subject"), "a");
  EXPECT_EQ(body->answer().at("result").at("size"), header.size);
  EXPECT_EQ(watcher->items(), 0u);
}

TEST_F(BoxCommandsTest, tail_shows_each_alarm_to_each_watcher_from_the_moment_it_watches) {
  commit("before");
  const Client first = ask("tail");
  commit("a", Lane::live_alarm);
  EXPECT_EQ(subject_of(first, 0), "a");
  const Client second = ask("tail");
  for (const char* const subject : {"b", "c"}) commit(subject);
  EXPECT_EQ(subject_of(first, 1), "b");
  EXPECT_EQ(subject_of(first, 2), "c");
  EXPECT_EQ(subject_of(second, 0), "b");
  EXPECT_EQ(subject_of(second, 1), "c");
  EXPECT_EQ(first->items(), 3u);
  EXPECT_EQ(first->wait_for_item(0).at("lane"), "live");
}

TEST_F(BoxCommandsTest, tail_goes_on_for_the_others_when_one_hangs_up) {
  const Client gone = ask("tail");
  const Client stays = ask("tail");
  commit("a");
  EXPECT_EQ(subject_of(gone, 0), "a");
  gone->hang_up();
  commit("b");
  EXPECT_EQ(subject_of(stays, 1), "b");
  EXPECT_EQ(gone->items(), 1u);
}

TEST_F(BoxCommandsTest, tail_passes_over_what_the_spool_cannot_give) {
  const Client watcher = ask("tail");
  on_box([this] { commands_->on_record({spool_->snapshot().epoch, Lane::alarm, 77}); });
  commit("a");
  EXPECT_EQ(subject_of(watcher, 0), "a");
}

TEST_F(BoxCommandsTest, tail_cuts_off_who_is_too_far_behind_and_begins_anew) {
  const RecordHeader header = commit("a");
  spool::test::fetch(*spool_, header.key);  // fresh no more: only the spool's thread has it
  const auto gate = hold_spool();
  const Client slow = ask("tail");
  const auto tell = [&](std::size_t times) {
    on_box([&] {
      for (std::size_t i = 0; i < times; ++i) commands_->on_record(header.key);
    });
  };
  tell(records_behind_max);
  const Client late = ask("tail");
  tell(1);
  for (const Client& cut_off : {slow, late})
    EXPECT_NE(cut_off->answer().at("error").as_string().find("too many"), std::string::npos);
  gate->count_down();
  on_box([] {});
  const Client again = ask("tail");
  commit("b");
  EXPECT_TRUE(eventually([&] {
    const std::size_t items = again->items();
    return items > 0 && subject_of(again, items - 1) == "b";
  }));
  EXPECT_LE(again->items(), 2u) << "what was cut off came after all";
  EXPECT_EQ(slow->items() + late->items(), 0u) << "shown a gap";
}

TEST_F(BoxCommandsTest, canaries_are_neither_listed_nor_watched) {
  const Client watcher = ask("tail");
  commit("first");
  const WallTimeUs newest_us = wall_now_us() + 60'000'000;  // a list would begin with them
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(spool::test::commit(*spool_, watch::make_canary(newest_us)));
  commit("second");
  EXPECT_EQ(subject_of(watcher, 0), "first");
  EXPECT_EQ(subject_of(watcher, 1), "second");
  EXPECT_EQ(result("alarms", {{"limit", 2}}).at("alarms").as_array().size(), 2u);
  EXPECT_EQ(result("alarms", {{"limit", 9}, {"waiting", true}}).at("alarms").as_array().size(), 2u);
  spool_->settle(spool_->snapshot().epoch, Lane::routine, 3);
  EXPECT_EQ(result("alarms").at("alarms").as_array().size(), 2u);
}

}  // namespace
}  // namespace alarmwire::status
