#include "common/fault_desk.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "common/files.hpp"
#include "common/messages.hpp"

namespace alarmwire {
namespace {

namespace json = boost::json;

const json::array* array_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_array() ? &value->get_array() : nullptr;
}

std::optional<FaultBook::Entry> entry_of(const json::value& item) {
  if (!item.is_object()) return std::nullopt;
  const std::optional<std::string> bytes =
      from_base64(control::text_of(item.get_object(), "envelope"));
  if (!bytes) return std::nullopt;
  const Result<Envelope> envelope = decode_envelope(*bytes);
  if (envelope.has_error()) return std::nullopt;
  // Files of before have no id.
  const std::optional<AlarmId> id = AlarmId::parse(control::text_of(item.get_object(), "id"));
  return FaultBook::Entry{control::text_of(item.get_object(), "box"), *envelope,
                          id ? *id : AlarmId::make(wall_now_us())};
}

}  // namespace

FaultDesk::FaultDesk(boost::asio::io_context& context, std::string state_file)
    : context_(context),
      state_file_(std::move(state_file)),
      timer_(context),
      drain_timer_(context),
      alive_(std::make_shared<bool>(true)) {
  load();
}

void FaultDesk::load() {
  const auto complain = [this](const std::string& reason) {
    log::write(FAULT_STATE_FILE, {{"path", state_file_}, {"reason", reason}});
  };
  const Result<std::string> saved = read_file(state_file_);
  if (saved.has_error()) {
    if (!saved.error().is(Errc::not_found)) complain(saved.error().diagnostics);
    return;
  }
  boost::system::error_code error;
  const json::value value = json::parse(*saved, error);
  if (error || !value.is_object()) return complain("not a JSON object");
  if (const json::array* open = array_at(value.get_object(), "open")) book_.from_json(*open);
  if (const json::array* pending = array_at(value.get_object(), "pending"))
    for (const json::value& item : *pending)
      if (std::optional<FaultBook::Entry> entry = entry_of(item);
          entry && pending_.size() < pending_max)
        pending_.push_back(std::move(*entry));
  file_has_pending_ = !pending_.empty();
}

void FaultDesk::save() {
  json::array pending;
  for (const FaultBook::Entry& entry : pending_)
    pending.push_back({{"box", entry.box},
                       {"id", entry.id.to_string()},
                       {"envelope", to_base64(encode_envelope(entry.envelope))}});
  file_has_pending_ = !pending.empty();
  const json::object state{{"open", book_.to_json()}, {"pending", std::move(pending)}};
  const Status saved = write_file_atomically(state_file_, json::serialize(state));
  if (saved.has_error())
    log::write(FAULT_STATE_FILE, {{"path", state_file_}, {"reason", saved.error().diagnostics}});
}

void FaultDesk::open_with(Booker booker) {
  booker_ = std::move(booker);
  tick();
}

void FaultDesk::drain(std::function<void()> done) {
  drained_ = std::move(done);
  for (FaultBook::Entry& entry : book_.flush()) add(std::move(entry));
  drain_timer_.expires_after(drain_max);
  drain_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) finish_drain();
  });
  book_next();
  if (pending_.empty()) finish_drain();
}

void FaultDesk::finish_drain() {
  drain_timer_.cancel();
  if (const auto done = std::exchange(drained_, nullptr)) done();
}

void FaultDesk::close() {
  if (*alive_ && (!pending_.empty() || file_has_pending_)) save();
  booker_ = nullptr;
  *alive_ = false;
  timer_.cancel();
  drain_timer_.cancel();
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
                          add(std::move(entry));
                          save();  // with the entry among the unbooked: neither the fault nor its
                                   // record can be lost by a kill
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
  entry->id = AlarmId::make(wall_now_us());
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
  booker_(pending_.front(), [this, alive = alive_, &context = context_](Booked booked) {
    boost::asio::post(context, [this, alive, booked] {
      if (*alive) on_booked(booked);
    });
  });
}

void FaultDesk::on_booked(Booked booked) {
  booking_ = false;
  if (booked == Booked::later) {
    if (!file_has_pending_) save();  // it may wait for long: a restart must not lose it
    return;                          // stays in front; tick() tries again
  }
  if (booked == Booked::never)
    log::write(FAULT_DROPPED,
               {{"box", pending_.front().box}, {"code", pending_.front().envelope.fault_code}});
  pending_.pop_front();
  book_next();
  if (!pending_.empty()) return;
  if (file_has_pending_) save();
  finish_drain();
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
