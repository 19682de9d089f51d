// All that the spool's one thread knows and does: the file, the account of its lanes and its space,
// and writing one group in one transaction.
//
// Nothing here calls back; the Engine does, after the Vault's functions have returned. Failures
// other than Errc::full and Errc::corrupt mean that the file is not to be trusted any more
// (is_fatal). Thread-safety: the spool's thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "edge/spool/ballast.hpp"
#include "edge/spool/lanes.hpp"
#include "edge/spool/quota.hpp"
#include "edge/spool/recent.hpp"
#include "edge/spool/spool.hpp"
#include "edge/spool/store.hpp"

namespace alarmwire::spool {

inline constexpr std::size_t join_window_records_max = 16384;
inline constexpr unsigned faults_on_full_disk_max = 64;  // these may use up the ballast

// A record ready for its group.
struct FinalItem {
  NewRecord record;
  std::uint64_t body_number = 0;  // of the chunks; 0: the body is inline
  std::uint64_t tail_number = 0;  // chunks written so far
  std::string tail;               // what is in no chunk yet
  RowId park_row = 0;             // re-entry: the old row is parked in the same transaction
  Spool::Callback<Spooled> done;

  std::size_t bytes() const { return record.envelope.size() + record.body.size() + tail.size(); }
};

struct ChunkItem {
  std::uint64_t body = 0;
  std::uint64_t number = 0;
  std::string bytes;
};

struct Written {
  std::vector<Result<Spooled>> finals;  // as the group's
  std::vector<Status> chunks;
};

bool is_fatal(const Failure& failure);

struct VaultConfig {
  std::string directory;
  std::uint64_t quota_bytes = 0;
  std::chrono::seconds settled_ring{0};
};

class Vault {
 public:
  // Loads what the file holds and starts `epoch` in it. A full disk does not stop it: the epoch is
  // then made durable with the first group.
  static Result<std::unique_ptr<Vault>> start(std::unique_ptr<Store> store,
                                              const VaultConfig& config, EpochId epoch,
                                              WallTimeUs now);

  // One group (or less of it, when there is no room) in one transaction. An error: fatal.
  Result<Written> write(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks,
                        WallTimeUs now);
  // Settled marks, parkings and the like that wait for a transaction, written now.
  Status flush();
  bool has_lazy_writes() const;
  bool has_urgent_writes() const {
    return !parkings_.empty() || !dooms_.empty() || receipts_.size() >= receipts_group_max;
  }

  Status settle(EpochId epoch, Lane lane, std::uint64_t up_to, WallTimeUs now);
  void note_receipt(const AlarmId& id, const std::string& outlet);
  Status park(const RecordKey& key, const std::string& reason, WallTimeUs now);
  // False: not held, or out of the way already. From here on until the row is parked (with the
  // record that enters, or by park()) nothing of its lane is settled past it.
  bool begin_reentry(const RecordKey& key);
  void doom(std::uint64_t body);  // a body that nobody wants any more

  std::vector<LaneRange> ranges() const { return book_.ranges(); }
  Result<StoredRecord> fetch(const RecordKey& key, std::size_t head_bytes_max);
  Result<std::string> fetch_body(const RecordKey& key, std::uint64_t offset, std::size_t bytes_max);
  Result<Row> read(const RecordKey& key);  // with its inline body; Errc::not_found
  Result<ListedRecord> find(const AlarmId& id);
  Result<bool> holds(const AlarmId& id);
  Result<std::vector<ListedRecord>> list(std::size_t limit, bool waiting_only);
  RowReader& rows() { return store_->rows(); }
  RowId row_of(const RecordKey& key);

  // Housekeeping in small steps; true: there is more to do at once.
  Result<bool> tidy(WallTimeUs now, bool is_idle);
  bool is_wal_too_long() const;    // tidy() before the next group
  Result<bool> vacuum_if_worth();  // true: more to do
  Status reconfigure(std::uint64_t quota_bytes, std::chrono::seconds settled_ring);
  bool is_full() const { return full_.is_full(); }
  void refused_early();  // a mail was refused by a first look at Snapshot::room_bytes
  // "spool-full" began (false) or ended (true) since the last call.
  std::optional<bool> take_full_change();
  Status probe_disk();  // while full: is there room again?

