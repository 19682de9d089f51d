// `alarmwire outlet retry`: what was parked or refused becomes waiting again.
#pragma once

#include <functional>
#include <string>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::outlets {

// Waits for the ledger (at most retry_page_wait a page). `box` empty: all. `on_waiting` for each
// record that is waiting again, `on_unparked` for those that were parked; on this thread. Answers
// how many.
Result<std::uint64_t> retry_hand_overs(
    ledger::Ledger& ledger, const std::string& outlet, const BoxId& box,
    const std::function<void(const ledger::HandOver&)>& on_waiting,
    const std::function<void(const BoxId&, const AlarmId&)>& on_unparked);

}  // namespace alarmwire::outlets
