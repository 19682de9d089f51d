#include "receiver/outlets/dot_stuffing.hpp"

#include <algorithm>

namespace alarmwire::outlets {

void DotStuffing::feed(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    if (at_line_start_ && piece.front() == '.') out += '.';
    const std::size_t length = std::min(piece.find('\n'), piece.size() - 1) + 1;
    out.append(piece.substr(0, length));
    at_line_start_ = piece[length - 1] == '\n';
    piece.remove_prefix(length);
  }
}

void DotStuffing::finish(std::string& out) {
  if (!at_line_start_) out += "\r\n";
  out += ".\r\n";
}

}  // namespace alarmwire::outlets
