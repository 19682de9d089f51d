// Finds the end of a mail's data and takes the dot-stuffing away (RFC 5321 4.1.1.4, 4.5.2).
//
// Promises: the data ends at CRLF.CRLF and nowhere else; the CRLF of the DATA command counts as the
// one before the first line. A dot is taken away only at the start of a line that follows CRLF.
// Bare CR, bare LF, NUL and 8-bit bytes are content. The result does not depend on how the bytes
// were cut into segments. Works on whole spans (memchr); state between calls is one byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace alarmwire::smtp {

class DataScanner {
 public:
  struct Step {
    std::size_t consumed = 0;  // bytes of the input; all of it unless `ended`
    bool ended = false;        // the final dot's line end was the last byte consumed
  };

  // Appends content to `out`: at most one byte more than the input has.
  Step scan(std::string_view input, std::string& out);
  void reset() { state_ = State::line_start; }

 private:
  enum class State : std::uint8_t {
    line_start,  // after CRLF
    in_line,
    cr,      // in a line, the last byte was CR
    dot,     // line start, then a dot that is not part of the content
    dot_cr,  // … and a CR that is content unless LF follows
  };
  State state_ = State::line_start;
};

}  // namespace alarmwire::smtp
