#include "receiver/outlets/line_ends.hpp"

#include <boost/assert.hpp>

namespace alarmwire::outlets {
namespace {

constexpr int held_crs_max = 2;
constexpr std::string_view special{"\r\n\0", 3};

}  // namespace

void LineEnds::end_line(std::string& out) {
  out += "\r\n";
  at_line_start_ = true;
}

void LineEnds::feed(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    const char c = piece.front();
    if (c == '\0') {
      piece.remove_prefix(1);
    } else if (c == '\r') {
      piece.remove_prefix(1);
      if (held_crs_ == held_crs_max) {
        end_line(out);
        --held_crs_;
      }
      ++held_crs_;
    } else if (c == '\n') {
      piece.remove_prefix(1);
      held_crs_ = 0;
      end_line(out);
    } else {
      for (; held_crs_ > 0; --held_crs_) end_line(out);
      const std::size_t length = std::min(piece.find_first_of(special), piece.size());
      out.append(piece.substr(0, length));
      at_line_start_ = false;
      piece.remove_prefix(length);
    }
  }
  BOOST_ASSERT(held_crs_ <= held_crs_max);
}

void LineEnds::finish(std::string& out) {
  for (; held_crs_ > 0; --held_crs_) end_line(out);
  if (!at_line_start_) end_line(out);
}

}  // namespace alarmwire::outlets
