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
      if (answer_ == FaultDesk::Booked::yes) booked_.push_back(entry.envelope);
      done(answer_);
    };
  }
  void poll() {
    context_.restart();
    context_.poll();
  }

  const std::string path_ = ::testing::TempDir() + "fault_desk_test.json";
  boost::asio::io_context context_;
  std::vector<Envelope> booked_;
  FaultDesk::Booked answer_ = FaultDesk::Booked::yes;
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
  answer_ = FaultDesk::Booked::later;
  desk.open_with(booker());
  desk.event("", "mail-lost", "cam1", "closed");
  poll();
  EXPECT_EQ(asked_, 1);
  answer_ = FaultDesk::Booked::yes;
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

TEST_F(FaultDeskTest, a_state_fault_killed_before_it_was_booked_is_booked_after_the_restart) {
  {
    FaultDesk desk(context_, path_);  // no booker: killed before anything could be booked
    desk.report("", "spool-full", "", "quota", false);
    desk.report("", "spool-full", "", "room again", true);
    poll();
  }
  FaultDesk desk(context_, path_);
  desk.open_with(booker());
  for (int i = 0; i < 4; ++i) poll();
  ASSERT_EQ(booked_.size(), 2u);
  EXPECT_EQ(booked_[0].kind, RecordKind::fault);
  EXPECT_EQ(booked_[1].kind, RecordKind::fault_end);
  desk.close();
  FaultDesk third(context_, path_);
  third.open_with(booker());
  poll();
  EXPECT_EQ(booked_.size(), 2u) << "booked once";
  third.close();
}

TEST_F(FaultDeskTest, what_is_booked_again_after_a_kill_has_the_same_id) {
  std::vector<AlarmId> ids;
  {
    FaultDesk desk(context_, path_);
    desk.open_with([&](const FaultBook::Entry& entry, auto) { ids.push_back(entry.id); });
    desk.report("", "spool-full", "", "quota", false);
    poll();  // booked, and killed before it heard so
  }
  FaultDesk desk(context_, path_);
  desk.open_with([&](const FaultBook::Entry& entry, auto done) {
    ids.push_back(entry.id);
    done(FaultDesk::Booked::yes);
  });
  poll();
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_NE(ids[0], AlarmId{});
  desk.close();
}

TEST_F(FaultDeskTest, an_event_that_waits_for_room_survives_a_restart) {
  {
    FaultDesk desk(context_, path_);
    answer_ = FaultDesk::Booked::later;
    desk.open_with(booker());
    desk.event("", "mail-lost", "cam1", "closed");
    poll();
  }
  answer_ = FaultDesk::Booked::yes;
  FaultDesk desk(context_, path_);
  desk.open_with(booker());
  poll();
  ASSERT_EQ(booked_.size(), 1u);
  EXPECT_EQ(booked_[0].fault_subject, "cam1");
  desk.close();
}

TEST_F(FaultDeskTest, what_is_refused_for_good_does_not_hold_up_the_next) {
  FaultDesk desk(context_, path_);
  answer_ = FaultDesk::Booked::never;
  desk.open_with(booker());
  desk.event("", "mail-lost", "cam1", "closed");
  poll();
  answer_ = FaultDesk::Booked::yes;
  desk.event("", "mail-lost", "cam2", "closed");
  for (int i = 0; i < 3; ++i) poll();
  ASSERT_EQ(booked_.size(), 1u);
  desk.close();
}

TEST_F(FaultDeskTest, a_drain_books_what_waits_and_what_was_held_back) {
  FaultDesk desk(context_, path_);
  desk.open_with(booker());
  for (std::uint32_t i = 0; i < FaultBook::events_per_window + 5; ++i)
    desk.event("", "mail-lost", "cam1", "closed");
  poll();
  bool drained = false;
  desk.drain([&] { drained = true; });
  for (int i = 0; i < 30 && !drained; ++i) poll();
  EXPECT_TRUE(drained);
  ASSERT_EQ(booked_.size(), FaultBook::events_per_window + 1u);
  EXPECT_EQ(booked_.back().fault_reason, "5 more within a minute, the last: closed");
  desk.close();
}

TEST_F(FaultDeskTest, a_drain_ends_although_nothing_can_be_booked) {
  FaultDesk desk(context_, path_);
  answer_ = FaultDesk::Booked::later;
  desk.open_with(booker());
  desk.event("", "mail-lost", "cam1", "closed");
  bool drained = false;
  desk.drain([&] { drained = true; });
  context_.restart();
  context_.run_for(FaultDesk::drain_max + std::chrono::milliseconds(500));
  EXPECT_TRUE(drained);
  desk.close();
}

TEST_F(FaultDeskTest, a_damaged_state_file_is_logged_and_no_crash) {
  for (const char* bad :
       {"not json", "[]", "{\"open\": 5, \"pending\": [1, {\"envelope\": \"!!\"}]}"}) {
    ASSERT_TRUE(write_file_atomically(path_, bad));
    const FaultDesk desk(context_, path_);
    EXPECT_TRUE(desk.open_faults().empty());
  }
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

TEST(Files, a_crash_is_told_once) {
  const std::string folder = ::testing::TempDir() + "crash_note_test/deep";
  ASSERT_TRUE(make_directories(folder));
  EXPECT_FALSE(take_crash_note(folder));
  leave_crash_note(folder, "fsync: I/O error");
  EXPECT_EQ(take_crash_note(folder), "fsync: I/O error");
  EXPECT_FALSE(take_crash_note(folder));
  EXPECT_TRUE(make_directories("/proc/nowhere/x").has_error());
}

}  // namespace
}  // namespace alarmwire
