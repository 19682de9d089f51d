// Makes line ends safe for SMTP, in a stream: whatever comes in, only CRLF comes out.
//
// A device's mail is carried as the bytes it sent, bare CR and LF and NUL included. Handed to
// another SMTP server like that, "LF . CRLF" inside one mail can begin a second, forged one
// (CVE-2023-51764 and its kin). After LineEnds there is no CR without LF, no LF without CR and no
// NUL, and the last line is complete; dot-stuffing such text (RFC 5321 4.5.2) leaves exactly one
// "CRLF . CRLF": the one at the end.
//   bare CR, bare LF → CRLF; CR CR LF (a known slip of old firmware) → one CRLF;
//   NUL → gone (RFC 5322 forbids it, and a server that drops it would see a line we did not stuff).
// State is kept across pieces, memory is constant. One thread at a time.
#pragma once

#include <string>
#include <string_view>

namespace alarmwire::outlets {

class LineEnds {
 public:
  // Appends at most 2 × piece + 4 bytes to `out`.
  void feed(std::string_view piece, std::string& out);
  // The end of the mail: completes the last line.
  void finish(std::string& out);

 private:
  void end_line(std::string& out);
  int held_crs_ = 0;  // CRs read and not yet answered by a CRLF: 0, 1 or 2
  bool at_line_start_ = true;
};

}  // namespace alarmwire::outlets
