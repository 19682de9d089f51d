// The spool's thread: takes work from the desk, has the vault do it, and answers.
//
// Thread-safety: the Spool's functions from any thread; the rest is the spool's thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "edge/spool/copier.hpp"
#include "edge/spool/desk.hpp"
#include "edge/spool/files.hpp"
#include "edge/spool/recent.hpp"
#include "edge/spool/salvage.hpp"
#include "edge/spool/vault.hpp"

namespace alarmwire::spool {

inline constexpr std::size_t fresh_bytes_max = 4 * 1024 * 1024;

struct Fault {
  std::string code;
  std::string subject;
  std::string reason;
};

// Something long, done a slice at a time between groups.
class Job {
 public:
  virtual ~Job() = default;
  virtual void step() = 0;
  virtual bool is_waiting() const { return false; }  // for a commit of its own
  virtual bool is_done() const = 0;
};

class Engine final : public Spool {
 public:
  Engine(std::unique_ptr<DirectoryLock> lock, std::unique_ptr<Vault> vault, const Config& config,
         Observer& observer, std::vector<Fault> faults);
  ~Engine() override;

  UploadId begin_upload() override { return desk_.begin_upload(); }
  void append(UploadId upload, std::string bytes, Callback<void> done) override;
  void abort(UploadId upload) override { desk_.abort(upload); }
  void commit(NewRecord record, Callback<Spooled> done) override;
  void ranges(Callback<std::vector<LaneRange>> done) override;
  void fetch(const RecordKey& key, std::size_t head_bytes_max,
             Callback<StoredRecord> done) override;
  void fetch_body(const RecordKey& key, std::uint64_t offset, std::size_t bytes_max,
                  Callback<std::string> done) override;
  void verify(const RecordKey& key, Callback<void> done) override;
  void find(const AlarmId& id, Callback<ListedRecord> done) override;
  void list(std::size_t limit, bool waiting_only,
            Callback<std::vector<ListedRecord>> done) override;
  void settle(EpochId epoch, Lane lane, std::uint64_t up_to) override;
  void receipt(const AlarmId& id, const std::string& outlet) override;
  void park(const RecordKey& key, const std::string& reason) override;
  void reenter(const RecordKey& key, Callback<Spooled> done) override;
  bool has_room(std::uint64_t size) override;
  Snapshot snapshot() const override;
  void reconfigure(std::uint64_t quota_bytes, std::chrono::seconds settled_ring) override;

  // For jobs, on the spool's thread.
  Vault& vault() { return *vault_; }
  Desk& desk() { return desk_; }
  const Config& config() const { return config_; }
  void fault(const Fault& what, bool over);
  // True: it was fatal, and everything is closed now.
  bool check(const Failure& failure);

 private:
  void run();
  bool turn();  // false: stop
  std::chrono::milliseconds patience() const;
  // A checkpoint between two mails of one burst would delay the second: until when to wait with it.
  std::chrono::milliseconds quiet_in() const;
  void settle_all(const Work& work);
  void write_group(Work& work);
  void answer_group(Work& work, Written& written);
  void keep_fresh(FinalItem& item, const Spooled& spooled);
  void flush_when_due();
  void background(bool is_idle);
  void tell_full_change();
  void start_salvage();
  void fatal(const Failure& why);
  void refresh_snapshot();
  template <typename T, typename Answer>
  void read(Callback<T> done, const RecordKey* key, Answer answer);

  const Config config_;
  Observer& observer_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<Vault> vault_;
  Desk desk_;
  FreshRecords fresh_{fresh_bytes_max};
  std::vector<Fault> start_faults_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool is_fatal_ = false;
  bool has_more_ = true;  // housekeeping is not through
  SteadyTime lazy_since_{};
  SteadyTime background_last_{};
  SteadyTime busy_last_{};
  SteadyTime probe_last_{};
  std::uint64_t commits_ = 0;
  std::uint64_t committed_records_ = 0;

  mutable std::mutex snapshot_mutex_;
  Snapshot snapshot_;
  std::uint64_t quarantined_files_ = 0;
  std::thread thread_;  // last: runs on everything above
};

}  // namespace alarmwire::spool
