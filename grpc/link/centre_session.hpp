// The centre's end of one stream, without I/O: events and the time go in, actions come out.
//
// It checks everything from outside: a frame that breaks the contract ends the stream with a
// reason, it never reaches the ledger. It answers Settled the moment the driver reports the
// ledger's commit, never before. Many records of a lane are in flight to the ledger at once, in
// order; when the ledger refuses one (hash mismatch, gap, busy, full), those behind it are dropped
// until the box has rewound.
//
// The driver: one session per stream; feeds it events on one thread, then takes and performs the
// actions in order. Stage, Store and Tombstone are handed to the ledger in that order, without
// waiting; each is answered once by its token, in any order, also after a failure; answers after
// Close are ignored. One Write is outstanding at a time: on_write_ready() follows each.
// Calls on_timer() when next_deadline() is reached.
//
// Sources: design 5.3; docs/link.md. Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/record.hpp"
#include "grpc/link/session.hpp"
#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

struct LaneCredit {
  std::uint32_t records = 256;
  std::uint64_t bytes = 1024 * 1024;  // envelopes and data not yet staged or settled
};

struct CentreConfig {
  std::string software;  // "alarmwire 0.1.0"
  std::chrono::milliseconds beat_interval{5000};
  std::chrono::milliseconds hello_timeout{10000};
  std::array<LaneCredit, lane_count> credits{};      // at least 8 records and 128 KiB each
  std::uint64_t record_bytes_max = alarm_bytes_max;  // larger: `never`
};

// Records up to this size are put together in memory and stored in one commit; larger ones are
// staged chunk by chunk, so that they may be larger than the credit and resume in mid-record.
inline constexpr std::uint64_t assemble_bytes_max = 256 * 1024;
// A lane with a small window stages from half the window on, so that a record being put together
// (its envelope included) never takes all of the credit it needs to be completed.
constexpr std::uint64_t assembled_up_to(const LaneCredit& window) {
  return std::min(assemble_bytes_max, window.bytes / 2);
}
inline constexpr std::size_t receipts_waiting_max = 1024;  // beyond that the oldest are dropped
// A receipt goes at once, or together with others this long after the last ones.
inline constexpr std::chrono::milliseconds receipts_gather{10};
inline constexpr std::size_t hello_ranges_max = 1024;

// What the ledger knows of the box, asked for once per stream, after the Hello.
struct CentreState {
  std::uint64_t session = 0;  // grows with every stream of this box
  std::string ledger_id;
  std::string peer_address;  // told to the box
  struct Cursor {
    EpochId epoch;
    Lane lane = Lane::alarm;
    std::uint64_t seq = 0;
  };
  std::vector<Cursor> cursors;
  struct Staged {
    RecordKey key;
    Hash hash{};
    std::uint64_t bytes = 0;
  };
  std::vector<Staged> staged;
  // What was refused for good, within the ranges LoadState asked for; by epoch, lane and seq.
  struct Verdict {
    RecordKey key;
    AlarmId id;
    bool is_conflict = false;  // else `never`
    std::string reason;        // "too-large: …"
  };
  std::vector<Verdict> verdicts;
};

// The ledger's answer to Store, in this room's own words.
struct StoreOutcome {
  enum class Verdict : std::uint8_t {
    stored,         // committed, new
    duplicate,      // committed before, same hash
    known,          // same alarm id and hash under another identity
    conflict,       // another hash stands there
    gap,            // not cursor + 1; `cursor` says where the lane is
    hash_mismatch,  // the bytes do not have their hash; nothing done
    busy,           // too much waiting, try again
    full,           // no room on the disk, try again later
    failed,         // outcome unknown: the box sends again
  };
  Verdict verdict = Verdict::stored;
  WallTimeUs stored_us = 0;
  std::uint64_t cursor = 0;  // the lane's cursor after it; only read for `gap`
};

struct StageOutcome {
  enum class Verdict : std::uint8_t { staged, wrong_offset, busy, full, failed };
  Verdict verdict = Verdict::staged;
};

struct TombstoneOutcome {
  enum class Verdict : std::uint8_t { done, busy, full, failed };
  Verdict verdict = Verdict::done;
  std::uint64_t cursor = 0;  // the lane's cursor after it
};

enum class ReceiptStage : std::uint8_t {
  handed_over = 1,
  displayed = 2,
  confirmed = 3,
  refused = 4
};
struct Receipt {
  AlarmId id;
  ReceiptStage stage = ReceiptStage::handed_over;
  WallTimeUs time_us = 0;  // centre's clock
  std::string outlet;
  std::string text;
};

