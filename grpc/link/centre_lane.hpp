// One lane of the centre's end: what is expected next, the record that is arriving, what is in
// flight to the ledger, what is to be told to the box, and the credit. A part of CentreSession.
//
// Thread-safety: one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "grpc/link/centre_session.hpp"

namespace alarmwire::link {

class CentreLane {
 public:
  using Actions = std::vector<CentreAction>;
  using Verdict = StoreOutcome::Verdict;

  CentreLane(Lane lane, const LaneCredit& window, std::uint64_t record_bytes_max,
             std::uint64_t& next_token)
      : lane_(lane),
        window_(window),
        left_(window),
        record_bytes_max_(record_bytes_max),
        next_token_(&next_token) {}

  void know(EpochId epoch, std::uint64_t cursor) { epochs_[epoch] = {cursor, cursor + 1}; }
  void know_staged(const CentreState::Staged& staged) { staged_[staged.key] = staged; }
  // Says again what the box did not hear or keep: in order of seqs, before anything is stored.
  void repeat(const CentreState::Verdict& verdict);
  void repeated(EpochId epoch);  // … and that the rest up to the cursor is settled

  // Each answers what is wrong with the frame, or nothing.
  using Complaint = std::optional<std::string>;
  Complaint on_record(v1::Record& record, std::int64_t clock_offset_us, Actions& actions);
  Complaint on_chunk(v1::Chunk& chunk, Actions& actions);
  Complaint on_void(const v1::Void& gone, Actions& actions);

  // False: the token is not of this lane. A complaint is about the ledger here. Answers count in
  // the order of what they answer, however they come: none may pass over a verdict.
  using Answer = std::variant<StageOutcome, StoreOutcome, TombstoneOutcome>;
  bool has(std::uint64_t token) const { return in_flight_.contains(token); }
  Complaint on_answer(std::uint64_t token, const Answer& answer);

  bool take_settled(v1::Settled& settled);
  bool take_grant(v1::Credit& credit);
  std::size_t in_flight() const { return in_flight_.size(); }

 private:
  struct Epoch {
    std::uint64_t committed = 0;  // the ledger said so
    std::uint64_t expected = 1;   // the next seq to arrive
  };
  struct Open {
    RecordHeader header;
    std::uint64_t offset = 0;  // the next byte to arrive
    std::string body;
    bool staged = false;
    bool discarded = false;  // refused already: its bytes are let fall
    bool replayed = false;
    std::vector<std::string> receipted;
    std::int64_t clock_offset_us = 0;
    std::uint64_t bytes_used = 0;  // credit not handed to a Stage or Store yet
  };
  struct InFlight {
    enum class Kind { stage, store, tombstone };
    Kind kind = Kind::store;
    RecordKey key;  // of a tombstone: its last seq
    AlarmId id;
    std::uint64_t generation = 0;
    std::uint32_t records = 0;  // credit that returns with the answer
    std::uint64_t bytes = 0;
    std::string refused_code;  // of a tombstone made by the centre
    std::string refused_text;
    std::optional<Answer> answer;  // came before those of older ones
  };

  Complaint check(const v1::Record& record, const Epoch* epoch) const;
  Complaint check_place(const v1::Record& record, const RecordKey& key, const Epoch& epoch) const;
  Complaint use_credit(std::uint32_t records, std::uint64_t bytes);
  void return_credit(std::uint32_t records, std::uint64_t bytes);
  bool is_dropped(const RecordKey& key, std::uint64_t offset);
  void open(v1::Record& record, const RecordKey& key, std::int64_t clock_offset_us);
  void refuse(const RecordKey& key, const AlarmId& id, const std::string& code,
              const std::string& text, Actions& actions);
  void take_bytes(std::string bytes, Actions& actions);
  void store(Actions& actions);
  std::uint64_t put_in_flight(InFlight one);
  Complaint take(const InFlight& one, const StageOutcome& outcome);
  Complaint take(const InFlight& one, const StoreOutcome& outcome);
  Complaint take(const InFlight& one, const TombstoneOutcome& outcome);
  Complaint fall_back(const InFlight& one, std::uint64_t ledger_cursor, const std::string& code);
  void settle(const RecordKey& key, v1::Settled::Verdict verdict, const InFlight& one);
  void again(EpochId epoch, const std::string& code);

  Lane lane_;
  LaneCredit window_;
  LaneCredit left_;            // what the box may still send
  LaneCredit returned_{0, 0};  // to be granted
  std::uint64_t record_bytes_max_;
  std::uint64_t* next_token_;
  std::map<EpochId, Epoch> epochs_;
  std::map<RecordKey, CentreState::Staged> staged_;
  std::optional<Open> open_;
  std::map<std::uint64_t, InFlight> in_flight_;
  std::uint64_t generation_ = 0;  // grows with each `again`: older answers no longer count
  std::optional<RecordKey> rewind_to_;
  std::deque<v1::Settled> settled_;
};

}  // namespace alarmwire::link
