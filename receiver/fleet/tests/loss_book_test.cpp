#include "receiver/fleet/loss_book.hpp"

#include <gtest/gtest.h>

namespace alarmwire::fleet {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class LossBookTest : public ::testing::Test {
 protected:
  LossBook book_;
  int now_ = 0;

  SteadyTime now() const { return SteadyTime{} + seconds(1000 + now_); }
  void lose(const BoxId& box, seconds report_after = seconds(0)) {
    book_.lost(box, "nothing heard of " + box, report_after, now());
  }
  void back(const BoxId& box) { book_.back(box, now()); }
  std::vector<LossBook::Report> tick() { return book_.tick(now()); }
  // Ticks each second; all reports on the way, as "box subject: fault|over".
  std::vector<std::string> run_to(int s) {
    std::vector<std::string> all;
    do {
      for (const LossBook::Report& report : tick())
        all.push_back(report.box + "/" + report.subject + (report.over ? " over" : " fault"));
    } while (now_++ < s);
    now_ = s;
    return all;
  }
  using Lines = std::vector<std::string>;
};

TEST_F(LossBookTest, a_loss_is_a_fault_at_once_and_its_end_too) {
  lose("a");
  const auto reports = tick();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].box, "a");
  EXPECT_EQ(reports[0].reason, "nothing heard of a");
  EXPECT_FALSE(reports[0].over);
  EXPECT_TRUE(tick().empty());
  back("a");
  const auto ends = tick();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_TRUE(ends[0].over);
  EXPECT_TRUE(tick().empty());
}

TEST_F(LossBookTest, a_short_loss_of_a_site_with_report_after_is_no_fault) {
  lose("a", minutes(10));
  EXPECT_EQ(run_to(599), Lines());
  back("a");
  EXPECT_EQ(run_to(2000), Lines());
}

TEST_F(LossBookTest, a_long_one_is_as_soon_as_the_time_is_over) {
  lose("a", minutes(10));
  EXPECT_EQ(run_to(599), Lines());
  EXPECT_EQ(run_to(600), Lines{"a/ fault"});
  back("a");
  EXPECT_EQ(run_to(601), Lines{"a/ over"});
}

TEST_F(LossBookTest, the_time_begins_anew_with_each_loss) {
  lose("a", minutes(10));
  run_to(500);
  back("a");
  lose("a", minutes(10));
  EXPECT_EQ(run_to(1099), Lines());
  EXPECT_EQ(run_to(1100), Lines{"a/ fault"});
}

TEST_F(LossBookTest, two_at_once_are_two_faults_three_are_one) {
  lose("a");
  lose("b");
  EXPECT_EQ(run_to(1), (Lines{"a/ fault", "b/ fault"}));
  now_ = 100;
  for (const char* const box : {"x", "y", "z"}) lose(box);
  const auto reports = tick();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].box, "");
  EXPECT_EQ(reports[0].subject, "x and 2 more");
  EXPECT_EQ(reports[0].reason, "3 boxes were lost at nearly the same time: x, y, z");
}

TEST_F(LossBookTest, a_mass_loss_ends_once_when_all_are_back) {
  for (const char* const box : {"a", "b", "c"}) lose(box);
  EXPECT_EQ(run_to(5), Lines{"/a and 2 more fault"});
  back("b");
  back("a");
  EXPECT_EQ(run_to(10), Lines());
  back("c");
  const auto ends = tick();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].subject, "a and 2 more");
  EXPECT_EQ(ends[0].reason, "all 3 boxes are heard again");
  EXPECT_TRUE(ends[0].over);
}

TEST_F(LossBookTest, who_is_lost_with_them_a_little_later_joins_and_who_is_lost_much_later_not) {
  for (const char* const box : {"a", "b", "c"}) lose(box);
  EXPECT_EQ(run_to(8), Lines{"/a and 2 more fault"});
  lose("d");
  EXPECT_EQ(run_to(30), Lines());
  lose("e");
  EXPECT_EQ(run_to(31), Lines{"e/ fault"});
  for (const char* const box : {"a", "b", "c"}) back(box);
  EXPECT_EQ(run_to(40), Lines());
  back("d");
  const auto ends = tick();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].reason, "all 4 boxes are heard again");
}

TEST_F(LossBookTest, a_second_mass_beside_the_first_is_a_fault_of_its_own) {
  for (const char* const box : {"a", "b", "c"}) lose(box);
  EXPECT_EQ(run_to(60), Lines{"/a and 2 more fault"});
  for (const char* const box : {"d", "e", "f"}) lose(box);
  EXPECT_EQ(run_to(61), Lines{"/d and 2 more fault"});
  for (const char* const box : {"a", "b", "c"}) back(box);
  EXPECT_EQ(run_to(62), Lines{"/a and 2 more over"});
}

