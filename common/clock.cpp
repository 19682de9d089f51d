#include "common/clock.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace alarmwire {
namespace {

constexpr WallTimeUs us_per_second = 1'000'000;

std::tm utc(WallTimeUs time) {
  const std::time_t seconds = static_cast<std::time_t>(time / us_per_second);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

WallTimeUs wall_now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string to_rfc3339(WallTimeUs time) {
  if (time <= 0) return {};
  const std::tm parts = utc(time);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s.%03dZ", date.data(),
                static_cast<int>(time % us_per_second / 1000));
  return text.data();
}

std::string to_rfc5322_date(WallTimeUs time) {
  // Not strftime's %a and %b: those follow the locale, RFC 5322 does not.
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm parts = utc(time);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000",
                days.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                months.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900,
                parts.tm_hour, parts.tm_min, parts.tm_sec);
  return text.data();
}

}  // namespace alarmwire
