// What the beginning of a mail tells about the device that wrote it. Notes only: a mail is never
// judged by its content, and none of its bytes is changed.
#pragma once

#include <cstddef>
#include <string_view>

#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t text_line_bytes_max = 998;  // RFC 5321 4.5.3.1.6, without CRLF

// `beginning`: the first body chunk, any bytes; `whole`: there is no more. Fields are missed only
// where the header's end was seen. One pass, no allocation.
QuirkSet look_at_mail(std::string_view beginning, bool whole);

}  // namespace alarmwire::smtp
