// A ledger in memory for this room's tests: hand-over rows, stage marks and bodies as the port
// says; callbacks run at once, on the caller's thread. What outlets never call answers
// Errc::unsupported.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::outlets {

class FakeLedger : public ledger::Ledger {
 public:
  // Puts a record in as if a box had sent it; position by order.
  ledger::Record add(const BoxId& box, Lane lane, const Envelope& envelope, std::string body,
                     bool replayed = false);
  // The next `count` writes of outlets fail with Errc::busy; reads with Errc::io.
  void fail_writes(int count);
  void fail_reads(int count);
  void fail_lists(bool fail);  // hand_overs()
  // Called by each hand_overs() after it has read and before it answers, without the lock.
  void while_listing(std::function<void()> then);
  ledger::HandOver hand_over(ledger::Position position) const;
  std::size_t count(ledger::HandOverState state) const;
  std::size_t body_bytes_max_read() const { return body_bytes_max_read_; }
  void set_state(ledger::Position position, ledger::HandOverState state);

  std::string id() const override { return std::string(16, 'x'); }
  void store(ledger::Incoming incoming, Callback<ledger::StoreResult> done) override;
  void stage(BoxId, RecordKey, Hash, std::uint64_t, std::string,
             Callback<std::uint64_t> done) override;
  void tombstone(ledger::Tombstone, Callback<std::uint64_t> done) override;
  void book_own(BoxId box, AlarmId, Envelope envelope, Callback<ledger::Record> done) override;
  void set_outlets(std::vector<std::string>, Callback<void> done) override;
  void set_hand_over(const std::string& outlet, ledger::HandOver hand_over,
                     Callback<void> done) override;
  void mark_stage(BoxId box, AlarmId id, ledger::StageMark mark, Callback<void> done) override;
  void apply_retention(ledger::RetentionRule, WallTimeUs, Callback<std::uint64_t> done) override;
  Result<std::vector<ledger::Cursor>> cursors(const BoxId&) const override;
  Result<std::vector<ledger::StagedBody>> staged(const BoxId&) const override;
  Result<std::vector<ledger::Record>> read_after(ledger::Position, std::size_t) const override;
  Result<std::vector<ledger::Record>> list(const ledger::ListFilter&) const override;
  Result<ledger::Record> find(const AlarmId& id) const override;
  Result<ledger::Record> at(ledger::Position position) const override;
  Result<std::string> body(ledger::Position position, std::uint64_t offset,
                           std::size_t bytes_max) const override;
  Result<std::vector<ledger::StageMark>> stages(const AlarmId& id) const override;
  Result<std::vector<ledger::Tombstone>> tombstones(const BoxId&, std::size_t) const override;
  Result<std::vector<ledger::Tombstone>> refused(
      const BoxId&, const std::vector<ledger::SeqRange>&) const override {
    return std::vector<ledger::Tombstone>();
  }
  Result<std::vector<ledger::HandOver>> hand_overs(const std::string& outlet,
                                                   ledger::HandOverState state,
                                                   ledger::Position after,
                                                   std::size_t limit) const override;
  Result<std::uint64_t> count_hand_overs(const std::string& outlet,
                                         ledger::HandOverState state) const override;
  Result<std::vector<ledger::Owed>> owed() const override;
  Result<std::vector<std::pair<std::string, ledger::HandOver>>> hand_overs_of(
      ledger::Position) const override;
  ledger::Snapshot snapshot() const override;

 private:
  struct Row {
    ledger::Record record;
    std::string body;
    ledger::HandOver hand_over;
    std::vector<ledger::StageMark> marks;
  };
  bool take_failure(int& left) const;
  bool may_write();

  mutable std::mutex mutex_;
  std::map<ledger::Position, Row> rows_;
  int failing_writes_ = 0;
  mutable int failing_reads_ = 0;
  bool failing_lists_ = false;
  std::function<void()> while_listing_;
  mutable std::size_t body_bytes_max_read_ = 0;
};

}  // namespace alarmwire::outlets
