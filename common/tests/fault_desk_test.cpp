#include "common/fault_desk.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "common/files.hpp"

namespace alarmwire {
namespace {

class FaultDeskTest : public ::testing::Test {
 protected:
  FaultDeskTest() { std::remove(path_.c_str()); }

  FaultDesk::Booker booker() {
    return [this](const FaultBook::Entry& entry, auto done) {
      ++asked_;
      if (works_) booked_.push_back(entry.envelope);
      done(works_);
    };
  }
  void poll() {
    context_.restart();
    context_.poll();
  }

  const std::string path_ = ::testing::TempDir() + "fault_desk_test.json";
  boost::asio::io_context context_;
  std::vector<Envelope> booked_;
  bool works_ = true;
  int asked_ = 0;
};

TEST_F(FaultDeskTest, what_is_raised_before_the_booker_is_there_is_booked_then_in_order) {
  FaultDesk desk(context_, path_);
  desk.report("", "spool-full", "", "quota", false);
  desk.event("", "mail-lost", "cam1", "closed");
  desk.report("", "spool-full", "", "room again", true);
  poll();
  EXPECT_TRUE(booked_.empty());
  desk.open_with(booker());
  for (int i = 0; i < 5; ++i) poll();
  ASSERT_EQ(booked_.size(), 3u);
  EXPECT_EQ(booked_[0].fault_code, "spool-full");
  EXPECT_EQ(booked_[1].fault_code, "mail-lost");
  EXPECT_EQ(booked_[2].kind, RecordKind::fault_end);
  desk.close();
}

TEST_F(FaultDeskTest, what_cannot_be_booked_stays_in_front_and_is_tried_again) {
  FaultDesk desk(context_, path_);
  works_ = false;
  desk.open_with(booker());
  desk.event("", "mail-lost", "cam1", "closed");
  poll();
  EXPECT_EQ(asked_, 1);
  works_ = true;
  context_.restart();
  context_.run_for(FaultDesk::retry_after + std::chrono::milliseconds(500));
  ASSERT_EQ(booked_.size(), 1u);
  desk.close();
}

TEST_F(FaultDeskTest, an_open_fault_survives_a_restart_and_is_not_raised_twice) {
  {
    FaultDesk desk(context_, path_);
    desk.open_with(booker());
    desk.report("", "spool-full", "", "quota", false);
    poll();
    desk.close();
  }
  FaultDesk desk(context_, path_);
  EXPECT_TRUE(desk.is_open("", "spool-full", ""));
  desk.open_with(booker());
  desk.report("", "spool-full", "", "quota", false);
  poll();
  EXPECT_EQ(booked_.size(), 1u);
  desk.close();
}

TEST_F(FaultDeskTest, reports_may_come_from_any_thread) {
  FaultDesk desk(context_, path_);
  desk.open_with(booker());
  std::thread other([&] { desk.event("site-a", "box-cloned", "", "two streams"); });
  other.join();
  EXPECT_TRUE(booked_.empty()) << "work is done on the io_context's thread only";
  poll();
  EXPECT_EQ(booked_.size(), 1u);
  desk.close();
}

TEST_F(FaultDeskTest, nothing_is_booked_after_close) {
  FaultDesk desk(context_, path_);
  desk.open_with(booker());
  desk.close();
  desk.event("", "mail-lost", "cam1", "closed");
  poll();
  EXPECT_EQ(asked_, 0);
}

TEST(Files, a_file_is_replaced_whole_and_read_back) {
  const std::string path = ::testing::TempDir() + "files_test.txt";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_TRUE(read_file(path, 2).has_error()) << "larger than asked for";
  std::remove(path.c_str());
  EXPECT_TRUE(read_file(path).error().is(Errc::not_found));
  EXPECT_TRUE(write_file_atomically("/nonexistent/x", "y").has_error());
}

}  // namespace
}  // namespace alarmwire
