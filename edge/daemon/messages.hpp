// What alarmwire-edge logs; the runbook entries stand in docs/runbook/edge.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::edge {

inline constexpr log::Event EDGE_STARTED{"EDGE_STARTED", log::Level::info, "the box takes alarms"};
inline constexpr log::Event EDGE_STOPPING{"EDGE_STOPPING", log::Level::info, "the box stops"};
inline constexpr log::Event EDGE_RELOADED{"EDGE_RELOADED", log::Level::info,
                                          "the configuration was read again"};
inline constexpr log::Event EDGE_RELOAD_REFUSED{
    "EDGE_RELOAD_REFUSED", log::Level::error,
    "the new configuration is wrong; the old one stays in force"};
inline constexpr log::Event EDGE_RESTART_NEEDED{
    "EDGE_RESTART_NEEDED", log::Level::warning,
    "a changed setting takes effect only after a restart"};
inline constexpr log::Event EDGE_NO_NEIGHBOURS{
    "EDGE_NO_NEIGHBOURS", log::Level::warning,
    "the LAN's neighbour table cannot be read; devices are not known by MAC"};
inline constexpr log::Event EDGE_FATAL{
    "EDGE_FATAL", log::Level::error,
    "the spool's file cannot be trusted any more; leaving at once, to recover at the next start"};
inline constexpr log::Event EDGE_START_FAILED{"EDGE_START_FAILED", log::Level::error,
                                              "the box could not start"};

inline constexpr log::Event EDGE_STATE{"EDGE_STATE", log::Level::info,
                                       "the verdict on the box's way to the centre has changed"};
inline constexpr log::Event EDGE_PAGE_FAILED{"EDGE_PAGE_FAILED", log::Level::error,
                                             "the box's page cannot be opened; alarms go on"};

inline constexpr log::Event EDGE_ENROLMENT_BEGUN{"EDGE_ENROLMENT_BEGUN", log::Level::info,
                                                 "a ticket was given to the box"};
inline constexpr log::Event EDGE_ENROLLED{"EDGE_ENROLLED", log::Level::info,
                                          "the centre has taken the box"};
inline constexpr log::Event EDGE_ENROLMENT_REFUSED{"EDGE_ENROLMENT_REFUSED", log::Level::warning,
                                                   "the centre refused the ticket"};

inline constexpr log::Event EDGE_KEY_STEP_FAILED{
    "EDGE_KEY_STEP_FAILED", log::Level::warning,
    "alarmwire-tunnel did not take a step of a change of keys; the centre orders it again."};

inline constexpr log::Event EDGE_STICK_FOUND{"EDGE_STICK_FOUND", log::Level::info,
                                             "a stick holds a ticket"};
inline constexpr log::Event EDGE_STICK_REFUSED{"EDGE_STICK_REFUSED", log::Level::warning,
                                               "what lies on a stick cannot be taken"};
inline constexpr log::Event EDGE_STICK_NOT_WRITTEN{
    "EDGE_STICK_NOT_WRITTEN", log::Level::warning,
    "the verdict could not be written to the stick; nothing else depends on it"};
inline constexpr log::Event EDGE_SITE_NOT_KEPT{
    "EDGE_SITE_NOT_KEPT", log::Level::error,
    "what the stick says of devices and network could not be kept; its ticket is used"};
inline constexpr log::Event EDGE_SITE_DEVICE_LEFT_OUT{
    "EDGE_SITE_DEVICE_LEFT_OUT", log::Level::warning,
    "a device that a stick told of is left out; its mails are taken as a stranger's"};

}  // namespace alarmwire::edge
