// What edge/uplink logs; the runbook entries stand in docs/runbook/uplink.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::uplink {

inline constexpr log::Event UPLINK_UP{"UPLINK_UP", log::Level::info,
                                      "the link to the centre is up"};
inline constexpr log::Event UPLINK_DOWN{"UPLINK_DOWN", log::Level::warning,
                                        "the link to the centre is down; alarms are spooled"};
inline constexpr log::Event UPLINK_RETRY{"UPLINK_RETRY", log::Level::debug,
                                         "the centre could not be reached; trying again"};
inline constexpr log::Event UPLINK_PARKED{"UPLINK_PARKED", log::Level::error,
                                          "a record was parked: the centre will not take it"};
inline constexpr log::Event UPLINK_CONFLICT{
    "UPLINK_CONFLICT", log::Level::error,
    "the centre holds another record under a record's identity; it enters once more"};
inline constexpr log::Event UPLINK_LEDGER_ID{"UPLINK_LEDGER_ID", log::Level::warning,
                                             "the centre's ledger is another one than before"};
inline constexpr log::Event UPLINK_STATE_FILE{"UPLINK_STATE_FILE", log::Level::error,
                                              "the file with the ledger's id could not be written"};

}  // namespace alarmwire::uplink
