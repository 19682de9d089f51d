#include "edge/smtp/connection_asio.hpp"

#include <netinet/tcp.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "edge/smtp/diagnosis.hpp"
#include "edge/smtp/messages.hpp"

namespace alarmwire::smtp {

using boost::asio::ip::tcp;
using boost::system::error_code;

void log_of_device(DoorShared& shared, const Device& device, const log::Event& event,
                   std::string_view listener, std::string_view detail) {
  const DeviceTable::Share share = shared.devices.share_of_log(device, steady_now());
  if (share.dropped_before > 0) {
    log::write(SMTP_REMARKS_DROPPED, {{"device", device.name},
                                      {"device_address", device.address},
                                      {"count", share.dropped_before}});
  }
  if (!share.allowed) return;
  log::write(event, {{"device", device.name},
                     {"device_address", device.address},
                     {"listener", listener},
                     {"detail", detail}});
}

Connection::Connection(tcp::socket socket, std::shared_ptr<DoorShared> shared,
                       ConnectionPolicy policy, Device& device)
    : wire_(std::move(socket)),
      tls_(std::move(policy.tls)),
      shared_(std::move(shared)),
      listener_(std::move(policy.listener)),
      mode_(policy.mode),
      device_(device),
      session_(std::move(policy.settings),
               {listener_, device.name, device.address, policy.options, device.known_by}, *this,
               steady_now()) {
  ++device_.sessions;
}

void Connection::start() {
  flush();
  wait_readable();
}

void Connection::on_tick(SteadyTime now) {
  if (closed_) return;
  session_.on_time(now);
  resume();  // a reply that was held back may be due
  if (closed_ || !session_.is_closing()) return;
  if (closing_since_ == SteadyTime{}) closing_since_ = now;
  if (now - closing_since_ >= linger_time) close();
}

void Connection::stop() {
  if (closed_) return;
  stopping_ = true;
  session_.on_stop();
  flush();
}

void Connection::abort() {
  if (closed_) return;
  stopping_ = true;
  session_.on_abort();
  flush();
  close();
}

void Connection::give_way() {
  if (closed_) return;
  session_.on_crowded();
  flush();
  close();
}

// Reading

void Connection::wait_readable() {
  const bool wanted = lingering_ || (pending_.empty() && session_.wants_input());
  if (closed_ || gone_ || reading_ || !wanted) return;
  reading_ = true;
  auto on = [self = shared_from_this()](const error_code&) {
    self->reading_ = false;
    self->on_readable();
  };
  if (wire_.has_pending()) {
    boost::asio::post(wire_.socket().get_executor(), [on] { on({}); });
  } else {
    wire_.socket().async_wait(tcp::socket::wait_read, std::move(on));
  }
}

void Connection::on_readable() {
  for (std::size_t reads = 0; reads < reads_per_turn_max && read_once(); ++reads) {
  }
  wait_readable();
}

bool Connection::read_once() {
  if (closed_ || gone_) return false;
  if (!lingering_ && !(pending_.empty() && session_.wants_input())) return false;
  const Wire::Step step =
      lingering_ ? wire_.read_raw(shared_->read_buffer) : wire_.read(shared_->read_buffer);
  if (step.state == Wire::State::wait_read) return false;
  if (step.state == Wire::State::wait_write) {
    wait_for(step.state);
    return false;
  }
  if (step.state != Wire::State::moved) {
    if (wire_.has_alert() && !lingering_) {
      gone_ = true;
      tls_failed(wire_.why());
      return false;
    }
    peer_gone(step.state == Wire::State::ended ? "the device closed the connection"
                                               : "the connection was reset");
    return false;
  }
  if (lingering_) {
    lingered_bytes_ += step.bytes;
    if (lingered_bytes_ > linger_bytes_max) close();
  } else {
    replied_ = false;
    heard_ = true;
    take({shared_->read_buffer.data(), step.bytes});
    if (!replied_) acknowledge_now();
  }
  // TLS hands out one record at a time, and the socket does not announce the next.
  return wire_.is_encrypted() || step.bytes == shared_->read_buffer.size();
}

// Devices write a command in two pieces ("NOOP", then CRLF) or the final dot behind the body, and
// their TCP holds the second back until the first is acknowledged. With no reply to carry the
// acknowledgement the kernel would wait 40 ms.
void Connection::acknowledge_now() {
  if (closed_) return;
  const int on = 1;
  setsockopt(wire_.socket().native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

// Offers bytes to the session; what it does not take waits in pending_.
void Connection::take(std::string_view bytes) {
  std::size_t used = 0;
  do {
    used = session_.consume(bytes, steady_now());
    bytes.remove_prefix(used);
    if (session_.wants_tls()) throw_away_clear_text();
    flush();
  } while (!bytes.empty() && used > 0 && !closed_);
  if (!session_.is_closing()) pending_.assign(bytes);
  note_quirks();
}

// The session waited for something that is there now.
void Connection::resume() {
  if (closed_) return;
  flush();
  if (!pending_.empty() && session_.wants_input()) {
    const std::string bytes = std::exchange(pending_, {});
    take(bytes);
  }
  wait_readable();
}

void Connection::peer_gone(std::string_view how) {
  gone_ = true;
  if (lingering_) return close();
  session_.at(steady_now());
  session_.on_disconnect(how);
  flush();
}

// Writing

void Connection::flush() {
  while (!closed_ && !waiting_) {
    if (outbox_.empty()) outbox_ = session_.take_output();
    if (outbox_.empty()) break;
    const Wire::Step step = wire_.write(outbox_);
    outbox_.erase(0, step.bytes);
    replied_ = true;
    if (step.state == Wire::State::wait_read || step.state == Wire::State::wait_write) {
      return wait_for(step.state);
    }
    if (step.state != Wire::State::moved) {
      outbox_.clear();
      gone_ = true;
      session_.on_disconnect("the connection was reset");
    }
  }
  if (closed_ || waiting_) return;
  if (session_.wants_tls()) return shake_hands();
  if (session_.is_closing()) after_last_reply();
}

void Connection::wait_for(Wire::State what) {
  if (std::exchange(waiting_, true)) return;
  const auto direction =
      what == Wire::State::wait_read ? tcp::socket::wait_read : tcp::socket::wait_write;
  wire_.socket().async_wait(direction, [self = shared_from_this()](const error_code&) {
    self->waiting_ = false;
    self->resume();
    self->on_readable();
  });
}

// TLS

// What came before our 220 can only be clear text: the session has it thrown away.
void Connection::throw_away_clear_text() {
  for (std::size_t bytes = 0; bytes < linger_bytes_max;) {
    const Wire::Step step = wire_.read_raw(shared_->read_buffer);
    if (step.state != Wire::State::moved) return;
    session_.consume({shared_->read_buffer.data(), step.bytes}, steady_now());
    bytes += step.bytes;
  }
}

void Connection::shake_hands() {
  if (!tls_) return tls_failed("there is no certificate");
  const Wire::Step step = wire_.handshake(tls_);
  if (step.state == Wire::State::wait_read || step.state == Wire::State::wait_write) {
    return wait_for(step.state);
  }
  if (step.state != Wire::State::moved) {
    return tls_failed((wire_.has_heard_hello() ? "" : "no TLS handshake: ") + wire_.why());
  }
  session_.on_tls_started(steady_now());
  forget_user();
  note_quirks();
  flush();
  wait_readable();
}

void Connection::tls_failed(const std::string& why) {
  remark(SMTP_TLS_FAILED, why);
  session_.at(steady_now());
  session_.on_tls_failed(why);
  flush();
}

// Closing with unread bytes would reset the connection and may destroy our last reply on its way,
// so the peer may close first, for a while.
void Connection::after_last_reply() {
  if (gone_ || stopping_) return close();
  if (lingering_) return;
  lingering_ = true;
  pending_ = {};
  wire_.say_goodbye();
  error_code ignored;
  wire_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  wait_readable();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  session_.on_disconnect("the connection was closed");
  note_quirks();
  incoming_.reset();
  error_code ignored;
  wire_.socket().close(ignored);
  keep_dialogue();
  forget_user();
  --device_.sessions;
  shared_->on_closed(shared_from_this());
}

// The session's wishes

bool Connection::has_room(std::uint64_t size) {
  return shared_->intake.has_room(size);
}

bool Connection::begin(const Envelope& envelope, std::optional<std::uint64_t> declared_size) {
  ++mail_number_;
  mail_bytes_ = 0;
  accepted_us_ = 0;
  mail_recipients_ = envelope.recipients.size();
  incoming_ = shared_->intake.begin(envelope, mode_, declared_size);
  return incoming_ != nullptr;
}

void Connection::append(std::string bytes, bool last) {
  mail_bytes_ += bytes.size();
  if (last) accepted_us_ = wall_now_us();
  incoming_->append(std::move(bytes), [weak = weak_from_this(), mail = mail_number_] {
    if (const auto self = weak.lock()) self->appended(mail);
  });
}

void Connection::finish() {
  if (accepted_us_ == 0) accepted_us_ = wall_now_us();
  incoming_->finish(accepted_us_, [weak = weak_from_this(), mail = mail_number_](Outcome outcome) {
    if (const auto self = weak.lock()) self->finished(mail, outcome);
  });
}

void Connection::appended(std::uint64_t mail) {
  if (closed_ || mail != mail_number_) return;
  session_.on_appended(steady_now());
  resume();
}

// The reply goes out first; books and log come after.
void Connection::finished(std::uint64_t mail, const Outcome& outcome) {
  if (closed_ || mail != mail_number_) return;
  ++mail_number_;
  const std::unique_ptr<IncomingMail> ended = std::move(incoming_);
  session_.on_outcome(outcome, steady_now());
  flush();
  book(outcome);
  resume();
}

void Connection::book(const Outcome& outcome) {
  const bool stored = outcome.kind == Outcome::Kind::stored;
  if (!stored && outcome.kind != Outcome::Kind::spooled) return;
  ++shared_->accepted;
  Device& device = booked();
  ++device.accepted;
  device.last_mail_us = device.last_heard_us = accepted_us_;
  log::write(SMTP_MAIL_ACCEPTED, {{"device", device.name},
                                  {"device_address", device.address},
                                  {"known_by", to_string(device.known_by)},
                                  {"listener", listener_},
                                  {"alarm_id", outcome.id.to_string()},
                                  {"size_bytes", mail_bytes_},
                                  {"recipients", mail_recipients_},
                                  {"tls", wire_.tls_version()},
                                  {"user", session_.user()},
                                  {"stage", stored ? "stored" : "spooled"}});
}

void Connection::lost(const Envelope& envelope, const std::string& reason) {
  incoming_.reset();
  ++shared_->lost;
  Device& device = booked();
  ++device.lost;
  device.last_error = reason;
  device.last_error_us = wall_now_us();
  shared_->intake.lost(envelope, reason);
  log_of_device(*shared_, device, SMTP_MAIL_LOST, listener_, reason);
}

void Connection::remark(const log::Event& event, std::string_view detail) {
  Device& device = booked();
  device.last_error = std::string(event.text) + " (" + std::string(detail) + ")";
  device.last_error_us = wall_now_us();
  log_of_device(*shared_, device, event, listener_, detail);
}

Dialogue Connection::dialogue() const {
  Dialogue dialogue{booked().name, device_.address,  listener_,
                    began_us_,     session_.facts(), session_.log()};
  dialogue.facts.tls_version = wire_.tls_version();
  return dialogue;
}

// Who connects and says nothing (a health check) leaves no dialogue.
void Connection::keep_dialogue() {
  Dialogue ended = dialogue();
  if (!heard_ && !ended.facts.trouble) return;
  if (ended.facts.trouble) {
    for (const Finding& finding : diagnose(ended.facts, ended.log.lines())) {
      if (!shared_->devices.may_advise(device_, finding.id, steady_now())) continue;
      log::write(SMTP_DEVICE_ADVICE, {{"device", ended.device},
                                      {"device_address", ended.address},
                                      {"listener", listener_},
                                      {"finding", to_string(finding.id)},
                                      {"detail", finding.text},
                                      {"fix", finding.fix}});
    }
  }
  shared_->dialogues.keep(std::move(ended));
}

std::string Connection::nonce() {
  return AlarmId::make(wall_now_us()).to_string();  // unique, and 74 of its bits are random
}

std::chrono::milliseconds Connection::auth_delay(bool right) {
  return shared_->devices.auth_delay(device_, right, steady_now());
}

std::optional<KnownDevice> Connection::device_of(const std::string& user) {
  if (!shared_->directory) return {};
  std::optional<KnownDevice> known = shared_->directory->of_user(user);
  forget_user();
  if (!known) return {};
  known->mac = device_.mac;
  proven_ = &shared_->devices.heard(device_.address, *known, wall_now_us());
  ++proven_->sessions;
  return known;
}

void Connection::forget_user() {
  if (Device* const before = std::exchange(proven_, nullptr)) --before->sessions;
}

void Connection::note_quirks() {
  QuirkSet seen = session_.quirks();
  if (wire_.is_old_tls()) seen.add(Quirk::old_tls);
  Device& device = booked();
  const QuirkSet fresh = seen.without(device.quirks);
  if (fresh.empty()) return;
  device.quirks.add(fresh);
  for (std::size_t i = 0; i < quirk_count; ++i) {
    const auto quirk = static_cast<Quirk>(i);
    if (fresh.has(quirk)) {
      log_of_device(*shared_, device, SMTP_QUIRK_SEEN, listener_, to_string(quirk));
    }
  }
}

}  // namespace alarmwire::smtp
