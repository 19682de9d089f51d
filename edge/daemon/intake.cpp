#include "edge/daemon/intake.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace alarmwire::edge {

// A mail on its way in. Small bodies stay in memory until the final commit, also those of most
// pictures, as long as there is room for them: that saves a sync, and wear. A larger one goes to
// the spool in chunks as it comes, one at a time: that is the backpressure the device feels, and
// why memory stays flat.
class SpoolIntake::Mail final : public smtp::IncomingMail {
 public:
  Mail(SpoolIntake& intake, const Envelope& envelope, smtp::ReplyMode mode)
      : intake_(intake),
        envelope_(envelope),
        mode_(mode),
        envelope_bytes_(encode_envelope(envelope)),
        hasher_(envelope_bytes_),
        alive_(std::make_shared<bool>(true)) {}

  ~Mail() override {
    *alive_ = false;
    keep(0);
    if (upload_ != 0 && !committed_) intake_.spool_.abort(upload_);
  }

  void append(std::string bytes, std::function<void()> done) override {
    hasher_.update(bytes);
    size_ += bytes.size();
    if (failure_) return later(std::move(done));
    if (upload_ == 0 && keep(body_.size() + bytes.size())) {
      if (body_.empty())
        body_ = std::move(bytes);
      else
        body_ += bytes;
      return later(std::move(done));
    }
    if (upload_ == 0) upload_ = intake_.spool_.begin_upload();
    body_ += bytes;
    append_kept(std::move(done));
  }

  void finish(WallTimeUs accepted_us, std::function<void(smtp::Outcome)> done) override {
    if (failure_) return later([this, done = std::move(done)] { done(failed(*failure_)); });
    spool::NewRecord record;
    record.id = AlarmId::make(accepted_us);
    record.lane = intake_.rules_.lane_of(envelope_, size_, intake_.acknowledger_.is_up());
    record.device = envelope_.device;
    record.envelope = std::move(envelope_bytes_);
    record.hash = hasher_.finish();
    record.accepted_us = accepted_us;
    record.body = std::move(body_);
    keep(0);
    record.upload = upload_;
    record.size = size_;
    // Only a device that heard 451 sends the same mail again. Who heard 250 and sends the same
    // bytes means it: panels with constant texts do, for every alarm.
    record.may_join = mode_ == smtp::ReplyMode::pass_through;
    committed_ = true;
    intake_.spool_.commit(std::move(record),
                          on_thread<Result<spool::Spooled>>(
                              [this, done = std::move(done)](Result<spool::Spooled> result) {
                                on_spooled(result, done);
                              }));
  }

 private:
  // The spool calls back on its own thread, and perhaps when this mail is gone.
  template <typename T>
  std::function<void(T)> on_thread(std::function<void(T)> handler) {
    return [&context = intake_.context_, alive = alive_, handler = std::move(handler)](T result) {
      boost::asio::post(context, [alive, handler, result = std::move(result)]() mutable {
        if (*alive) handler(std::move(result));
      });
    };
  }

  void later(std::function<void()> call) {
    boost::asio::post(intake_.context_, [alive = alive_, call = std::move(call)] {
      if (*alive) call();
    });
  }

  // May so much of the body stay in memory? What fits into a row of its own always may.
  bool keep(std::size_t bytes) {
    const std::size_t beyond =
        bytes > spool::inline_body_bytes_max ? bytes - spool::inline_body_bytes_max : 0;
    const std::size_t others = intake_.kept_bytes_ - kept_bytes_;
    if (bytes > spool::whole_body_bytes_max || others + beyond > kept_bytes_max) return false;
    intake_.kept_bytes_ = others + beyond;
    kept_bytes_ = beyond;
    return true;
  }

  // Piece by piece, until nothing is kept any more.
  void append_kept(std::function<void()> done) {
    std::string piece = body_.substr(0, spool::chunk_bytes_max);
    body_.erase(0, piece.size());
    append_chunk(std::move(piece), [this, done = std::move(done)]() mutable {
      if (!failure_ && !body_.empty()) return append_kept(std::move(done));
      body_.clear();
      keep(0);
      done();
    });
  }

  void append_chunk(std::string bytes, std::function<void()> done) {
    intake_.spool_.append(upload_, std::move(bytes),
                          on_thread<Status>([this, done = std::move(done)](const Status& status) {
                            if (status.has_error()) failure_ = status.error();
                            done();
                          }));
  }

  void on_spooled(const Result<spool::Spooled>& result,
                  const std::function<void(smtp::Outcome)>& done) {
    if (result.has_error()) return done(failed(result.error()));
    const smtp::Outcome spooled{smtp::Outcome::Kind::spooled, result->id, {}};
    if (mode_ == smtp::ReplyMode::store_and_forward) return done(spooled);
    intake_.acknowledger_.wait_stored(result->key, intake_.ack_wait(envelope_.listener),
                                      [this, alive = alive_, spooled, done](bool stored) {
                                        if (!*alive) return;
                                        smtp::Outcome outcome = spooled;
                                        if (stored)
                                          outcome.kind = smtp::Outcome::Kind::stored;
                                        else if (mode_ == smtp::ReplyMode::pass_through)
                                          outcome.kind = smtp::Outcome::Kind::unconfirmed;
                                        done(outcome);
                                      });
  }

  static smtp::Outcome failed(const Failure& failure) {
    const bool full = failure.is(Errc::full);
    return {
        full ? smtp::Outcome::Kind::full : smtp::Outcome::Kind::failed, {}, failure.diagnostics};
  }

  SpoolIntake& intake_;
  const Envelope envelope_;
  const smtp::ReplyMode mode_;
  std::string envelope_bytes_;
  RecordHasher hasher_;
  std::string body_;
  std::uint64_t size_ = 0;
  std::size_t kept_bytes_ = 0;  // of intake_.kept_bytes_
  spool::UploadId upload_ = 0;
  bool committed_ = false;
  std::optional<Failure> failure_;
  std::shared_ptr<bool> alive_;
};

SpoolIntake::SpoolIntake(boost::asio::io_context& context, spool::Spool& spool,
                         uplink::Acknowledger& acknowledger, FaultDesk& faults, LaneRules rules,
                         AckWaits ack_waits)
    : context_(context),
      spool_(spool),
      acknowledger_(acknowledger),
      faults_(faults),
      rules_(std::move(rules)),
      ack_waits_(std::move(ack_waits)) {}

SpoolIntake::~SpoolIntake() = default;

std::chrono::milliseconds SpoolIntake::ack_wait(const std::string& listener) const {
  const auto found = ack_waits_.find(listener);
  return found != ack_waits_.end() ? found->second : ack_wait_default;
}

std::unique_ptr<smtp::IncomingMail> SpoolIntake::begin(const Envelope& envelope,
                                                       smtp::ReplyMode mode,
                                                       std::optional<std::uint64_t>) {
  return std::make_unique<Mail>(*this, envelope, mode);
}

bool SpoolIntake::has_room(std::uint64_t size) {
  return spool_.has_room(size);
}

void SpoolIntake::lost(const Envelope& envelope, const std::string& reason) {
  faults_.event("", std::string(fault::mail_lost), envelope.device, reason, envelope);
}

void SpoolIntake::reconfigure(LaneRules rules, AckWaits ack_waits) {
  rules_ = std::move(rules);
  ack_waits_ = std::move(ack_waits);
}

}  // namespace alarmwire::edge