TEST_F(LossBookTest, a_box_of_an_open_mass_may_be_in_the_next_one) {
  for (const char* box : {"a", "b", "c"}) lose(box);
  EXPECT_EQ(run_to(0), Lines{"/a and 2 more fault"});
  now_ = 20;
  back("a");
  now_ = 30;
  for (const char* box : {"a", "d", "e"}) lose(box);
  EXPECT_EQ(run_to(31), Lines{"/a and 2 more, again fault"});
  for (const char* box : {"b", "c"}) back(box);
  EXPECT_EQ(run_to(32), Lines{"/a and 2 more over"}) << "the second one goes on";
  for (const char* box : {"a", "d", "e"}) back(box);
  EXPECT_EQ(run_to(33), Lines{"/a and 2 more, again over"});
}

TEST_F(LossBookTest, who_leaves_a_mass_and_joins_it_again_is_counted_once) {
  for (const char* box : {"a", "b", "c"}) lose(box);
  tick();
  for (const char* box : {"a", "b", "c"}) {
    back(box);
    lose(box);
    tick();
  }
  for (const char* box : {"a", "b", "c"}) back(box);
  const auto ends = tick();
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].reason, "all 3 boxes are heard again");
}

TEST_F(LossBookTest, the_few_that_stay_away_get_faults_of_their_own_when_the_rest_is_back) {
  for (const char* const box : {"a", "b", "c", "d"}) lose(box);
  EXPECT_EQ(run_to(300), Lines{"/a and 3 more fault"});
  back("a");
  back("b");
  EXPECT_EQ(run_to(359), Lines());
  EXPECT_EQ(run_to(361), (Lines{"c/ fault", "d/ fault", "/a and 3 more over"}));
  back("c");
  EXPECT_EQ(run_to(362), Lines{"c/ over"});
}

TEST_F(LossBookTest, many_that_stay_away_stay_one_fault) {
  for (const char* const box : {"a", "b", "c", "d"}) lose(box);
  run_to(10);
  back("a");
  EXPECT_EQ(run_to(500), Lines());
}

TEST_F(LossBookTest, boxes_with_report_after_are_grouped_when_their_time_is_over) {
  for (const char* const box : {"a", "b", "c"}) {
    lose(box, minutes(5));
    EXPECT_EQ(run_to(now_ + 4), Lines());  // 4 s between them
  }
  EXPECT_EQ(run_to(299), Lines());
  EXPECT_EQ(run_to(300), Lines{"/a and 2 more fault"});
  EXPECT_EQ(run_to(400), Lines());
}

TEST_F(LossBookTest, one_with_report_after_does_not_make_two_losses_a_mass) {
  lose("a");
  lose("b");
  lose("dsl", minutes(10));
  EXPECT_EQ(run_to(1), (Lines{"a/ fault", "b/ fault"}));
  EXPECT_EQ(run_to(601), Lines{"dsl/ fault"});
}

TEST_F(LossBookTest, what_was_reported_before_a_restart_is_not_again_and_ends) {
  book_.restore("a");
  lose("a");
  EXPECT_EQ(run_to(10), Lines());
  back("a");
  EXPECT_EQ(run_to(11), Lines{"a/ over"});
}

TEST_F(LossBookTest, a_box_that_is_no_longer_ours_holds_no_fault_open) {
  for (const char* const box : {"a", "b", "c"}) lose(box);
  run_to(5);
  back("a");
  back("b");
  book_.forget("c", now());
  EXPECT_EQ(run_to(6), Lines{"/a and 2 more over"});
  lose("x");
  book_.forget("x", now());
  EXPECT_EQ(run_to(20), Lines());
}

TEST_F(LossBookTest, of_very_many_as_many_are_named_as_have_room) {
  for (int i = 0; i < 1000; ++i) lose("site-" + std::to_string(10'000 + i));
  const auto reports = tick();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_LT(reports[0].reason.size(), LossBook::named_bytes_max + 200);
  EXPECT_NE(reports[0].reason.find("1000 boxes"), std::string::npos);
  EXPECT_NE(reports[0].reason.find(" more"), std::string::npos);
}

TEST(LossBookWords, another_trouble_of_boxes_is_told_in_its_own_words) {
  LossBook book({"are stuck", "free", "stuck"});
  const SteadyTime now{};
  for (const char* const box : {"a", "b", "c"}) book.lost(box, "x", seconds(0), now);
  EXPECT_EQ(book.tick(now).at(0).reason, "3 boxes are stuck at nearly the same time: a, b, c");
  for (const char* const box : {"a", "b"}) book.back(box, now);
  const auto split = book.tick(now + LossBook::mass_settle);
  ASSERT_EQ(split.size(), 2u);
  EXPECT_EQ(split[1].reason, "2 of 3 boxes are free; stuck: c");
  book.back("c", now);
  EXPECT_EQ(book.tick(now + LossBook::mass_settle).at(0).reason, "free");
}

}  // namespace
}  // namespace alarmwire::fleet
