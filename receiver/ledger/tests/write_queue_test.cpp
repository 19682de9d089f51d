#include "receiver/ledger/write_queue.hpp"

#include <gtest/gtest.h>

namespace alarmwire::ledger {
namespace {

struct Named : Write {
  std::string name;
  Status apply(Book&) override { return {}; }
  void finish(const Failure*) override {}
};

bool push(WriteQueue& queue, const std::string& party, const std::string& name,
          std::size_t line = 0, std::size_t bytes = 1) {
  auto write = std::make_unique<Named>();
  write->party = party;
  write->line = line;
  write->bytes = bytes;
  write->name = name;
  std::unique_ptr<Write> base = std::move(write);
  return queue.push(base);
}

std::string names(const std::vector<std::unique_ptr<Write>>& group) {
  std::string all;
  for (const auto& write : group) all += static_cast<const Named&>(*write).name + " ";
  return all;
}

TEST(WriteQueue, goes_round_the_boxes_so_that_a_flood_delays_nobody) {
  WriteQueue queue;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(push(queue, "flood", "f" + std::to_string(i)));
  ASSERT_TRUE(push(queue, "quiet", "q"));
  ASSERT_TRUE(push(queue, "calm", "c"));
  EXPECT_EQ(names(queue.take_group()), "f0 q c f1 f2 f3 ");
  EXPECT_TRUE(queue.empty());
}

TEST(WriteQueue, goes_round_the_lanes_of_a_box_and_keeps_order_within_each) {
  WriteQueue queue;
  for (const char* name : {"a1", "a2", "a3"}) ASSERT_TRUE(push(queue, "box", name, 2));
  ASSERT_TRUE(push(queue, "box", "live", 0));
  EXPECT_EQ(names(queue.take_group()), "live a1 a2 a3 ");
}

TEST(WriteQueue, bounds_a_group_by_writes_and_by_bytes) {
  WriteQueue queue;
  for (std::size_t i = 0; i < group_writes_max + 1; ++i) ASSERT_TRUE(push(queue, "box", "w"));
  EXPECT_EQ(queue.take_group().size(), group_writes_max);
  EXPECT_EQ(queue.take_group().size(), 1u);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(push(queue, "box", "big", 0, group_bytes_max));
  EXPECT_EQ(queue.take_group().size(), 1u);
}

TEST(WriteQueue, gives_each_box_a_share_and_the_whole_a_limit) {
  WriteQueue queue;
  for (std::size_t i = 0; i < pending_box_writes_max; ++i) ASSERT_TRUE(push(queue, "flood", "w"));
  EXPECT_FALSE(push(queue, "flood", "one too many"));
  EXPECT_TRUE(push(queue, "quiet", "still welcome"));
  for (int box = 0; queue.size() < pending_writes_max; ++box)
    for (std::size_t i = 0; i < pending_box_writes_max && queue.size() < pending_writes_max; ++i)
      ASSERT_TRUE(push(queue, "box-" + std::to_string(box), "w"));
  EXPECT_FALSE(push(queue, "late", "no room"));
  EXPECT_EQ(queue.take_all().size(), pending_writes_max);
}

TEST(WriteQueue, bounds_the_bytes_of_a_box) {
  WriteQueue queue;
  ASSERT_TRUE(push(queue, "box", "lone giant", 0, pending_box_bytes_max + 1));
  EXPECT_FALSE(push(queue, "box", "not beside it", 0, 1));
  EXPECT_EQ(queue.take_group().size(), 1u);
  EXPECT_TRUE(push(queue, "box", "now", 0, 1));
}

TEST(WriteQueue, notes_alone_are_not_urgent_until_there_are_many) {
  const auto push_note = [](WriteQueue& queue) {
    std::unique_ptr<Write> note = std::make_unique<Named>();
    note->party = "outlet/ebues";
    note->can_wait = true;
    return queue.push(note);
  };
  WriteQueue queue;
  ASSERT_TRUE(push_note(queue));
  EXPECT_FALSE(queue.is_urgent());
  ASSERT_TRUE(push(queue, "box", "record"));
  EXPECT_TRUE(queue.is_urgent());
  queue.take_group();
  EXPECT_FALSE(queue.is_urgent());
  for (std::size_t i = 0; i < WriteQueue::patient_writes_max; ++i) ASSERT_TRUE(push_note(queue));
  EXPECT_TRUE(queue.is_urgent());
}

}  // namespace
}  // namespace alarmwire::ledger
