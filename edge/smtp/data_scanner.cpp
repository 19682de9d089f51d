#include "edge/smtp/data_scanner.hpp"

#include <cstring>

namespace alarmwire::smtp {

void DataScanner::reset(bool lf_only) {
  state_ = State::line_start;
  lf_only_ = lf_only;
  has_bare_lf_ = false;
}

// Of a line of content.
void DataScanner::end_line(bool after_cr) {
  if (after_cr) {
    lf_only_ = false;
  } else {
    has_bare_lf_ = true;
  }
  state_ = after_cr || lf_only_ ? State::line_start : State::in_line;
}

// `content` is where the span not yet copied begins; it is copied at a dot and at the end only.
DataScanner::Step DataScanner::scan(std::string_view input, std::string& out) {
  const char* const end = input.data() + input.size();
  const char* at = input.data();
  const char* content = at;
  while (at != end) {
    switch (state_) {
      case State::line_start:
        state_ = State::in_line;
        if (*at == '.') {
          out.append(content, at);
          content = ++at;
          state_ = State::dot;
        }
        break;
      case State::in_line: {
        const void* const found = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
        const char* const line_feed = found == nullptr ? end : static_cast<const char*>(found);
        const bool after_cr = line_feed != at && line_feed[-1] == '\r';
        if (found != nullptr) {
          end_line(after_cr);
          at = line_feed + 1;
        } else {
          state_ = after_cr ? State::cr : State::in_line;
          at = end;
        }
        break;
      }
      case State::cr:
        if (*at == '\n') {
          ++at;
          end_line(true);
        } else {
          state_ = State::in_line;
        }
        break;
      case State::dot:
        if (*at == '\r') {
          content = ++at;
          state_ = State::dot_cr;
        } else if (*at == '\n' && lf_only_) {
          return {static_cast<std::size_t>(at + 1 - input.data()), true};
        } else {
          state_ = State::in_line;
        }
        break;
      case State::dot_cr:
        if (*at == '\n' && !lf_only_) {
          return {static_cast<std::size_t>(at + 1 - input.data()), true};
        }
        out += '\r';
        state_ = State::cr;
        break;
    }
  }
  out.append(content, end);
  return {input.size(), false};
}

}  // namespace alarmwire::smtp
