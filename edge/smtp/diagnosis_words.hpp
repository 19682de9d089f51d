// What a finding says to a technician. Private to the doctor. Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "edge/smtp/diagnosis.hpp"

namespace alarmwire::smtp {

inline constexpr std::string_view not_confirmed_reply = "451 4.4.1";

// `detail`: the command that was answered, or what the finding is about.
Finding in_words(FindingId id, std::string_view detail, const DialogueFacts& facts);
// "TLS 1.0" of "…; the device offers at most TLS 1.0"; empty when it does not say.
std::string old_version(std::string_view tls_failure);

}  // namespace alarmwire::smtp
