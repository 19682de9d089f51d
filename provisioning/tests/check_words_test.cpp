#include "provisioning/check_words.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/text.hpp"

namespace alarmwire::provisioning {
namespace {

tunnel::PublicKey key_of(std::uint8_t byte) {
  tunnel::PublicKey key;
  key.bytes.fill(byte);
  return key;
}

TEST(CheckWords, AreSixAndTheSameForEver) {
  const std::string words = check_words(key_of(1), key_of(2), key_of(3));
  EXPECT_EQ(std::count(words.begin(), words.end(), ' '), 5) << words;
  // Box and centre may run different versions: what one shows the other must show too.
  EXPECT_EQ(words, "anorak magma sonar tundra kimono jet");
}

TEST(CheckWords, DifferWhenAnyOfTheThreeDiffers) {
  const std::set<std::string> all{
      check_words(key_of(1), key_of(2), key_of(3)), check_words(key_of(9), key_of(2), key_of(3)),
      check_words(key_of(1), key_of(9), key_of(3)), check_words(key_of(1), key_of(2), key_of(9)),
      check_words(key_of(2), key_of(1), key_of(3))};
  EXPECT_EQ(all.size(), 5U);
}

TEST(CheckWords, EveryWordIsShortAndFarFromEveryOther) {
  for (std::size_t i = 0; i < check_word_list.size(); ++i) {
    const std::string_view word = check_word_list.at(i);
    EXPECT_TRUE(word.size() >= 3 && word.size() <= 8) << word;
    EXPECT_TRUE(std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }));
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_GE(edit_distance(word, check_word_list.at(j)), 2U)
          << word << " and " << check_word_list.at(j);
  }
}

}  // namespace
}  // namespace alarmwire::provisioning
