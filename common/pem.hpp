// PEM into DER: the same certificate, as some devices want it. Thread-safety: pure function.
#pragma once

#include <optional>
#include <string>

namespace alarmwire {

// The bytes inside "-----BEGIN CERTIFICATE-----" and its end; nothing where there is no such text.
std::optional<std::string> der_of(const std::string& pem);

}  // namespace alarmwire
