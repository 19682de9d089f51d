// Words for people: tables, times, sizes, colours. Pure: the time is passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"

namespace alarmwire::cli {

std::string bytes_in_words(std::int64_t bytes);                    // "0 B", "1.5 KiB", "25.0 MiB"
std::string span_in_words(std::int64_t span_us);                   // "12 ms", "34 s", "3 h 12 min"
std::string age_in_words(WallTimeUs since_us, WallTimeUs now_us);  // "34 s ago"; "never" for 0
std::string milliseconds(std::int64_t span_us);                    // "52.3 ms"
std::string signed_milliseconds(std::int64_t span_us);             // "+1.3 ms"
std::string local_time(WallTimeUs time_us, bool with_milliseconds);  // "" for 0
std::string or_dash(std::string text);                               // "-" for ""

// A verdict, a state: green, amber or red on a terminal, else plain.
std::string coloured(std::string_view word, bool colour);

// Columns as wide as their widest cell; a heading that starts with '>' stands to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  void print(std::ostream& out, std::string_view indent, bool colour) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// The page as it replaces the one before on a terminal: from the top, each line and what is below
// it wiped; what does not fit into `rows` lines is left out, and said so. 0 rows: not known.
std::string in_place(const std::string& page, std::size_t rows);

}  // namespace alarmwire::cli
