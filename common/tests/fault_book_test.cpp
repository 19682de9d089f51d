#include "common/fault_book.hpp"

#include <gtest/gtest.h>

namespace alarmwire {
namespace {

using std::chrono::seconds;
const SteadyTime start = SteadyTime{} + seconds(100);

TEST(FaultBook, a_state_fault_is_booked_once_and_its_end_once) {
  FaultBook book;
  const auto raised = book.raise("site-a", fault::tunnel_silent, "", "no beat", 5);
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->box, "site-a");
  EXPECT_EQ(raised->envelope.kind, RecordKind::fault);
  EXPECT_EQ(raised->envelope.fault_reason, "no beat");
  EXPECT_FALSE(book.raise("site-a", fault::tunnel_silent, "", "still no beat", 6));
  EXPECT_TRUE(book.raise("site-b", fault::tunnel_silent, "", "no beat", 6))
      << "another box's fault is another fault";
  const auto ended = book.end("site-a", fault::tunnel_silent, "", "heard again");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->envelope.kind, RecordKind::fault_end);
  EXPECT_FALSE(book.end("site-a", fault::tunnel_silent, "", "heard again"));
  EXPECT_EQ(book.open().size(), 1u);
}

TEST(FaultBook, what_is_not_open_cannot_end) {
  FaultBook book;
  EXPECT_FALSE(book.end("", fault::spool_full, "", "room again"));
}

TEST(FaultBook, events_are_booked_each_until_they_flood_and_then_counted) {
  FaultBook book;
  for (std::uint32_t i = 0; i < FaultBook::events_per_window; ++i)
    EXPECT_TRUE(book.event("", fault::mail_lost, "cam1", "closed", start));
  EXPECT_FALSE(book.event("", fault::mail_lost, "cam1", "closed", start));
  EXPECT_FALSE(book.event("", fault::mail_lost, "cam1", "timed out", start));
  EXPECT_TRUE(book.event("", fault::mail_lost, "cam2", "closed", start))
      << "another device is not held back";
  EXPECT_TRUE(book.tick(start + seconds(59)).empty());
  const auto due = book.tick(start + FaultBook::window);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].envelope.fault_subject, "cam1");
  EXPECT_EQ(due[0].envelope.fault_reason, "2 more within a minute, the last: timed out");
  EXPECT_TRUE(book.event("", fault::mail_lost, "cam1", "closed", start + FaultBook::window))
      << "a new window";
}

TEST(FaultBook, an_event_keeps_the_envelope_it_is_about) {
  FaultBook book;
  Envelope about;
  about.device = "cam1";
  about.recipients = {"a@x.internal"};
  const auto entry = book.event("", fault::mail_lost, "cam1", "closed", start, about);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->envelope.device, "cam1");
  EXPECT_EQ(entry->envelope.recipients, about.recipients);
}

TEST(FaultBook, a_flood_of_subjects_is_bounded_and_still_counted) {
  FaultBook book;
  std::size_t booked = 0;
  const std::size_t subjects = FaultBook::windows_max + 500;
  for (std::size_t i = 0; i < subjects; ++i)
    booked += book.event("", fault::mail_lost, std::to_string(i), "closed", start) ? 1 : 0;
  EXPECT_EQ(booked, FaultBook::windows_max + FaultBook::events_per_window);
  const auto due = book.tick(start + FaultBook::window);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].envelope.fault_subject, "*");
}

TEST(FaultBook, open_faults_survive_a_restart) {
  FaultBook before;
  ASSERT_TRUE(before.raise("site-a", fault::tunnel_silent, "s\"ub", "no beat\n", 5));
  FaultBook after;
  after.from_json(before.to_json());
  EXPECT_TRUE(after.is_open("site-a", fault::tunnel_silent, "s\"ub"));
  EXPECT_EQ(after.open().at(0).since_us, 5);
  EXPECT_FALSE(after.raise("site-a", fault::tunnel_silent, "s\"ub", "no beat", 6));
  EXPECT_TRUE(after.end("site-a", fault::tunnel_silent, "s\"ub", "back"));
}

}  // namespace
}  // namespace alarmwire
