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

}  // namespace
}  // namespace alarmwire::link