// What the box says of itself in its Beats.
struct BoxReport {
  std::uint64_t waiting_records = 0;
  WallTimeUs oldest_waiting_us = 0;  // box's clock; 0: nothing waits
  std::uint64_t spool_used_bytes = 0;
  std::uint64_t spool_quota_bytes = 0;
  std::optional<ClockReading> clock;
};

namespace centre_action {

struct Write {
  v1::CentreFrame frame;
};
// The Hello is good: fence the older stream of this box, give the session its number, read the
// ledger's cursors and staged bodies, and what it refused of the rows that the box still counts as
// waiting; then call on_state() or on_state_failed().
struct LoadState {
  struct Unsettled {
    EpochId epoch;
    Lane lane = Lane::alarm;
    std::uint64_t first_seq = 0;
    std::uint64_t last_seq = 0;
  };
  std::vector<Unsettled> unsettled;
};
struct Stage {
  std::uint64_t token = 0;
  RecordKey key;
  Hash hash{};
  std::uint64_t offset = 0;
  std::string bytes;
};
struct Store {
  std::uint64_t token = 0;
  RecordHeader header;
  std::string body;     // empty when staged
  bool staged = false;  // the bytes were handed over by Stage actions before
  bool replayed = false;
  std::vector<std::string> receipted;  // outlets whose far side took it, says the box
  std::int64_t clock_offset_us = 0;    // centre minus box
};
// The seqs will never come. `refused` says why it is here: false, the box sent Void; true, the
// centre refused the record for good. The ledger books a fault.
struct Tombstone {
  std::uint64_t token = 0;
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::optional<AlarmId> id;
  std::string reason;  // "unreadable", "not-held", or "too-large: …", "malformed-envelope: …"
  bool refused = false;
};
// Welcome is on its way: the box is connected.
struct Up {
  std::string software;  // the box's
  std::uint32_t minor = 0;
  std::string last_ledger_id;  // the ledger the box last spoke to; another one: it was restored
};
struct Report {
  BoxReport report;
};
// The answer to order_key(): one for each at most.
struct KeyTold {
  KeyNews news;
};
// The last action. The driver ends the stream with this status and drops the session.
struct Close {
  CloseCode code = CloseCode::stopped;
  std::string reason;
};

}  // namespace centre_action

using CentreAction =
    std::variant<centre_action::Write, centre_action::LoadState, centre_action::Stage,
                 centre_action::Store, centre_action::Tombstone, centre_action::Up,
                 centre_action::Report, centre_action::KeyTold, centre_action::Close>;

class CentreSession {
 public:
  CentreSession(CentreConfig config, Now now);
  ~CentreSession();
  CentreSession(const CentreSession&) = delete;
  CentreSession& operator=(const CentreSession&) = delete;

  void on_frame(v1::BoxFrame frame, Now now);
  void on_state(CentreState state, Now now);
  void on_state_failed(const std::string& reason);
  void on_staged(std::uint64_t token, const StageOutcome& outcome, Now now);
  void on_stored(std::uint64_t token, const StoreOutcome& outcome, Now now);
  void on_tombstoned(std::uint64_t token, const TombstoneOutcome& outcome, Now now);
  void on_write_ready(Now now);  // the last Write is done
  void on_timer(Now now);

  void receipt(Receipt receipt,
               Now now);  // informational; the oldest go when the box does not read
  // Receipts that no Beat of the box proves to be read, for its next stream; once, after Close.
  std::vector<Receipt> take_unheard();
  // The centre stops: tells the box to come back after `retry_after`. Records in flight are still
  // settled; the box closes. The driver closes by itself if the box does not.
  void drain(std::chrono::milliseconds retry_after, const std::string& reason, Now now);
  void order_key(const std::string& order, Now now);      // the box shall change its key
  void key_taken(const std::string& order, Now now);      // what it told is let in
  void fence();                                           // a newer stream of this box is there
  void close(CloseCode code, const std::string& reason);  // ends it at once

  SteadyTime next_deadline() const;  // changes with every event
  std::vector<CentreAction> take_actions();

  bool is_up() const;  // welcomed and not closed
  bool is_closed() const;
  std::optional<ClockReading> clock() const;
  std::size_t stores_in_flight() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alarmwire::link
