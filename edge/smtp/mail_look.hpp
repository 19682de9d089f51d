// What the beginning of a mail tells about the device that wrote it. Notes only: a mail is never
// judged by its content, and none of its bytes is changed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t text_line_bytes_max = 998;  // RFC 5321 4.5.3.1.6, without CRLF

// `beginning`: the first body chunk, any bytes; `whole`: there is no more. Fields are missed only
// where the header's end was seen. One pass, no allocation.
QuirkSet look_at_mail(std::string_view beginning, bool whole);

// What the mail says wrote it: X-Mailer or User-Agent (any bytes, cut); "" when it does not say.
std::string mailer_of(std::string_view beginning);
inline constexpr std::size_t mailer_bytes_max = 80;

}  // namespace alarmwire::smtp
