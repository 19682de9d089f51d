// What the spool logs. Every entry is explained in docs/runbook/spool.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::spool {

inline constexpr log::Event SPOOL_OPENED{"SPOOL_OPENED", log::Level::info,
                                         "the spool is open under a new epoch"};
inline constexpr log::Event SPOOL_UPLOADS_SWEPT{
    "SPOOL_UPLOADS_SWEPT", log::Level::warning,
    "mails that were still arriving when the spool last stopped are discarded"};
inline constexpr log::Event SPOOL_QUARANTINED{
    "SPOOL_QUARANTINED", log::Level::error,
    "the spool file is damaged and was moved aside; a new one is in use"};
inline constexpr log::Event SPOOL_SALVAGED{"SPOOL_SALVAGED", log::Level::warning,
                                           "a quarantined spool file was read to its end"};
inline constexpr log::Event SPOOL_QUARANTINE_PRUNED{"SPOOL_QUARANTINE_PRUNED", log::Level::info,
                                                    "an old, salvaged quarantine was deleted"};
inline constexpr log::Event SPOOL_FULL{"SPOOL_FULL", log::Level::error,
                                       "the spool is full and refuses mail"};
inline constexpr log::Event SPOOL_FULL_OVER{"SPOOL_FULL_OVER", log::Level::info,
                                            "the spool has room again"};
inline constexpr log::Event SPOOL_NO_BALLAST{
    "SPOOL_NO_BALLAST", log::Level::warning,
    "the disk has too little room to keep a reserve for the day it is full"};
inline constexpr log::Event SPOOL_ROW_UNREADABLE{"SPOOL_ROW_UNREADABLE", log::Level::error,
                                                 "a stored record does not match its hash"};
inline constexpr log::Event SPOOL_CHECKPOINT_POSTPONED{
    "SPOOL_CHECKPOINT_POSTPONED", log::Level::warning,
    "the disk has no room to move committed pages from the WAL into the spool file"};
inline constexpr log::Event SPOOL_FATAL{
    "SPOOL_FATAL", log::Level::error,
    "the spool file cannot be trusted any more; the daemon must restart"};

}  // namespace alarmwire::spool
