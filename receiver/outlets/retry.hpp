// What people do to many hand-overs at once: `alarmwire outlet retry` and `alarmwire outlet drop`.
//
// Both wait for the ledger (at most 30 s a page) and answer how many. Thread-safety: any thread,
// but one at a time for one outlet.
#pragma once

#include <functional>
#include <string>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::outlets {

using OnUnparked = std::function<void(const BoxId&, const AlarmId&)>;

// What was parked or refused becomes waiting again. `box` empty: all. `on_waiting` for each record
// that is waiting again, `on_unparked` for those that were parked; on this thread.
Result<std::uint64_t> retry_hand_overs(
    ledger::Ledger& ledger, const std::string& outlet, const BoxId& box,
    const std::function<void(const ledger::HandOver&)>& on_waiting, const OnUnparked& on_unparked);

// What waits or is parked at an outlet that nobody runs any more is skipped, and `text` says why.
Result<std::uint64_t> drop_hand_overs(ledger::Ledger& ledger, const std::string& outlet,
                                      const std::string& text, const OnUnparked& on_unparked);

}  // namespace alarmwire::outlets