  void count(Snapshot& snapshot) const;
  const std::vector<std::uint64_t>& swept() const { return swept_; }
  std::uint64_t body_last() const { return body_last_; }
  void abandon() { store_->abandon(); }

 private:
  struct Plan;  // one attempt at one transaction
  struct Attempt {
    std::vector<std::size_t> finals;  // indices into the group
    std::vector<std::size_t> chunks;
  };
  struct Parking {
    RowId row;
    std::string reason;
    WallTimeUs at_us;
  };

  Vault(std::unique_ptr<Store> store, const VaultConfig& config)
      : config_(config),
        store_(std::move(store)),
        quota_(config.quota_bytes),
        ballast_(config.directory) {}

  Result<ListedRecord> listed(RowId number);
  Result<std::vector<RowId>> newest_waiting(std::size_t limit);
  Result<std::vector<std::string>> receipts_of(const Row& row);
  Status load_oldest();

  // vault_write.cpp
  Result<Attempt> admit(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks);
  Status try_write(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks,
                   const Attempt& attempt, Written& written, WallTimeUs now);
  Status write_alone(std::vector<FinalItem>& finals, std::vector<ChunkItem>& chunks,
                     const Attempt& attempt, Written& written, WallTimeUs now);
  Status put_tail(const FinalItem& item);
  Status put_chunk(const ChunkItem& chunk);
  Status put_final(FinalItem& item, std::size_t index, Plan& plan);
  Result<bool> join(const FinalItem& item, std::size_t index, Plan& plan);
  Result<std::optional<Row>> find_twin(const NewRecord& record);
  Status apply(std::vector<FinalItem>& finals, Plan& plan, Written& written);
  Status write_lazy();
  void lazy_written();

  // vault_room.cpp
  Result<bool> make_room(Lane lane, std::uint64_t cost_bytes);
  bool admits(Lane lane, std::uint64_t cost_bytes) const;
  std::uint64_t room_bytes(bool has_settled) const;
  Status measure();
  Status checkpoint();
  bool is_wal_long(bool is_idle) const;
  Result<bool> evict_oldest();
  Status evict(LaneState& lane, std::uint64_t up_to);
  Result<bool> expire(WallTimeUs now);
  Result<bool> delete_doomed();
  Status remove_empty_epochs();
  Status refresh_oldest(LaneState& lane);
  void mark_settled(const LaneState& lane, WallTimeUs now);
  Status was_parked(LaneState& lane, std::uint64_t waiting_bytes, WallTimeUs now);

  // vault_disk.cpp
  void begin_with_ballast();
  Status with_ballast(const std::function<Status()>& step);
  void refused(FullState::Cause cause);
  Status wrote();
  bool has_disk_room();
  bool lacks_disk_room() const;
  std::uint64_t own_room_bytes() const;
  Result<bool> shrink_for_ballast();

  VaultConfig config_;
  std::unique_ptr<Store> store_;
  LaneBook book_;
  Quota quota_;
  FullState full_;
  std::optional<bool> full_change_;
  JoinWindow window_{join_window_records_max};

  bool is_epoch_durable_ = false;
  WallTimeUs epoch_opened_us_ = 0;
  // By end of time slot and lane, so the oldest comes first: settled up to here.
  using MarkKey = std::pair<WallTimeUs, LaneKey>;
  std::map<MarkKey, std::uint64_t> marks_;
  std::set<MarkKey> dirty_marks_;                         // not in the file yet
  std::vector<Parking> parkings_;                         // not in the file yet
  std::vector<std::uint64_t> dooms_;                      // not in the file yet
  std::deque<std::pair<AlarmId, std::string>> receipts_;  // not in the file yet
  std::deque<std::uint64_t> doomed_;                      // in the file; to be deleted in slices
  std::vector<std::uint64_t> swept_;
  std::uint64_t body_last_ = 0;
  std::uint64_t used_bytes_ = 0;
  std::uint64_t free_bytes_ = 0;  // pages of the file that are not in use
  Ballast ballast_;
  unsigned faults_on_full_disk_ = 0;
  std::uint64_t wal_retry_frames_ = 0;  // after a checkpoint without room: not before this length
};

}  // namespace alarmwire::spool
