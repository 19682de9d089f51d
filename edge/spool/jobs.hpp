// The long things the spool does a slice at a time: verifying a large record, entering one again,
// salvaging a quarantined file. Thread-safety: the spool's thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "edge/spool/engine.hpp"

namespace alarmwire::spool {

class VerifyJob final : public Job {
 public:
  VerifyJob(Engine& engine, RecordKey key, Spool::Callback<void> done);
  void step() override;
  bool is_done() const override { return is_done_; }

 private:
  void finish(const Status& status);
  Engine& engine_;
  RecordKey key_;
  Spool::Callback<void> done_;
  std::optional<RecordHasher> hasher_;
  Hash hash_{};
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
  bool is_done_ = false;
};

class ReenterJob final : public Job {
 public:
  ReenterJob(Engine& engine, RecordKey key, Spool::Callback<Spooled> done);
  void step() override;
  bool is_waiting() const override;
  bool is_done() const override { return is_done_; }

 private:
  void begin(Row row);
  void on_unreadable(const Failure& why);
  void finish(const Result<Spooled>& result);
  Engine& engine_;
  RecordKey key_;
  Spool::Callback<Spooled> done_;
  std::unique_ptr<Copier> copier_;
  SteadyTime not_before_{};
  bool is_done_ = false;
};

class SalvageJob final : public Job {
 public:
  SalvageJob(Engine& engine, std::string name);
  void step() override;
  bool is_waiting() const override;
  bool is_done() const override { return is_done_; }

 private:
  void enter(Salvage::Found found);
  void finish(const std::string& reason);
  Engine& engine_;
  const std::string name_;
  std::unique_ptr<Salvage> salvage_;
  std::unique_ptr<Copier> copier_;
  std::optional<RowId> again_;  // no room: once more, later
  SteadyTime not_before_{};
  std::uint64_t salvaged_ = 0;
  bool is_open_ = false;
  // The spool closes: what was in hand did not enter.
  const std::shared_ptr<bool> is_cut_off_ = std::make_shared<bool>(false);
  bool is_done_ = false;
};

}  // namespace alarmwire::spool
