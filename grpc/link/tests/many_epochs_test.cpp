// A box that was started very often while it was offline: more ranges wait than a Hello holds.
#include <gtest/gtest.h>

#include <algorithm>

#include "grpc/link/box_session.hpp"

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t epochs = 2 * hello_ranges_max;  // of the lane alarm, one row each
constexpr EpochId current{epochs};

// The spool, and a centre that stores whatever it is sent.
class ManyEpochsTest : public ::testing::Test {
 protected:
  ManyEpochsTest() {
    for (std::uint64_t e = 1; e <= epochs; ++e) held_.push_back({EpochId{e}, Lane::alarm, 1, 1, 1});
    held_.push_back({current, Lane::live_alarm, 1, 1, 1});
  }

  // One stream, to its end or until nothing goes any more. True: it ended by itself.
  bool stream() {
    session_ = std::make_unique<BoxSession>(BoxConfig{"box"}, held_, "L", now_);
    work_off();
    spool(Lane::alarm);  // while the Hello is under way
    welcome();
    work_off();
    for (std::size_t told = ~std::size_t{0}; told != stored_.size() && !session_->is_closed();) {
      told = stored_.size();
      work_off();
    }
    return session_->is_closed();
  }
  void spool(Lane lane) {
    for (HeldRange& range : held_) {
      if (range.epoch != current || range.lane != lane) continue;
      session_->on_record({current, lane, ++range.last}, now_);
    }
  }
  void work_off() {
    for (bool more = true; more;) {
      const std::vector<BoxAction> actions = session_->take_actions();
      more = !actions.empty();
      for (const BoxAction& action : actions) {
        if (const auto* write = std::get_if<box_action::Write>(&action)) on_write(write->frame);
        if (const auto* fetch = std::get_if<box_action::Fetch>(&action)) on_fetch(*fetch);
        if (const auto* settled = std::get_if<box_action::Settled>(&action)) on_settled(*settled);
      }
    }
  }
  void on_write(const v1::BoxFrame& frame) {
    if (frame.has_hello()) {
      hello_ = frame.hello();
      EXPECT_LE(static_cast<std::size_t>(hello_.ranges_size()), hello_ranges_max);
      EXPECT_LE(frame.ByteSizeLong(), std::size_t{64} * 1024);
    }
    EXPECT_FALSE(frame.has_void_()) << "rows that are there were given up";
    session_->on_write_ready(now_);
    if (!frame.has_record()) return;
    const v1::Record& record = frame.record();
    stored_.push_back({EpochId{record.epoch()}, *lane_from_number(record.lane()), record.seq()});
    v1::CentreFrame answer;
    answer.mutable_settled()->set_epoch(record.epoch());
    answer.mutable_settled()->set_lane(record.lane());
    answer.mutable_settled()->set_seq(record.seq());
    answer.mutable_settled()->set_verdict(v1::Settled::STORED);
    session_->on_frame(std::move(answer), now_);
  }
  void on_fetch(const box_action::Fetch& fetch) {
    FetchedRecord record;
    record.header.key = fetch.key;
    record.header.envelope = "e";
    session_->on_fetched(fetch.key, FetchResult::ok, std::move(record), now_);
  }
  void on_settled(const box_action::Settled& settled) {
    for (HeldRange& range : held_)
      if (range.epoch == settled.epoch && range.lane == settled.lane)
        range.first_unsettled = settled.up_to + 1;
  }
  void welcome() {
    v1::CentreFrame frame;
    v1::Welcome& said = *frame.mutable_welcome();
    said.set_major(protocol_major);
    said.set_beat_interval_ms(5000);
    said.set_record_bytes_max(10'000'000);
    for (std::uint32_t lane = 0; lane < lane_count; ++lane) {
      v1::Credit& credit = *said.add_credits();
      credit.set_lane(lane);
      credit.set_records(2 * epochs);
      credit.set_bytes(64 * 1024 * 1024);
    }
    for (const HeldRange& range : held_) {
      v1::Cursor& cursor = *said.add_cursors();
      cursor.set_epoch(range.epoch.value);
      cursor.set_lane(static_cast<std::uint32_t>(range.lane));
      cursor.set_seq(range.first_unsettled - 1);
    }
    session_->on_frame(std::move(frame), now_);
  }
  std::vector<RecordKey> stored(Lane lane) const {
    std::vector<RecordKey> keys;
    for (const RecordKey& key : stored_)
      if (key.lane == lane) keys.push_back(key);
    return keys;
  }
  bool all_settled() const {
    return std::all_of(held_.begin(), held_.end(),
                       [](const HeldRange& range) { return range.first_unsettled > range.last; });
  }

  Now now_{SteadyTime(1000s), 1'700'000'000'000'000};
  std::vector<HeldRange> held_;
  std::unique_ptr<BoxSession> session_;
  v1::Hello hello_;
  std::vector<RecordKey> stored_;
};

TEST_F(ManyEpochsTest, AllGoStreamByStreamInOrderAndNothingIsGivenUp) {
  int streams = 1;
  while (stream() && streams < 20) ++streams;
  EXPECT_FALSE(session_->is_closed()) << "the last stream has all that is left, and stays";
  EXPECT_TRUE(all_settled());
  std::vector<RecordKey> wanted;
  for (std::uint64_t e = 1; e <= epochs; ++e) wanted.push_back({EpochId{e}, Lane::alarm, 1});
  for (int row = 2; row <= streams + 1; ++row)
    wanted.push_back({current, Lane::alarm, static_cast<std::uint64_t>(row)});
  EXPECT_EQ(stored(Lane::alarm), wanted);
}

TEST_F(ManyEpochsTest, AnotherLaneWithoutSuchAPastDoesNotWait) {
  EXPECT_TRUE(stream());
  EXPECT_EQ(stored(Lane::live_alarm), (std::vector<RecordKey>{{current, Lane::live_alarm, 1}}));
  EXPECT_LT(stored(Lane::alarm).size(), epochs);
}

TEST_F(ManyEpochsTest, WhatIsSettledLeavesRoomForWhatWaitsAndOfItTheNewestAreListed) {
  for (HeldRange& range : held_)
    if (range.epoch.value > 1 && range.epoch != current) range.first_unsettled = 2;
  EXPECT_FALSE(stream());
  EXPECT_TRUE(all_settled());
  EXPECT_EQ(stored(Lane::alarm).front(), (RecordKey{EpochId{1}, Lane::alarm, 1}));
  const std::uint64_t epochs_listed = hello_ranges_max / lane_count;
  EXPECT_EQ(hello_.ranges(0).epoch(), 1u);
  EXPECT_EQ(hello_.ranges(1).epoch(), epochs - epochs_listed + 2);
  EXPECT_EQ(hello_.ranges_size(), static_cast<int>(epochs_listed + 1));
}

}  // namespace
}  // namespace alarmwire::link
