#include "edge/smtp/data_scanner.hpp"

#include <gtest/gtest.h>

#include <random>

namespace alarmwire::smtp {
namespace {

// The same rules, one byte at a time and without spans: what the scanner must agree with.
struct Plain {
  std::string content;
  std::size_t consumed = 0;
  bool ended = false;
};
Plain scan_plainly(const std::string& input, bool lf_only) {
  Plain result;
  std::size_t line = 0;  // where the line begins: after CRLF, in LF mode after LF
  for (std::size_t i = 0; i < input.size(); ++i) {
    result.consumed = i + 1;
    if (input[i] != '\n') continue;
    const bool crlf = i > 0 && input[i - 1] == '\r';
    if (!crlf && !lf_only) continue;
    const std::string text = input.substr(line, i + 1 - line);
    line = i + 1;
    result.ended = lf_only ? text == ".\n" : text == ".\r\n";
    if (crlf) lf_only = false;
    if (result.ended) return result;
    result.content += text[0] == '.' ? text.substr(1) : text;
  }
  const std::string rest = input.substr(line);
  result.content += !rest.empty() && rest[0] == '.' ? rest.substr(1) : rest;
  return result;
}

class DataScannerIn : public testing::TestWithParam<bool> {};  // LF mode

TEST_P(DataScannerIn, AgreesWithThePlainRulesOnAllShortInputsAndAllCuts) {
  const std::string letters = "\r\n.a";
  for (std::size_t length = 1; length <= 7; ++length) {
    const std::size_t count = std::size_t{1} << (2 * length);
    for (std::size_t number = 0; number < count; ++number) {
      std::string input;
      for (std::size_t i = 0; i < length; ++i) input += letters[number >> (2 * i) & 3];
      const Plain plain = scan_plainly(input + "a", GetParam());
      for (std::size_t cut = 0; cut <= length; ++cut) {
        DataScanner scanner;
        scanner.reset(GetParam());
        std::string content;
        DataScanner::Step step = scanner.scan(std::string_view(input).substr(0, cut), content);
        std::size_t consumed = step.consumed;
        if (!step.ended) {
          const std::string rest = (input + "a").substr(cut);
          step = scanner.scan(rest, content);
          consumed += step.consumed;
        }
        ASSERT_EQ(step.ended, plain.ended) << testing::PrintToString(input) << " cut " << cut;
        ASSERT_EQ(consumed, plain.consumed) << testing::PrintToString(input);
        ASSERT_EQ(content, plain.content) << testing::PrintToString(input) << " cut " << cut;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(BothModes, DataScannerIn, testing::Bool());

TEST(DataScanner, AgreesOnLongRandomInputsInRandomSegments) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string input;
    while (input.size() < 2000) input += "\r\n..abcdefgh"[random() % 12];
    const Plain plain = scan_plainly(input + "a", false);
    DataScanner scanner;
    std::string content;
    std::string_view left = input;
    bool ended = false;
    while (!left.empty() && !ended) {
      const auto step = scanner.scan(left.substr(0, 1 + random() % 50), content);
      left.remove_prefix(step.consumed);
      ended = step.ended;
    }
    if (!ended) scanner.scan("a", content);
    ASSERT_EQ(ended, plain.ended);
    ASSERT_EQ(content, plain.content);
  }
}

}  // namespace
}  // namespace alarmwire::smtp
