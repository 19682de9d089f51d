// Text for people from bytes of strangers: what may stand in a log, a terminal or a JSON string.
// Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alarmwire {

// Bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7); 0 when
// there is none.
std::size_t utf8_length(std::string_view text);

// The same text with every malformed byte replaced by U+FFFD: always well-formed UTF-8.
std::string scrub_utf8(std::string text);

// Printable on one line: control characters (C0, DEL, C1, line separators) and malformed bytes
// become \n, \t, \x1b …; a backslash is doubled. Cut off after `bytes_max` with "…".
std::string printable(std::string_view text, std::size_t bytes_max = 4096);

// Levenshtein distance: how many letters to change, for "did you mean". Inputs over 64 bytes count
// as far apart.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace alarmwire
