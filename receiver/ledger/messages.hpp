// What the ledger logs. Each id has its entry in docs/runbook/ledger.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::ledger {

inline constexpr log::Event LEDGER_OPENED{"LEDGER_OPENED", log::Level::info, "The ledger is open."};
inline constexpr log::Event LEDGER_FULL{
    "LEDGER_FULL", log::Level::error,
    "There is no room for new records; boxes keep theirs until there is."};
inline constexpr log::Event LEDGER_FULL_OVER{"LEDGER_FULL_OVER", log::Level::info,
                                             "The ledger takes records again."};
inline constexpr log::Event LEDGER_DISK_FILLING{"LEDGER_DISK_FILLING", log::Level::warning,
                                                "The file system of the ledger is filling up."};
inline constexpr log::Event LEDGER_DISK_RELIEVED{"LEDGER_DISK_RELIEVED", log::Level::info,
                                                 "The file system of the ledger has room again."};
inline constexpr log::Event LEDGER_WRITE_FAILED{
    "LEDGER_WRITE_FAILED", log::Level::error,
    "One write failed and was undone; the others of its group were not touched."};
inline constexpr log::Event LEDGER_CONFLICT{
    "LEDGER_CONFLICT", log::Level::error,
    "A box sent another alarm under an identity that is taken; nothing was overwritten."};
inline constexpr log::Event LEDGER_RETENTION_DONE{
    "LEDGER_RETENTION_DONE", log::Level::info, "Old records were deleted by the retention rule."};
inline constexpr log::Event LEDGER_FATAL{
    "LEDGER_FATAL", log::Level::error,
    "The ledger's file cannot be trusted any more; the receiver must stop and start anew."};

}  // namespace alarmwire::ledger
