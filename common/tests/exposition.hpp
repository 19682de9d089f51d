// Reads a page of metrics as strictly as Prometheus does, and stricter: what is off fails the test.
// Source: Prometheus' text exposition format 0.0.4.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace alarmwire::metrics {

// {"name{label=\"…\"}": "value"} of the page.
inline std::map<std::string, std::string> read_exposition(const std::string& page) {
  static const std::regex help(R"(# HELP ([a-z_]+) (.+))");
  static const std::regex type(R"(# TYPE ([a-z_]+) (gauge|counter))");
  const std::string label = R"re([a-z_]+="(?:[^"\\]|\\[\\n"])*")re";
  const std::regex sample("([a-z_]+)(\\{" + label + "(?:," + label + ")*\\})? (-?[0-9.e+-]+)");
  std::map<std::string, std::string> values;
  std::set<std::string> helped;
  std::set<std::string> typed;
  std::string family;
  EXPECT_TRUE(page.empty() || page.back() == '\n');
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (std::regex_match(line, found, help)) {
      EXPECT_TRUE(helped.insert(found[1]).second) << line;
      family = found[1];
    } else if (std::regex_match(line, found, type)) {
      EXPECT_EQ(found[1], family) << line;
      EXPECT_TRUE(typed.insert(found[1]).second) << line;
      EXPECT_EQ(family.ends_with("_total"), found[2] == "counter") << line;
    } else if (std::regex_match(line, found, sample)) {
      EXPECT_EQ(found[1], family) << line;  // all samples of a family stand together
      EXPECT_TRUE(typed.contains(found[1])) << line;
      EXPECT_TRUE(values.emplace(found[1].str() + found[2].str(), found[3]).second) << line;
    } else {
      ADD_FAILURE() << "no line of the format: " << line;
    }
  }
  return values;
}

}  // namespace alarmwire::metrics
