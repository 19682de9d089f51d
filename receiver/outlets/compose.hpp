// What EBÜS gets in front of a device's mail: trace lines, our own header lines, and, where
// configured, marks in the subject. The ledger's bytes stay as received; only the copy that leaves
// is touched.
//
// Order: Received (centre), Received (box), X-Alarmwire-Id, -Box, -Stage, -Mark, then the mail. A
// mail that does not begin with a header line gets an empty line in between, so that its text does
// not turn into header lines. X-Alarmwire- lines that the device wrote itself are renamed
// X-Device-Alarmwire-. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/record.hpp"
#include "receiver/ledger/ledger.hpp"
#include "receiver/sites/sites.hpp"

namespace alarmwire::outlets {

// The part of a mail that is searched for its header block. Beyond it nothing is marked.
inline constexpr std::size_t header_block_bytes_max = 256 * 1024;

// What is to be said about a mail. Always in X-Alarmwire-Mark; in the subject where SubjectMarks
// say so.
struct Marks {
  bool late = false;        // handed over much later than it was accepted
  bool unassigned = false;  // goes to the box's unassigned address
  bool repeat = false;      // may have been handed over before: the answer was lost
  bool test = false;
  bool operator==(const Marks&) const = default;
};
using SubjectMarks = Marks;  // which of them go into the subject

struct Trace {
  std::string host;  // the centre's name, as in EHLO
  const ledger::Record* record = nullptr;
  const Envelope* envelope = nullptr;
};

// Header lines with CRLF, without an empty line behind.
std::string trace_header(const Trace& trace, const Marks& marks);

// `head`: the first bytes of the mail (at most header_block_bytes_max), through LineEnds. Answers
// what to send instead of it.
std::string compose_head(const Trace& trace, const Marks& marks, const SubjectMarks& in_subject,
                         sites::Language language, std::string_view head);

// "[Nachlieferung 24.11.2026 04:15 UTC] [nicht zugeordnet] "; empty when nothing is to be said.
std::string subject_mark(const Marks& marks, const SubjectMarks& in_subject,
                         sites::Language language, WallTimeUs accepted_us);

}  // namespace alarmwire::outlets
