// The box's end of one stream, without I/O: events and the time go in, actions come out.
//
// It sends what the centre does not have, lane by lane: strict priority, with a small share for the
// lower lanes; FIFO within a lane, epochs oldest first, from the centre's cursor on. Records larger
// than a frame go as chunks, between which other lanes go first. What the centre settled is told by
// the action Settled; nothing else may be taken as an acknowledgement.
//
// The driver: one session per stream, made from the spool's ranges; feeds it events on one thread,
// then takes and performs the actions in order. Fetch, FetchBody and Verify are answered once each,
// in any order. One Write is outstanding at a time: on_write_ready() follows each. Calls on_timer()
// when next_deadline() is reached.
//
// Sources: design 5.3; docs/link.md. Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/record.hpp"
#include "grpc/link/centre_session.hpp"  // Receipt, BoxReport
#include "grpc/link/session.hpp"
#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

struct BoxConfig {
  std::string software;
  std::chrono::milliseconds welcome_timeout{10000};
};

inline constexpr std::size_t fetch_ahead_records_max = 32;        // per lane
inline constexpr std::size_t fetch_ahead_bytes_max = 512 * 1024;  // per lane
inline constexpr int mismatches_before_verify = 3;
inline constexpr std::chrono::milliseconds again_backoff_min{100};
inline constexpr std::chrono::milliseconds again_backoff_max{5000};
inline constexpr std::chrono::milliseconds drain_wait_max{2000};

// What the spool holds of one lane of one epoch (the same words as in spool.hpp).
struct HeldRange {
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t first_held = 0;
  std::uint64_t first_unsettled = 1;
  std::uint64_t last = 0;
};

struct FetchedRecord {
  RecordHeader header;
  std::string head;                    // the first bytes of the body
  bool parked = false;                 // out of the way already: a repeated refusal is no news
  std::vector<std::string> receipted;  // outlets whose far side took it, as far as we know
};
enum class FetchResult : std::uint8_t {
  ok,
  not_held,    // never was, or evicted
  unreadable,  // the row is there, its bytes are damaged
  failed,      // try again
};

namespace box_action {

struct Write {
  v1::BoxFrame frame;
};
struct Fetch {
  RecordKey key;
  std::size_t head_bytes_max = 0;
};
struct FetchBody {
  RecordKey key;
  std::uint64_t offset = 0;
  std::size_t bytes_max = 0;
};
struct Verify {
  RecordKey key;
};
// The centre welcomed us.
struct Up {
  std::uint64_t session = 0;
  std::string ledger_id;
  std::string software;      // the centre's
  std::string peer_address;  // where it sees us; "": it does not say
};
// The Record frame that completes the record went to the transport (no acknowledgement).
struct Sent {
  RecordKey key;
  AlarmId id;
};
// Everything of the lane and epoch up to `up_to` is in the ledger, or has its tombstone there.
struct Settled {
  EpochId epoch;
  Lane lane = Lane::alarm;
  std::uint64_t up_to = 0;
  WallTimeUs stored_us = 0;       // centre's clock; 0: learnt from the Welcome
  std::vector<RecordKey> stored;  // those sent on this stream that are stored now
  std::vector<AlarmId> ids;       // of `stored`, in the same order
};
// Before the lane is settled past it: a verdict is told again until it is. Both may come again for
// a row that is out of the way already.
struct Park {
  RecordKey key;
  std::string reason;
};
struct Reenter {
  RecordKey key;
};
// "record-mismatch". What leaves a tombstone at the centre, or meets a conflict there, is booked
// as a fault there.
struct Fault {
  std::string code;
  std::string subject;
  std::string reason;
};
struct Received {
  Receipt receipt;
};
// The box shall make itself a new key, and tell it by say_key().
struct KeyOrdered {
  std::string order;
};
// The centre lets that key in.
struct KeyTaken {
  std::string order;
};
// The last action: end the stream, drop the session, come back after `retry_after` (0: as usual).
struct Close {
  CloseCode code = CloseCode::stopped;
  std::string reason;
  std::chrono::milliseconds retry_after{0};
};

}  // namespace box_action

using BoxAction =
    std::variant<box_action::Write, box_action::Fetch, box_action::FetchBody, box_action::Verify,
                 box_action::Up, box_action::Sent, box_action::Settled, box_action::Park,
                 box_action::Reenter, box_action::Fault, box_action::Received,
                 box_action::KeyOrdered, box_action::KeyTaken, box_action::Close>;

class BoxSession {
 public:
  // `ranges`: as the spool gives them, epochs oldest first, the last one current. The first action
  // is the Hello. Of more than hello_ranges_max ranges, those that wait for nothing are left out
  // first, then, lane by lane, the newest: once the others are settled the session closes, and they
  // go with the next stream.
  BoxSession(BoxConfig config, std::vector<HeldRange> ranges, std::string last_ledger_id, Now now);
  ~BoxSession();
  BoxSession(const BoxSession&) = delete;
  BoxSession& operator=(const BoxSession&) = delete;

  void on_frame(v1::CentreFrame frame, Now now);
  void on_record(const RecordKey& key, Now now);  // a new record is durable
  void on_fetched(const RecordKey& key, FetchResult result, FetchedRecord record, Now now);
  void on_body(const RecordKey& key, std::uint64_t offset, FetchResult result, std::string bytes,
               Now now);
  void on_verified(const RecordKey& key, FetchResult result, Now now);
  void on_write_ready(Now now);
  void on_timer(Now now);

  void ask(Now now);                     // the centre answers at once, if it can be heard
  void report(const BoxReport& report);  // goes out with the next Beat
  void say_key(const KeyNews& news, Now now);
  void close(const std::string& reason);  // says Bye when it may write, closes

  SteadyTime next_deadline() const;
  std::vector<BoxAction> take_actions();

  bool is_up() const;
  bool is_closed() const;
  std::optional<ClockReading> clock() const;
  std::size_t records_in_flight() const;  // sent and not settled

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace alarmwire::link
