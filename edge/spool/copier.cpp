#include "edge/spool/copier.hpp"

namespace alarmwire::spool {

Copier::Copier(Spool& spool, RowReader& source, Row row, Lane lane, Commit commit,
               Spool::Callback<Spooled> done)
    : spool_(spool),
      source_(source),
      row_(std::move(row)),
      lane_(lane),
      commit_(std::move(commit)),
      done_(std::move(done)),
      hasher_(row_.envelope) {}

Copier::~Copier() {
  if (!state_->is_done && upload_ != 0) spool_.abort(upload_);
}

void Copier::step() {
  if (state_->failure) return fail(*state_->failure);
  Result<std::string> bytes = source_.read_body(row_, offset_, chunk_bytes_max);
  if (bytes.has_error()) return fail({Errc::corrupt, bytes.error().diagnostics});
  hasher_.update(*bytes);
  offset_ += bytes->size();
  if (row_.body_number == 0 || bytes->empty()) return finish();
  if (upload_ == 0) upload_ = spool_.begin_upload();
  state_->is_waiting = true;
  auto appended = [state = state_](const Result<void>& result) {
    state->is_waiting = false;
    if (result.has_error()) state->failure = result.error();
  };
  spool_.append(upload_, std::move(*bytes), std::move(appended));
}

void Copier::finish() {
  if (offset_ != row_.size || hasher_.finish() != row_.hash)
    return fail({Errc::corrupt, "the row does not match its hash"});
  state_->is_waiting = true;
  auto committed = [state = state_, done = std::move(done_)](const Result<Spooled>& result) {
    state->is_waiting = false;
    state->is_done = true;
    done(result);
  };
  commit_(record(), std::move(committed));
}

void Copier::fail(const Failure& why) {
  if (upload_ != 0) spool_.abort(upload_);
  state_->is_done = true;
  done_(why);
}

NewRecord Copier::record() {
  NewRecord record;
  record.id = row_.id;
  record.lane = lane_;
  record.device = "(salvage)";
  record.envelope = std::move(row_.envelope);
  record.hash = row_.hash;
  record.accepted_us = row_.accepted_us;
  record.body = std::move(row_.body);
  record.upload = upload_;
  record.size = row_.size;
  record.may_join = false;
  return record;
}

}  // namespace alarmwire::spool
