// Base64 (RFC 4648 4), one line, as JSON carries bodies in it.
// Thread-safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alarmwire {

std::string to_base64(std::string_view bytes);
// Strict: no blanks, right padding; nothing on anything else.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace alarmwire
