// What a list shows of a mail: its Subject, from the first bytes of the raw mail. A stranger's
// bytes: scanned, never decoded (RFC 2047 words stay as they are written).
// Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alarmwire {

inline constexpr std::size_t mail_head_bytes_max = 8 * 1024;  // nothing beyond is looked at
inline constexpr std::size_t subject_bytes_max = 256;         // longer ones end with "…"

// The first Subject of the header section (RFC 5322 2.2), unfolded, as well-formed UTF-8; "" when
// there is none. Lines may end in CR LF or in LF alone.
std::string subject_of(std::string_view head);

}  // namespace alarmwire
