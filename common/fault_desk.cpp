#include "common/fault_desk.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/files.hpp"
#include "common/messages.hpp"

namespace alarmwire {

FaultDesk::FaultDesk(boost::asio::io_context& context, std::string state_file)
    : context_(context),
      state_file_(std::move(state_file)),
      timer_(context),
      alive_(std::make_shared<bool>(true)) {
  const Result<std::string> saved = read_file(state_file_);
  if (saved.has_error() && saved.error().is(Errc::not_found)) return;
  const Status loaded = saved.has_error() ? Status(saved.error()) : book_.load(*saved);
  if (loaded.has_error())
    log::write(FAULT_STATE_FILE, {{"path", state_file_}, {"reason", loaded.error().diagnostics}});
}

void FaultDesk::open_with(Booker booker) {
  booker_ = std::move(booker);
  tick();
}

void FaultDesk::close() {
  booker_ = nullptr;
  *alive_ = false;
  timer_.cancel();
}

void FaultDesk::report(std::string box, std::string code, std::string subject, std::string reason,
                       bool over) {
  if (!fault::is_state(code)) {
    if (!over) event(std::move(box), std::move(code), std::move(subject), std::move(reason));
    return;
  }
  boost::asio::dispatch(context_,
                        [this, alive = alive_, box = std::move(box), code = std::move(code),
                         subject = std::move(subject), reason = std::move(reason), over] {
                          if (!*alive) return;
                          std::optional<FaultBook::Entry> entry =
                              over ? book_.end(box, code, subject, reason)
                                   : book_.raise(box, code, subject, reason, wall_now_us());
                          if (!entry) return;
                          save();
                          add(std::move(entry));
                        });
}

void FaultDesk::event(std::string box, std::string code, std::string subject, std::string reason,
                      Envelope about) {
  boost::asio::dispatch(context_, [this, alive = alive_, box = std::move(box),
                                   code = std::move(code), subject = std::move(subject),
                                   reason = std::move(reason), about = std::move(about)]() mutable {
    if (*alive) add(book_.event(box, code, subject, reason, steady_now(), std::move(about)));
  });
}

void FaultDesk::add(std::optional<FaultBook::Entry> entry) {
  if (!entry) return;
  const Envelope& envelope = entry->envelope;
  log::write(envelope.kind == RecordKind::fault ? FAULT_RAISED : FAULT_OVER,
             {{"box", entry->box},
              {"code", envelope.fault_code},
              {"subject", envelope.fault_subject},
              {"reason", envelope.fault_reason}});
  if (pending_.size() >= pending_max) {
    log::write(FAULT_DROPPED, {{"box", entry->box}, {"code", envelope.fault_code}});
    return;
  }
  pending_.push_back(std::move(*entry));
  book_next();
}

// One at a time: faults keep their order, and a full disk is asked again only after a while.
void FaultDesk::book_next() {
  if (!booker_ || booking_ || pending_.empty()) return;
  booking_ = true;
  booker_(pending_.front(), [this, alive = alive_](bool booked) {
    boost::asio::post(context_, [this, alive, booked] {
      if (!*alive) return;
      booking_ = false;
      if (!booked) return;  // stays in front; tick() tries again
      pending_.pop_front();
      book_next();
    });
  });
}

void FaultDesk::save() {
  const Status saved = write_file_atomically(state_file_, book_.save());
  if (saved.has_error())
    log::write(FAULT_STATE_FILE, {{"path", state_file_}, {"reason", saved.error().diagnostics}});
}

void FaultDesk::tick() {
  for (FaultBook::Entry& entry : book_.tick(steady_now())) add(std::move(entry));
  book_next();
  timer_.expires_after(retry_after);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) tick();
  });
}

}  // namespace alarmwire
