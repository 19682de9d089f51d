#include "cli/render.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace alarmwire::cli {
namespace {

constexpr std::int64_t us_per_second = 1'000'000;

std::string with_one_decimal(double value, std::string_view unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.1f %.*s", value, static_cast<int>(unit.size()),
                unit.data());
  return text.data();
}

// Columns a terminal shows: bytes that do not continue a UTF-8 sequence.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

const char* colour_of(std::string_view word) {
  static constexpr std::array<std::string_view, 7> good{
      "green", "up", "taken", "handed over", "settled", "reachable", "connected"};
  static constexpr std::array<std::string_view, 4> middling{"amber", "connecting", "waiting",
                                                            "parked"};
  static constexpr std::array<std::string_view, 6> bad{"red",     "down",        "stopped",
                                                       "refused", "unreachable", "silent"};
  const auto is_in = [word](const auto& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_in(good)) return "\x1b[32m";
  if (is_in(middling)) return "\x1b[33m";
  return is_in(bad) ? "\x1b[31m" : nullptr;
}

}  // namespace

std::string bytes_in_words(std::int64_t bytes) {
  static constexpr std::array<std::string_view, 4> units{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (value /= 1024; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return with_one_decimal(value, units.at(unit));
}

std::string span_in_words(std::int64_t span_us) {
  const std::int64_t seconds = span_us / us_per_second;
  const std::int64_t minutes = seconds / 60;
  const std::int64_t hours = minutes / 60;
  const auto two = [](std::int64_t large, const char* large_unit, std::int64_t small,
                      const char* small_unit) {
    return std::to_string(large) + large_unit + std::to_string(small) + small_unit;
  };
  if (seconds < 1) return std::to_string(span_us / 1000) + " ms";
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (minutes < 120) return std::to_string(minutes) + " min";
  if (hours < 48) return two(hours, " h ", minutes % 60, " min");
  return two(hours / 24, " d ", hours % 24, " h");
}

std::string age_in_words(WallTimeUs since_us, WallTimeUs now_us) {
  if (since_us <= 0) return "never";
  return span_in_words(std::max<std::int64_t>(now_us - since_us, 0)) + " ago";
}

std::string milliseconds(std::int64_t span_us) {
  return with_one_decimal(static_cast<double>(span_us) / 1000, "ms");
}

std::string signed_milliseconds(std::int64_t span_us) {
  return (span_us >= 0 ? "+" : "") + milliseconds(span_us);
}

std::string local_time(WallTimeUs time_us, bool with_milliseconds) {
  if (time_us <= 0) return {};
  const std::time_t seconds = time_us / us_per_second;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M:%S", &parts);
  if (!with_milliseconds) return date.data();
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%s.%03d", date.data(),
                static_cast<int>(time_us % us_per_second / 1000));
  return text.data();
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : std::move(text);
}

std::string coloured(std::string_view word, bool colour) {
  const char* const start = colour ? colour_of(word) : nullptr;
  return start == nullptr ? std::string(word) : start + std::string(word) + "\x1b[0m";
}

void Table::print(std::ostream& out, std::string_view indent, bool colour) const {
  std::vector<std::size_t> widths;
  std::vector<bool> to_right;
  std::vector<std::string> titles;
  for (const std::string& heading : headings_) {
    to_right.push_back(heading.starts_with('>'));
    titles.push_back(to_right.back() ? heading.substr(1) : heading);
    widths.push_back(width(titles.back()));
  }
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], width(row.at(i)));
  const auto print_row = [&](const std::vector<std::string>& cells, bool in_colour) {
    std::string line(indent);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string padding(widths[i] - width(cells.at(i)), ' ');
      const std::string cell = coloured(cells.at(i), in_colour);
      const bool is_last = i + 1 == widths.size();
      line += to_right[i] ? padding + cell : is_last ? cell : cell + padding;
      if (!is_last) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  };
  print_row(titles, false);
  for (const auto& row : rows_) print_row(row, colour);
}

std::string in_place(const std::string& page, std::size_t rows) {
  std::string frame = "\x1b[H";
  const auto lines = static_cast<std::size_t>(std::count(page.begin(), page.end(), '\n'));
  // The last row stays free: a line end there would scroll.
  const bool fits = rows == 0 || lines < rows;
  const std::size_t shown = fits ? lines : std::max<std::size_t>(rows, 3) - 2;
  std::size_t at = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t end = page.find('\n', at);
    frame += page.substr(at, end - at) + "\x1b[K\n";
    at = end + 1;
  }
  if (!fits) frame += "… " + std::to_string(lines - shown) + " more lines\x1b[K\n";
  return frame + "\x1b[J";
}

}  // namespace alarmwire::cli
