// What alarmwire-receiver logs; the runbook entries stand in docs/runbook/receiver.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::receiver {

inline constexpr log::Event RECEIVER_STARTED{"RECEIVER_STARTED", log::Level::info,
                                             "the centre takes alarms"};
inline constexpr log::Event RECEIVER_STOPPING{"RECEIVER_STOPPING", log::Level::info,
                                              "the centre stops"};
inline constexpr log::Event RECEIVER_RELOADED{"RECEIVER_RELOADED", log::Level::info,
                                              "the configuration was read again"};
inline constexpr log::Event RECEIVER_RELOAD_REFUSED{
    "RECEIVER_RELOAD_REFUSED", log::Level::error,
    "the new configuration is wrong; the old one stays in force"};
inline constexpr log::Event RECEIVER_RESTART_NEEDED{
    "RECEIVER_RESTART_NEEDED", log::Level::warning,
    "a changed setting takes effect only after a restart"};
inline constexpr log::Event RECEIVER_LISTEN_FAILED{
    "RECEIVER_LISTEN_FAILED", log::Level::error,
    "boxes cannot connect: the listener on the tunnel could not be opened; trying again"};
inline constexpr log::Event RECEIVER_FATAL{
    "RECEIVER_FATAL", log::Level::error,
    "the ledger's file cannot be trusted any more; leaving at once, to recover at the next start"};
inline constexpr log::Event RECEIVER_START_FAILED{"RECEIVER_START_FAILED", log::Level::error,
                                                  "the centre could not start"};
inline constexpr log::Event RECEIVER_RETENTION{"RECEIVER_RETENTION", log::Level::info,
                                               "old records were deleted as the rule says"};

inline constexpr log::Event RECEIVER_OUTLETS_SWAPPED{"RECEIVER_OUTLETS_SWAPPED", log::Level::info,
                                                     "the outlets run as configured now"};
inline constexpr log::Event RECEIVER_OUTLETS_UNNAMED{
    "RECEIVER_OUTLETS_UNNAMED", log::Level::error,
    "the ledger did not take the new list of outlets; trying again"};
inline constexpr log::Event RECEIVER_HAND_OVERS_DROPPED{
    "RECEIVER_HAND_OVERS_DROPPED", log::Level::warning,
    "what waited at an outlet no longer configured was given up on demand"};

inline constexpr log::Event RECEIVER_BOX_STATE{"RECEIVER_BOX_STATE", log::Level::info,
                                               "the verdict on a box has changed"};
inline constexpr log::Event RECEIVER_BOX_ENROLLED{"RECEIVER_BOX_ENROLLED", log::Level::info,
                                                  "a box was enrolled by a ticket"};
inline constexpr log::Event RECEIVER_BOX_REFUSED{"RECEIVER_BOX_REFUSED", log::Level::warning,
                                                 "a box showed a ticket that is worth nothing"};
inline constexpr log::Event RECEIVER_ENROLMENT_FAILED{
    "RECEIVER_ENROLMENT_FAILED", log::Level::error,
    "the book of tickets and boxes could not be read or written"};
inline constexpr log::Event RECEIVER_ENROL_LISTEN_FAILED{
    "RECEIVER_ENROL_LISTEN_FAILED", log::Level::error,
    "no box can be enrolled: the listener could not be opened; trying again"};
inline constexpr log::Event RECEIVER_BOX_ADDRESS_TAKEN{
    "RECEIVER_BOX_ADDRESS_TAKEN", log::Level::error,
    "a box enrolled by a ticket has no addresses of its own: the configuration gave them away"};

inline constexpr log::Event RECEIVER_KEY_CHANGED{
    "RECEIVER_KEY_CHANGED", log::Level::info,
    "A box has a new key that carries its link; the old one is refused from now on."};
inline constexpr log::Event RECEIVER_KEY_CHANGE_FAILED{
    "RECEIVER_KEY_CHANGE_FAILED", log::Level::warning,
    "A box gave up its new key, which carried no link, and keeps the old one."};
inline constexpr log::Event RECEIVER_BOX_REPLACED{
    "RECEIVER_BOX_REPLACED", log::Level::info,
    "A new box carries the link of a site; the one before is refused from now on."};
inline constexpr log::Event RECEIVER_KEY_REFUSED{
    "RECEIVER_KEY_REFUSED", log::Level::warning,
    "A box told of a key that was not ordered, or that another box has; nothing changed."};

}  // namespace alarmwire::receiver
