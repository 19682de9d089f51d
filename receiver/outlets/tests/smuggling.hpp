// What must hold for any bytes whatsoever once they are handed over: exactly one end of data. Used
// by the unit tests and the fuzz target.
#pragma once

#include <string>
#include <string_view>

#include "receiver/outlets/dot_stuffing.hpp"
#include "receiver/outlets/line_ends.hpp"

namespace alarmwire::outlets {

inline std::string through_line_ends(std::string_view bytes, std::size_t piece_bytes) {
  LineEnds line_ends;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes)
    line_ends.feed(bytes.substr(at, piece_bytes), out);
  line_ends.finish(out);
  return out;
}

// `text` as it goes to the far side, fed in pieces.
inline std::string dot_stuffed(std::string_view text, std::size_t piece_bytes = 1'000'000) {
  DotStuffing stuffing;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece_bytes)
    stuffing.feed(text.substr(at, piece_bytes), out);
  stuffing.finish(out);
  return out;
}

inline bool has_only_crlf(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return false;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return false;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return false;
  }
  return text.empty() || text.back() == '\n';
}

// Any sequence that some server somewhere takes for the end of data, other than at the very end.
inline bool ends_exactly_once(std::string_view text) {
  const std::string wire = "\r\n" + dot_stuffed(text);
  for (const std::string_view end :
       {"\r\n.\r\n", "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r\r\n"}) {
    const std::size_t at = wire.find(end);
    if (at != std::string::npos && at + 5 < wire.size() && at + end.size() < wire.size())
      return false;
  }
  return wire.size() >= 5 && wire.substr(wire.size() - 5) == "\r\n.\r\n";
}

}  // namespace alarmwire::outlets
