#include "edge/uplink/stage_book.hpp"

#include <gtest/gtest.h>

namespace alarmwire::uplink {
namespace {

TEST(StageBook, keeps_what_became_of_an_alarm_in_order) {
  StageBook book;
  const AlarmId id = AlarmId::make(1'000'000);
  book.note(id, {"sent", 5, false, {}, {}});
  book.note(id, {"handed over", 9, true, "ebues", "250 ok"});
  book.note(id, {"handed over", 9, true, "ebues", "250 ok"});
  const auto notes = book.of(id);
  ASSERT_EQ(notes.size(), 2u) << "a repeated receipt is no news";
  EXPECT_EQ(notes[0].stage, "sent");
  EXPECT_EQ(notes[1].text, "250 ok");
  EXPECT_TRUE(book.of(AlarmId::make(2'000'000)).empty());
}

TEST(StageBook, forgets_the_oldest_alarms_first) {
  StageBook book;
  const AlarmId first = AlarmId::make(1);
  book.note(first, {"sent", 1, false, {}, {}});
  for (std::size_t i = 0; i < StageBook::alarms_max; ++i)
    book.note(AlarmId::make(1), {"sent", 1, false, {}, {}});
  EXPECT_TRUE(book.of(first).empty());
}

}  // namespace
}  // namespace alarmwire::uplink
