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

inline constexpr log::Event METRICS_FAILED{"METRICS_FAILED", log::Level::error,
                                           "metrics cannot be offered; alarms go on"};

inline constexpr log::Event CONFINE_DONE{"CONFINE_DONE", log::Level::info,
                                         "rights that are not needed were given up for good"};
inline constexpr log::Event CONFINE_IN_PART{
    "CONFINE_IN_PART", log::Level::warning,
    "this kernel has no Landlock: files are kept from the daemon by their rights alone"};
inline constexpr log::Event CONFINE_INTRUDER{
    "CONFINE_INTRUDER", log::Level::error,
    "the daemon's last life tried a system call it never makes, and was ended by that"};
inline constexpr log::Event CONFINE_KEY_IN_REACH{
    "CONFINE_KEY_IN_REACH", log::Level::error,
    "the tunnel's private key can be read by this daemon and must not be"};

}  // namespace alarmwire
