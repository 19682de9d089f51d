// The log events of this room; each has an entry in docs/runbook/outlets.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::outlets {

inline constexpr log::Event OUTLETS_MAIL_TAKEN{"OUTLETS_MAIL_TAKEN", log::Level::debug,
                                               "The far side took a mail."};
inline constexpr log::Event OUTLETS_MAIL_REFUSED{"OUTLETS_MAIL_REFUSED", log::Level::warning,
                                                 "The far side refused a mail for good."};
inline constexpr log::Event OUTLETS_RECIPIENT_REFUSED{
    "OUTLETS_RECIPIENT_REFUSED", log::Level::warning,
    "The far side took a mail, but refused one of its addresses."};
inline constexpr log::Event OUTLETS_MAIL_LATER{"OUTLETS_MAIL_LATER", log::Level::warning,
                                               "The far side put a mail off; it is tried again."};
inline constexpr log::Event OUTLETS_MAIL_PARKED{
    "OUTLETS_MAIL_PARKED", log::Level::error,
    "A mail was put off too often and is parked until somebody says retry."};
inline constexpr log::Event OUTLETS_MAIL_SKIPPED{"OUTLETS_MAIL_SKIPPED", log::Level::info,
                                                 "A record is not handed over."};
inline constexpr log::Event OUTLETS_UNREACHABLE{"OUTLETS_UNREACHABLE", log::Level::warning,
                                                "The far side did not answer; it is tried again."};
inline constexpr log::Event OUTLETS_STALLED{"OUTLETS_STALLED", log::Level::error,
                                            "The far side has been unreachable for too long."};
inline constexpr log::Event OUTLETS_BACK{"OUTLETS_BACK", log::Level::info,
                                         "The far side takes mails again."};
inline constexpr log::Event OUTLETS_LEDGER_UNREADABLE{
    "OUTLETS_LEDGER_UNREADABLE", log::Level::error,
    "What waits to be handed over cannot be read from the ledger."};
inline constexpr log::Event OUTLETS_NOTE_DELAYED{
    "OUTLETS_NOTE_DELAYED", log::Level::warning,
    "The ledger did not take the note of what became of a mail; it is written again."};
inline constexpr log::Event OUTLETS_RECORD_FORGOTTEN{
    "OUTLETS_RECORD_FORGOTTEN", log::Level::error,
    "An alarm waited in the ledger and the outlet did not know of it; it goes out now."};

}  // namespace alarmwire::outlets
