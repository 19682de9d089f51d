// What the box's page logs; the runbook entries stand in docs/runbook/page.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::page {

inline constexpr log::Event PAGE_LISTENING{"PAGE_LISTENING", log::Level::info,
                                           "the box's page can be opened on its LAN"};
inline constexpr log::Event PAGE_TICKET_GIVEN{"PAGE_TICKET_GIVEN", log::Level::info,
                                              "a ticket was given on the box's page"};
inline constexpr log::Event PAGE_STRANGER{
    "PAGE_STRANGER", log::Level::warning,
    "the box's page was called from outside its networks and said nothing"};

}  // namespace alarmwire::page
