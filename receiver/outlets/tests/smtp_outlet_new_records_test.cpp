// How a new record gets from the ledger to a connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "receiver/outlets/tests/smtp_outlet_fixture.hpp"

namespace alarmwire::outlets {
namespace {

using ledger::HandOverState;
using ::testing::HasSubstr;

TEST_F(SmtpOutletTest, ANewRecordGoesOutWithoutTheLedgerBeingSearched) {
  serve();
  start();
  add();
  ASSERT_TRUE(becomes(1, HandOverState::taken));
  ledger_.fail_lists(true);
  add();
  EXPECT_TRUE(becomes(2, HandOverState::taken));
}

TEST_F(SmtpOutletTest, ANewRecordWaitsForThoseThatCouldNotBeReadYet) {
  serve();
  for (const char* number : {"1", "2"}) add("Subject: " + std::string(number) + "\r\n\r\n");
  ledger_.fail_lists(true);
  start();
  add("Subject: 3\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(server_->mails().size(), 0u);
  ledger_.fail_lists(false);
  ASSERT_TRUE(server_->wait_mails(3));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_THAT(server_->mails()[i].body, HasSubstr("Subject: " + std::to_string(i + 1)));
}

// Such a record is past what the lane can hold, and past the page that was being read.
TEST_F(SmtpOutletTest, ARecordStoredWhileAFullLaneIsReadAgainGoesOut) {
  limits_.lane_held_max = 4;
  limits_.lane_refill_below = 2;
  limits_.audit_every = 1h;
  serve();
  start();
  add();
  ASSERT_TRUE(becomes(1, HandOverState::taken));  // the outlet has read all there was
  std::atomic<int> to_come = 20;
  ledger_.while_listing([&] {
    if (to_come-- > 0) add();
  });
  for (int i = 0; i < 20; ++i) add();
  ASSERT_TRUE(eventually([&] { return to_come <= 0; }));
  EXPECT_TRUE(eventually([&] { return ledger_.count(HandOverState::waiting) == 0; }));
  EXPECT_EQ(server_->mails().size(), 41u);
}

TEST_F(SmtpOutletTest, ARecordThatFellOutOfMemoryIsFoundInTheLedger) {
  limits_.audit_every = 20ms;
  serve();
  start();
  add();
  ASSERT_TRUE(becomes(1, HandOverState::taken));
  ledger_.add("site-a", Lane::live_alarm, mail_to({"cam1@site-a.internal"}), "Subject: 2\r\n\r\n");
  add();  // the outlet hears of this one only, and takes the one before for seen
  EXPECT_TRUE(becomes(2, HandOverState::taken));
  EXPECT_TRUE(becomes(3, HandOverState::taken));
  EXPECT_EQ(server_->mails().size(), 3u);
}

}  // namespace
}  // namespace alarmwire::outlets
