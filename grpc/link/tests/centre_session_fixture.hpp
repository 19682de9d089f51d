// What the tests of the centre's session share: a session, what it wants, what it wrote.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "grpc/link/centre_session.hpp"

namespace alarmwire::link {

using namespace std::chrono_literals;
using Verdict = StoreOutcome::Verdict;

inline constexpr EpochId epoch{9};

class CentreTest : public ::testing::Test {
 protected:
  void SetUp() override { make(); }
  void make() {
    CentreConfig config;
    config.record_bytes_max = 10'000'000;
    if (window_bytes != 0) config.credits[2].bytes = window_bytes;
    session = std::make_unique<CentreSession>(config, now);
    actions.clear();
    written.clear();
  }
  void take() {
    for (int i = 0; i < 100; ++i) {
      bool writes = false;
      for (CentreAction& action : session->take_actions()) {
        if (auto* write = std::get_if<centre_action::Write>(&action)) {
          written.push_back(write->frame);
          writes = true;
        }
        actions.push_back(std::move(action));
      }
      if (!writes) return;
      session->on_write_ready(now);
    }
  }
  void say(v1::BoxFrame frame) {
    session->on_frame(std::move(frame), now);
    take();
  }
  static v1::BoxFrame hello() {
    v1::BoxFrame frame;
    frame.mutable_hello()->set_major(protocol_major);
    v1::LaneRange& range = *frame.mutable_hello()->add_ranges();
    range.set_epoch(epoch.value);
    range.set_lane(2);
    return frame;
  }
  void welcome(CentreState state = {}) {
    say(hello());
    session->on_state(std::move(state), now);
    take();
  }
  static v1::BoxFrame record(std::uint64_t seq, std::uint64_t size, std::uint64_t bytes) {
    v1::BoxFrame frame;
    v1::Record& one = *frame.mutable_record();
    one.set_epoch(epoch.value);
    one.set_lane(2);
    one.set_seq(seq);
    one.set_alarm_id(std::string(16, 'i'));
    one.set_hash(std::string(32, 'h'));
    one.set_envelope(encode_envelope(Envelope{}));
    one.set_size(size);
    one.set_data(std::string(bytes, 'd'));
    return frame;
  }
  static v1::BoxFrame chunk(std::uint64_t offset, std::uint64_t bytes) {
    v1::BoxFrame frame;
    frame.mutable_chunk()->set_lane(2);
    frame.mutable_chunk()->set_offset(offset);
    frame.mutable_chunk()->set_data(std::string(bytes, 'd'));
    return frame;
  }
  void answer(std::uint64_t token, Verdict verdict, std::uint64_t cursor = 0) {
    session->on_stored(token, {verdict, 77, cursor}, now);
    take();
  }
  template <typename Action>
  std::vector<const Action*> all() {
    std::vector<const Action*> found;
    for (const CentreAction& action : actions) {
      if (const auto* one = std::get_if<Action>(&action)) found.push_back(one);
    }
    return found;
  }
  std::vector<v1::Settled> settled() {
    std::vector<v1::Settled> found;
    for (const v1::CentreFrame& frame : written) {
      if (frame.has_settled()) found.push_back(frame.settled());
    }
    return found;
  }
  void expect_closed(CloseCode code) {
    ASSERT_EQ(all<centre_action::Close>().size(), 1u);
    EXPECT_EQ(all<centre_action::Close>()[0]->code, code);
  }

  Now now{SteadyTime(1000s), 1'700'000'000'000'000};
  std::uint64_t window_bytes = 0;  // of lane 2; 0: the default
  std::unique_ptr<CentreSession> session;
  std::vector<CentreAction> actions;
  std::vector<v1::CentreFrame> written;
};

}  // namespace alarmwire::link
