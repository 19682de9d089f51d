#include "edge/smtp/dialogue_book.hpp"

#include <gtest/gtest.h>

namespace alarmwire::smtp {
namespace {

Dialogue dialogue(const std::string& device, bool trouble, WallTimeUs began_us) {
  Dialogue made;
  made.device = device;
  made.address = "192.0.2.7";
  made.facts.trouble = trouble;
  made.began_us = began_us;
  made.log.write(DialogueLine::Who::note, std::string(200, 'x'));
  return made;
}

TEST(DialogueBook, ManyGoodSessionsDoNotPushOutTheBadOne) {
  DialogueBook book;
  book.keep(dialogue("cam", true, 1));
  for (int i = 2; i < 1000; ++i) book.keep(dialogue("cam", false, i));
  const auto kept = book.of("cam");
  ASSERT_EQ(kept.size(), 1 + dialogues_without_max);
  EXPECT_EQ(kept[0].began_us, 1);
  EXPECT_EQ(kept.back().began_us, 999);
}

TEST(DialogueBook, OfTroubleTheLastAreKept) {
  DialogueBook book;
  for (int i = 1; i <= 100; ++i) book.keep(dialogue("cam", true, i));
  const auto kept = book.of("cam");
  ASSERT_EQ(kept.size(), dialogues_with_trouble_max);
  EXPECT_EQ(kept[0].began_us, 97);
}

TEST(DialogueBook, FindsByNameAndByAddress) {
  DialogueBook book;
  book.keep(dialogue("gate", false, 1));
  book.keep(dialogue("hall", false, 2));
  EXPECT_EQ(book.of("gate").size(), 1u);
  EXPECT_EQ(book.of("192.0.2.7").size(), 2u);
  EXPECT_TRUE(book.of("cellar").empty());
}

TEST(DialogueBook, IsBoundedInAll) {
  DialogueBook book;
  for (int i = 0; i < 20'000; ++i) {
    book.keep(dialogue("cam" + std::to_string(i), true, i));
    ASSERT_LE(book.bytes(), dialogues_bytes_max);
  }
  EXPECT_EQ(book.of("cam19999").size(), 1u);
  EXPECT_TRUE(book.of("cam0").empty());
}

}  // namespace
}  // namespace alarmwire::smtp
