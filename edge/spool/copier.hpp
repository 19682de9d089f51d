// Brings one record in once more under the current epoch: in salvage and in re-entry. Its bytes are
// compared with its hash on the way; large bodies go through an upload, a chunk a step.
// Thread-safety: the spool's thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "edge/spool/row_reader.hpp"
#include "edge/spool/spool.hpp"

namespace alarmwire::spool {

class Copier {
 public:
  using Commit = std::function<void(NewRecord, Spool::Callback<Spooled>)>;
  // `source` must outlive the copier; `done` is called once: Errc::corrupt when the row is not
  // whole.
  Copier(Spool& spool, RowReader& source, Row row, Lane lane, Commit commit,
         Spool::Callback<Spooled> done);
  ~Copier();
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  void step();  // only when !is_waiting()
  bool is_waiting() const { return state_->is_waiting; }
  bool is_done() const { return state_->is_done; }

 private:
  // Shared with callbacks, which may come after the copier has gone.
  struct State {
    bool is_waiting = false;
    bool is_done = false;
    std::optional<Failure> failure;
  };
  void finish();
  void fail(const Failure& why);
  NewRecord record();

  Spool& spool_;
  RowReader& source_;
  Row row_;
  Lane lane_;
  Commit commit_;
  Spool::Callback<Spooled> done_;
  RecordHasher hasher_;
  UploadId upload_ = 0;
  std::uint64_t offset_ = 0;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace alarmwire::spool
