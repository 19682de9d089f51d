// What ingest logs. Each id has its entry in docs/runbook/ingest.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::ingest {

inline constexpr log::Event INGEST_LISTENING{"INGEST_LISTENING", log::Level::info,
                                             "Boxes can connect."};
inline constexpr log::Event INGEST_PEER_UNKNOWN{
    "INGEST_PEER_UNKNOWN", log::Level::warning,
    "A stream came from a tunnel address that belongs to no box; it was refused."};
inline constexpr log::Event INGEST_BOX_UP{"INGEST_BOX_UP", log::Level::info, "A box is connected."};
inline constexpr log::Event INGEST_BOX_DOWN{"INGEST_BOX_DOWN", log::Level::warning,
                                            "A box is not connected any more."};
inline constexpr log::Event INGEST_BOX_FENCED{
    "INGEST_BOX_FENCED", log::Level::info,
    "A newer stream of the same box took the place of the older one."};
inline constexpr log::Event INGEST_BOX_CLONED{
    "INGEST_BOX_CLONED", log::Level::error,
    "Streams of one box keep pushing each other out: there may be two boxes with one key."};
inline constexpr log::Event INGEST_STREAM_ENDED{
    "INGEST_STREAM_ENDED", log::Level::info,
    "The centre ended the stream of a box that was not connected yet."};
inline constexpr log::Event INGEST_STATE_FAILED{
    "INGEST_STATE_FAILED", log::Level::error,
    "The ledger could not say how far a box is; the box tries again."};
inline constexpr log::Event INGEST_LEDGER_HELD{
    "INGEST_LEDGER_HELD", log::Level::warning,
    "The ledger takes no more for now; the box keeps its records and is asked again later."};
inline constexpr log::Event INGEST_LEDGER_CHANGED{
    "INGEST_LEDGER_CHANGED", log::Level::warning,
    "A box last spoke to another ledger; it sends again what this one does not have."};
inline constexpr log::Event INGEST_SEQS_VOID{
    "INGEST_SEQS_VOID", log::Level::error,
    "A box no longer has records that were never stored here; a tombstone stands for them."};
inline constexpr log::Event INGEST_RECORD_REFUSED{
    "INGEST_RECORD_REFUSED", log::Level::error,
    "A record was refused for good; it stays parked on its box, and a tombstone stands for it."};
inline constexpr log::Event INGEST_DRAINED{"INGEST_DRAINED", log::Level::info,
                                           "All streams are closed; nothing is in flight."};

}  // namespace alarmwire::ingest
