// One lane of the box's end: which record is next, what is fetched ahead, what is open in
// mid-record, what is sent and not settled, and the credit. A part of BoxSession.
//
// Thread-safety: one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "grpc/link/box_session.hpp"

namespace alarmwire::link {

class BoxLane {
 public:
  using Actions = std::vector<BoxAction>;

  explicit BoxLane(Lane lane) : lane_(lane) {}

  // Before the Welcome.
  void add_range(const HeldRange& range);
  // From the Welcome.
  void set_cursor(const v1::Cursor& cursor, Actions& actions);
  void set_staged(const v1::Staged& staged);
  void add_credit(const v1::Credit& credit);
  void begin();  // all cursors are known

  void on_record(const RecordKey& key);
  void on_fetched(const RecordKey& key, FetchResult result, FetchedRecord record, Now now,
                  Actions& actions);
  void on_body(const RecordKey& key, std::uint64_t offset, FetchResult result, std::string bytes,
               Now now, Actions& actions);
  void on_verified(const RecordKey& key, FetchResult result, Now now, Actions& actions);
  // False: the centre settles what was never sent.
  bool on_settled(const v1::Settled& settled, Now now, Actions& actions);

  // Fetches what may be needed soon.
  void fetch_ahead(Now now, Actions& actions);
  // Size of the frame that could go now; 0: none.
  std::size_t frame_bytes(Now now, bool may_open) const;
  void take_frame(v1::BoxFrame& frame, Actions& actions);

  // Of the frames to come; frames that are cut small leave a slow line to other lanes sooner.
  void set_packs(bool packs) { packs_ = packs; }
  void set_frame_data_bytes_max(std::size_t bytes) { frame_data_bytes_max_ = bytes; }
  void set_record_bytes_max(std::uint64_t bytes) { record_bytes_max_ = bytes; }
  SteadyTime deadline() const;  // a retry or the end of a backoff
  Lane lane() const { return lane_; }
  bool is_all_settled() const;  // and the spool was told
  std::size_t in_flight() const { return in_flight_.size(); }
  bool is_mid_record() const { return !slots_.empty() && slots_.front().opened; }

 private:
  struct Epoch {
    HeldRange held;
    std::uint64_t cursor = 0;  // settled, says the centre
    std::uint64_t told = 0;    // of it, told to the spool: verdicts behind it come again
    std::uint64_t sent = 0;    // highest seq given to this stream
  };
  struct Slot {
    enum class State { fetching, waiting, verifying, ready, lost };
    RecordKey key;
    std::uint64_t last_seq = 0;  // of a lost range; else key.seq
    State state = State::fetching;
    SteadyTime retry_at{};
    int tries = 0;
    FetchedRecord record;
    std::uint64_t offset = 0;  // of `record.head`, which holds the bytes to go next
    bool opened = false;       // its Record frame is out
    bool body_asked = false;
    std::string reason;  // of a lost one
  };
  struct InFlight {
    RecordKey key;
    std::uint64_t last_seq = 0;
    AlarmId id;
    bool parked = false;
    bool lost = false;
  };

  Epoch* find_epoch(EpochId epoch);
  Slot* find_slot(const RecordKey& key);
  bool push_next_slot(Actions& actions);
  void lose(Slot& slot, const std::string& reason, Actions& actions);
  void fetch_body(Actions& actions);
  bool waits_for_older_epoch() const;
  std::size_t next_data_bytes(const Slot& slot) const;
  bool is_too_large(const Slot& slot) const;
  template <typename Message>
  void put_data(Slot& slot, std::size_t count, Message& message);
  void take_record(Slot& slot, v1::BoxFrame& frame);
  void take_chunk(Slot& slot, v1::BoxFrame& frame);
  void take_void(v1::BoxFrame& frame);
  void finish_front(Actions& actions);
  void refuse(const Epoch& epoch, const v1::Settled& settled, Actions& actions);
  void advance(Epoch& epoch, const v1::Settled& settled, Actions& actions);
  void rewind(const v1::Settled& settled, Now now, Actions& actions);
  void hold(Now now);
  bool is_replayed(const RecordKey& key);

  Lane lane_;
  std::vector<Epoch> epochs_;  // oldest first
  std::size_t at_epoch_ = 0;   // where the next slot comes from
  std::uint64_t next_seq_ = 0;
  std::deque<Slot> slots_;
  std::deque<InFlight> in_flight_;
  std::size_t fetches_outstanding_ = 0;
  std::map<RecordKey, std::pair<std::uint64_t, std::string>> staged_;  // offset, hash
  std::map<EpochId, std::uint64_t> unlisted_cursors_;  // of epochs that had no range here
  std::set<RecordKey> unreadable_;                     // found damaged by verify, not settled yet
  std::uint64_t credit_records_ = 0;
  std::uint64_t credit_bytes_ = 0;
  std::uint64_t record_bytes_max_ = 0;
  std::size_t frame_data_bytes_max_ = chunk_data_bytes_max;
  bool packs_ = false;  // the centre unpacks
  // After `again`:
  RecordKey again_key_;
  int again_tries_ = 0;
  bool again_verifying_ = false;
  SteadyTime hold_until_{};
};

}  // namespace alarmwire::link
