#include "common/mail_head.hpp"

#include <gtest/gtest.h>

namespace alarmwire {
namespace {

TEST(SubjectTest, IsFoundInAnyCaseAndWithEitherLineEnd) {
  EXPECT_EQ(subject_of("From: a@b\r\nSubject: Tor 3\r\n\r\nbody"), "Tor 3");
  EXPECT_EQ(subject_of("sUBJECT : Tor 3\nTo: x\n\n"), "Tor 3");
  EXPECT_EQ(subject_of("Subject:Tor 3"), "Tor 3");
}

TEST(SubjectTest, IsUnfolded) {
  EXPECT_EQ(subject_of("Subject: motion\r\n\tin zone\r\n  4 \r\nTo: x\r\n\r\n"),
            "motion in zone 4");
  EXPECT_EQ(subject_of("Subject:\r\n motion\r\n"), "motion");
}

TEST(SubjectTest, IsNotLookedForInTheBodyNorInFoldedLinesOfOthers) {
  EXPECT_EQ(subject_of("To: x\r\n\r\nSubject: no\r\n"), "");
  EXPECT_EQ(subject_of("\r\nSubject: no\r\n"), "");
  EXPECT_EQ(subject_of("To: x\r\n Subject: no\r\n\r\n"), "");
  EXPECT_EQ(subject_of("X-Subject: no\r\nSubjects: no\r\nSubject\r\n\r\n"), "");
  EXPECT_EQ(subject_of(""), "");
}

TEST(SubjectTest, TheFirstOfSeveralCounts) {
  EXPECT_EQ(subject_of("Subject: one\r\nSubject: two\r\n\r\n"), "one");
}

TEST(SubjectTest, IsWellFormedAndShort) {
  EXPECT_EQ(subject_of("Subject: T\xfcr\r\n\r\n"), "T\ufffdr");
  const std::string letters(subject_bytes_max - 1, 'x');
  EXPECT_EQ(subject_of("Subject: " + letters + "x\r\n"), letters + "x");
  // No letter is cut in two.
  EXPECT_EQ(subject_of("Subject: " + letters + "\u00fc\u00fc\r\n"), letters + "…");
}

TEST(SubjectTest, NothingBeyondTheHeadIsLookedAt) {
  const std::string before = "X: " + std::string(mail_head_bytes_max, 'x') + "\r\n";
  EXPECT_EQ(subject_of(before + "Subject: far\r\n\r\n"), "");
}

}  // namespace
}  // namespace alarmwire
