// What the door logs. Every id is explained in docs/runbook/smtp.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::smtp {

inline constexpr log::Event SMTP_LISTENING{"SMTP_LISTENING", log::Level::info,
                                           "The door listens for mails of devices."};
inline constexpr log::Event SMTP_ACCEPT_FAILED{
    "SMTP_ACCEPT_FAILED", log::Level::error,
    "A connection could not be accepted; trying again shortly."};
inline constexpr log::Event SMTP_SESSION_REFUSED{
    "SMTP_SESSION_REFUSED", log::Level::warning,
    "A connection was refused because of a limit or of its network."};
inline constexpr log::Event SMTP_SESSION_CUT{"SMTP_SESSION_CUT", log::Level::warning,
                                             "The door ended a session with 421."};
inline constexpr log::Event SMTP_NOT_SMTP{"SMTP_NOT_SMTP", log::Level::warning,
                                          "The peer does not speak SMTP in clear text."};
inline constexpr log::Event SMTP_MAIL_ACCEPTED{"SMTP_MAIL_ACCEPTED", log::Level::info,
                                               "A mail was accepted and answered 250."};
inline constexpr log::Event SMTP_MAIL_LOST{"SMTP_MAIL_LOST", log::Level::error,
                                           "A mail was begun and not answered 250."};
inline constexpr log::Event SMTP_RECIPIENT_REFUSED{"SMTP_RECIPIENT_REFUSED", log::Level::warning,
                                                   "A recipient was refused."};
inline constexpr log::Event SMTP_FOREIGN_RECIPIENT{
    "SMTP_FOREIGN_RECIPIENT", log::Level::info,
    "A recipient outside the zones was taken by the device's switch; the mail goes to the centre."};
inline constexpr log::Event SMTP_AUTH_WRONG{"SMTP_AUTH_WRONG", log::Level::warning,
                                            "A device gave a user or password that is wrong."};
inline constexpr log::Event SMTP_STARTTLS_INJECTION{
    "SMTP_STARTTLS_INJECTION", log::Level::warning,
    "Bytes in clear text came behind STARTTLS; they were thrown away."};
inline constexpr log::Event SMTP_TLS_FAILED{"SMTP_TLS_FAILED", log::Level::warning,
                                            "A TLS handshake with a device failed."};
inline constexpr log::Event SMTP_TLS_LEGACY{
    "SMTP_TLS_LEGACY", log::Level::warning,
    "A listener takes old, weak TLS for old devices; what they send can be read on the way."};
inline constexpr log::Event SMTP_CERTIFICATE_IN_USE{"SMTP_CERTIFICATE_IN_USE", log::Level::info,
                                                    "New TLS sessions get this certificate."};
inline constexpr log::Event SMTP_CERTIFICATE_UNUSABLE{
    "SMTP_CERTIFICATE_UNUSABLE", log::Level::error,
    "A certificate or its key cannot be used; the door stays open with what it has."};
inline constexpr log::Event SMTP_CERTIFICATE_ENDS{
    "SMTP_CERTIFICATE_ENDS", log::Level::warning,
    "The certificate of the configured files ends soon, or has ended."};
inline constexpr log::Event SMTP_QUIRK_SEEN{
    "SMTP_QUIRK_SEEN", log::Level::info, "A device departs from the standard; taken all the same."};
inline constexpr log::Event SMTP_DEVICE_ADVICE{
    "SMTP_DEVICE_ADVICE", log::Level::warning,
    "A device or its settings need a hand; what is wrong and what mends it stands beside."};
inline constexpr log::Event SMTP_REMARKS_DROPPED{
    "SMTP_REMARKS_DROPPED", log::Level::warning,
    "A device caused more log entries than its share; the others were only counted."};
inline constexpr log::Event SMTP_MEMORY_FILE{
    "SMTP_MEMORY_FILE", log::Level::warning,
    "What the door remembers of its devices could not be read or written."};
inline constexpr log::Event SMTP_RECONFIGURED{"SMTP_RECONFIGURED", log::Level::info,
                                              "New settings hold for new sessions."};
inline constexpr log::Event SMTP_STOPPING{
    "SMTP_STOPPING", log::Level::info, "The door takes no new sessions and waits for open mails."};
inline constexpr log::Event SMTP_STOPPED{"SMTP_STOPPED", log::Level::info,
                                         "The door is closed; all sessions have ended."};

}  // namespace alarmwire::smtp
