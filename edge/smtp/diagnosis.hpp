// The doctor: from what was said in a session to what is wrong with the device or its settings, and
// what mends it. For technicians, in plain words. Thread-safety: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/smtp/dialogue_log.hpp"

namespace alarmwire::smtp {

enum class FindingId : std::uint8_t {
  old_tls,
  no_common_cipher,
  certificate_refused,
  certificate_expired,
  tls_broken_off,
  tls_failed,
  tls_on_clear_port,
  clear_on_tls_port,
  http,
  no_certificate,
  starttls_off,
  tls_missing,
  auth_missing,
  wrong_password,
  auth_mechanism,
  foreign_recipient,
  bad_recipient,
  bad_sender,
  too_many_recipients,
  too_large,
  stops_in_data,
  silent_in_data,
  odd_final_dot,
  too_slow,
  hung_up_waiting,
  not_confirmed,
  box_full,
  cannot_store,
  box_stopping,
  door_full,
  idle,
  open_too_long,
  commands_only,
  wrong_order,
  line_too_long,
  unknown_command,
  quirk_refused,
  greets_only,
  helo_only,
};
// Stable names, as docs/smtp.md explains them.
inline constexpr std::array<std::string_view, 39> finding_names{
    "old-tls",
    "no-common-cipher",
    "certificate-refused",
    "certificate-expired",
    "tls-broken-off",
    "tls-failed",
    "tls-on-clear-port",
    "clear-on-tls-port",
    "http",
    "no-certificate",
    "starttls-off",
    "tls-missing",
    "auth-missing",
    "wrong-password",
    "auth-mechanism",
    "foreign-recipient",
    "bad-recipient",
    "bad-sender",
    "too-many-recipients",
    "too-large",
    "stops-in-data",
    "silent-in-data",
    "odd-final-dot",
    "too-slow",
    "hung-up-waiting",
    "not-confirmed",
    "box-full",
    "cannot-store",
    "box-stopping",
    "door-full",
    "idle",
    "open-too-long",
    "commands-only",
    "wrong-order",
    "line-too-long",
    "unknown-command",
    "quirk-refused",
    "greets-only",
    "helo-only",
};
constexpr std::string_view to_string(FindingId id) {
  return finding_names.at(static_cast<std::size_t>(id));
}

struct Finding {
  FindingId id{};
  std::string text;  // "sends to gmail.com, which is not of this installation"
  std::string fix;   // "set the recipient to …"
};

// In the order in which they showed, each id once; the likeliest cause first where one explains the
// others. Empty: nothing is wrong.
std::vector<Finding> diagnose(const DialogueFacts& facts, const std::vector<DialogueLine>& lines);

}  // namespace alarmwire::smtp
