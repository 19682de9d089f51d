// Dot-stuffing and the final dot of a mail on its way out (RFC 5321 4.5.2), in a stream.
//
// Takes text as LineEnds leaves it (only CRLF line ends); after it "CRLF . CRLF" occurs once, at
// the end. State is kept across pieces. Pure; one thread at a time.
#pragma once

#include <string>
#include <string_view>

namespace alarmwire::outlets {

class DotStuffing {
 public:
  // Appends at most 2 × piece bytes to `out`.
  void feed(std::string_view piece, std::string& out);
  // The end of the mail: the final dot, on a line of its own.
  void finish(std::string& out);

 private:
  bool at_line_start_ = true;
};

}  // namespace alarmwire::outlets
