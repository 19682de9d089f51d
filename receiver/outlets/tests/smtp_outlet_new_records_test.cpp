// How a new record gets from the ledger to a connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace alarmwire::outlets
