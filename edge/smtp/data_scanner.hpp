// Finds the end of a mail's data and takes the dot-stuffing away (RFC 5321 4.1.1.4, 4.5.2).
//
// Promises: the data ends at CRLF.CRLF and nowhere else; the line end of the DATA command counts as
// the one before the first line. A dot is taken away only at the start of a line that follows CRLF.
// Bare CR, bare LF, NUL and 8-bit bytes are content. The result does not depend on how the bytes
// were cut into segments. Works on whole spans (memchr); state between calls is a few bytes.
//
// The one exception: of a device that has ended every line so far by LF alone (reset(true)), lines
// end at LF and the data at LF.LF; its first CRLF ends the exception. LF.CRLF and CRLF.LF never end
// anything (smuggling, docs/smtp.md).
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
  // Before a mail. `lf_only`: every line of the session so far ended in LF alone.
  void reset(bool lf_only = false);
  bool lf_only() const { return lf_only_; }          // … and still does
  bool has_bare_lf() const { return has_bare_lf_; }  // in this mail's content

 private:
  enum class State : std::uint8_t {
    line_start,  // after CRLF; in LF mode after LF
    in_line,
    cr,      // in a line, the last byte was CR
    dot,     // line start, then a dot that is not part of the content
    dot_cr,  // … and a CR that is content unless LF follows
  };
  void end_line(bool after_cr);
  State state_ = State::line_start;
  bool lf_only_ = false;
  bool has_bare_lf_ = false;
};

}  // namespace alarmwire::smtp
