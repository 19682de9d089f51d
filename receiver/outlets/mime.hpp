// The little MIME that our own mails need: encoded header words and quoted-printable text.
// Pure; any thread. Input is UTF-8; what is not is replaced by '?'.
#pragma once

#include <string>
#include <string_view>

namespace alarmwire::outlets {

// For header values and trace lines: printable ASCII only, anything else '?', cut at `bytes_max`.
std::string ascii_only(std::string_view text, std::size_t bytes_max);
// A header value after "Name: " (RFC 2047): as it is when plain and short, else encoded words,
// folded.
std::string encode_header_text(std::string_view text);
// RFC 2045 6.7, lines ending in CRLF. `text` has LF line ends.
std::string quoted_printable(std::string_view text);

}  // namespace alarmwire::outlets
