// The centre's session: how later stages of alarms get back to the box.
#include <gtest/gtest.h>

#include "grpc/link/tests/centre_session_fixture.hpp"

namespace alarmwire::link {
namespace {

class ReceiptsTest : public CentreTest {
 protected:
  std::vector<int> frames() {  // how many receipts in each frame of them
    std::vector<int> sizes;
    for (const v1::CentreFrame& frame : written)
      if (frame.has_receipts()) sizes.push_back(frame.receipts().receipt_size());
    return sizes;
  }
  void wait(std::chrono::milliseconds time) {
    now.steady += time;
    session->on_timer(now);
    take();
  }
  void hand_over(int count, const std::string& text = "250 ok") {
    for (int i = 0; i < count; ++i) {
      session->receipt({AlarmId{}, ReceiptStage::handed_over, 5, "ebues", text}, now);
      take();
    }
  }
};

TEST_F(ReceiptsTest, ALoneOneGoesAtOnceTheNextOnesGather) {
  welcome();
  hand_over(1);
  EXPECT_EQ(frames(), std::vector<int>{1});
  hand_over(3);
  EXPECT_EQ(frames(), std::vector<int>{1});
  EXPECT_EQ(session->next_deadline(), now.steady + receipts_gather);
  wait(receipts_gather);
  EXPECT_EQ(frames(), (std::vector<int>{1, 3}));
  EXPECT_GT(session->next_deadline(), now.steady + receipts_gather);
  wait(receipts_gather);
  hand_over(1);
  EXPECT_EQ(frames(), (std::vector<int>{1, 3, 1}));
}

TEST_F(ReceiptsTest, AFrameOfThemStaysFarBelowWhatTheLinkTakes) {
  welcome();
  hand_over(1);
  hand_over(200, std::string(1000, 't'));
  while (session->next_deadline() <= now.steady + receipts_gather) wait(receipts_gather);
  int sum = 0;
  for (const v1::CentreFrame& frame : written) EXPECT_LT(frame.ByteSizeLong(), 20'000u);
  for (const int size : frames()) sum += size;
  EXPECT_EQ(sum, 201);
}

TEST_F(ReceiptsTest, TheyAreBoundedWhenTheBoxDoesNotRead) {
  say(hello());
  session->on_state({}, now);  // its Welcome is not reported as written yet
  for (std::size_t i = 0; i < receipts_waiting_max + 10; ++i) session->receipt({}, now);
  take();
  while (session->next_deadline() <= now.steady + receipts_gather) wait(receipts_gather);
  std::size_t sum = 0;
  for (const int size : frames()) sum += static_cast<std::size_t>(size);
  EXPECT_EQ(sum, receipts_waiting_max);
}

// A transport's "written" proves nothing: what was said into a dead line is said again.
TEST_F(ReceiptsTest, WhatNoBeatProvesToBeReadIsGivenBackForTheNextStream) {
  welcome();
  const auto hand_over_of = [&](const std::string& text) {
    hand_over(1, text);
    wait(receipts_gather);
  };
  const auto echo = [&](std::uint64_t number) {
    v1::BoxFrame frame;
    frame.mutable_beat()->set_number(1);
    frame.mutable_beat()->set_echo_number(number);
    say(std::move(frame));
  };
  const auto last_beat = [&] {
    std::uint64_t number = 0;
    for (const v1::CentreFrame& frame : written)
      if (frame.has_beat()) number = frame.beat().number();
    return number;
  };
  hand_over_of("read");
  wait(5s);
  const std::uint64_t heard = last_beat();
  ASSERT_GT(heard, 0u);
  hand_over_of("behind the beat");
  echo(heard);
  session->close(CloseCode::stopped, "the line is dead");
  std::vector<std::string> texts;
  for (const Receipt& one : session->take_unheard()) texts.push_back(one.text);
  EXPECT_EQ(texts, std::vector<std::string>{"behind the beat"});
  EXPECT_TRUE(session->take_unheard().empty());
}

}  // namespace
}  // namespace alarmwire::link
