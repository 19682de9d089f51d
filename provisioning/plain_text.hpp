// Text files as people's programs save them: UTF-8 with or without a byte order mark, and UTF-16 as
// Windows' editors and shells write it. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/error.hpp"

namespace alarmwire::provisioning {

// The same text as UTF-8 without a mark. Errc::invalid_argument with line and column where the
// bytes are neither (a file saved as "ANSI", a picture), and what to do about it.
Result<std::string> plain_text(std::string_view bytes);

}  // namespace alarmwire::provisioning
