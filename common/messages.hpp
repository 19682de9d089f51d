// What common logs; the runbook entries stand in docs/runbook/common.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire {

inline constexpr log::Event FAULT_RAISED{"FAULT_RAISED", log::Level::warning, "a fault was raised"};
inline constexpr log::Event FAULT_OVER{"FAULT_OVER", log::Level::info, "a fault is over"};
inline constexpr log::Event FAULT_DROPPED{"FAULT_DROPPED", log::Level::error,
                                          "too many faults wait to be booked; one was dropped"};
inline constexpr log::Event FAULT_STATE_FILE{
    "FAULT_STATE_FILE", log::Level::error, "the file of open faults could not be read or written"};

}  // namespace alarmwire
