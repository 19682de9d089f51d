#include "edge/smtp/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "edge/smtp/mail_look.hpp"
#include "edge/smtp/messages.hpp"
#include "edge/smtp/replies.hpp"

namespace alarmwire::smtp {
namespace {

constexpr char tls_handshake = 0x16;  // first byte of a TLS ClientHello (RFC 8446 5.1)

// What is left in the content of a "final dot" by other line ends than CRLF.
constexpr std::array<std::string_view, 4> odd_dots{"\n.\r\n", "\n.\n", "\r.\r", "\r\n\n"};

}  // namespace

Session::Session(std::shared_ptr<const SessionSettings> settings, Peer peer, SessionHost& host,
                 SteadyTime now)
    : settings_(std::move(settings)),
      peer_(std::move(peer)),
      host_(host),
      log_(now),
      started_(now),
      last_heard_(now),
      data_since_(now),
      tls_since_(now),
      held_until_(now) {
  if (settings_->tls == TlsMode::implicit) {
    awaited_ = Awaited::tls;
  } else {
    greet();
  }
}

void Session::greet() {
  reply("220 " + settings_->hostname + " ESMTP Alarmwire");
}

bool Session::wants_input() const {
  return !closing_ && awaited_ == Awaited::nothing && output_.size() < output_bytes_max;
}

std::string Session::take_output() {
  return std::exchange(output_, {});
}

std::size_t Session::consume(std::string_view input, SteadyTime now) {
  if (!input.empty()) last_heard_ = now;
  log_.at(now);
  std::size_t used = 0;
  while (used < input.size() && wants_input()) {
    const std::string_view rest = input.substr(used);
    if (in_data_) {
      used += consume_body(rest);
    } else {
      used += in_refused_data_ ? consume_refused(rest) : consume_command(rest, now);
    }
  }
  if (wants_tls()) {
    thrown_away_ += input.size() - used;
    return input.size();
  }
  return used;
}

// A line ends at LF; whatever CRs stand before it are dropped. A line in one segment is not copied.
std::size_t Session::consume_command(std::string_view input, SteadyTime now) {
  if (first_line_ && !line_too_long_ && line_.empty() && input[0] == tls_handshake) {
    facts_.spoke_tls = true;
    cut(replies::not_smtp, "the peer speaks TLS from the first byte");
    return 1;
  }
  const std::size_t end = input.find('\n');
  const std::string_view part = input.substr(0, end);
  if (line_.size() + part.size() > settings_->limits.command_line_bytes) {
    line_too_long_ = true;
    line_ = {};
  }
  if (end == std::string_view::npos) {
    if (!line_too_long_) line_ += part;
    return input.size();
  }
  if (line_too_long_) {
    run_line({}, now);
  } else if (line_.empty()) {
    run_line(part, now);
  } else {
    line_ += part;
    const std::string line = std::exchange(line_, {});
    run_line(line, now);
  }
  return end + 1;
}

void Session::run_line(std::string_view line, SteadyTime now) {
  const bool first = std::exchange(first_line_, false);
  const bool too_long = std::exchange(line_too_long_, false);
  write_down(DialogueLine::Who::device,
             auth_ ? "(hidden)"
             : too_long
                 ? "(a line that is too long)"
                 : shown_command(line.substr(0, line.find_last_not_of('\r') + 1), auth_seen_));
  if (first && is_http(line)) {
    facts_.spoke_http = true;
    return cut(replies::not_smtp, "the peer speaks HTTP");
  }
  if (++commands_without_progress_ > settings_->limits.commands_without_progress) {
    return cut(replies::no_progress, "too many commands without a mail");
  }
  if (too_long) {
    auth_.reset();
    return reply(replies::line_too_long);
  }
  QuirkSet seen;
  if (line.ends_with('\r')) {
    lf_only_ = false;
  } else {
    seen.add(Quirk::bare_lf);
  }
  while (line.ends_with('\r')) line.remove_suffix(1);
  if (const std::string refusal = note(seen); !refusal.empty()) return reply(refusal);
  const Command command = parse_command(line);
  if (auth_) {
    take_auth_line(line, now);
  } else if (!data_refused_.empty() && command.verb == Verb::unknown && !line.empty()) {
    begin_refused_data(line);
  } else {
    data_refused_.clear();
    run(command, now);
  }
  if (stopping_ && !mail_ && !closing_) cut(replies::stopping, "the box is stopping");
}

void Session::take_auth_line(std::string_view line, SteadyTime now) {
  if (line.size() > auth_line_bytes_max) {
    auth_.reset();
    return reply(replies::auth_line_too_long);
  }
  auth_->take(line);
  auth_step(now);
}

// A device that does not wait for replies sends its mail although DATA was refused. Its lines must
// not be run as commands: they are read to the final dot, which hears the same reply again.
void Session::begin_refused_data(std::string_view line) {
  if (line == ".") return reply(std::exchange(data_refused_, {}));
  in_refused_data_ = true;
  write_down(DialogueLine::Who::note, "sends the mail all the same; it is read and thrown away");
  scanner_.reset(lf_only_);
}

std::size_t Session::consume_refused(std::string_view input) {
  std::string unwanted;
  const DataScanner::Step step = scanner_.scan(input, unwanted);
  if (step.ended) {
    in_refused_data_ = false;
    lf_only_ = scanner_.lf_only();
    reply(std::exchange(data_refused_, {}));
    if (stopping_ && !mail_) cut(replies::stopping, "the box is stopping");
  }
  return step.consumed;
}

// Fills chunk_ up to its limit. A mail over the size limit is told lost at once, read on to its
// final dot, and kept nowhere.
std::size_t Session::consume_body(std::string_view input) {
  // The scanner may give one byte more than it takes: a CR held back from the segment before.
  const std::size_t room = body_chunk_bytes_max - 1 - chunk_.size();
  const std::size_t before = chunk_.size();
  const DataScanner::Step step = scanner_.scan(input.substr(0, room), chunk_);
  mail_->bytes += chunk_.size() - before;
  if (mail_->bytes > settings_->limits.message_bytes && !mail_->too_large) {
    mail_->too_large = true;
    lose("larger than " + std::to_string(settings_->limits.message_bytes) +
         " bytes: answered 552 5.3.4");
  }
  if (mail_->too_large) chunk_.clear();
  if (step.ended) {
    end_of_data();
  } else if (chunk_.size() >= body_chunk_bytes_max - 1) {
    awaited_ = Awaited::appended;
    hand_on(false);
  }
  return step.consumed;
}

void Session::end_of_data() {
  in_data_ = false;
  write_down(DialogueLine::Who::device, "(a mail of " + std::to_string(mail_->bytes) + " bytes)");
  if (scanner_.lf_only()) quirks_.add(Quirk::lf_only);
  if (scanner_.has_bare_lf()) quirks_.add(Quirk::bare_lf_in_content);
  lf_only_ = scanner_.lf_only();
  if (mail_->declared_size && mail_->bytes > *mail_->declared_size) {
    quirks_.add(Quirk::wrong_size);
  }
  if (mail_->too_large) {
    chunk_ = {};
    mail_.reset();
    reply(replies::too_large);
    if (stopping_) cut(replies::stopping, "the box is stopping");
    return;
  }
  if (!chunk_.empty() && mail_->handed_on) {
    awaited_ = Awaited::last_appended;
    return hand_on(true);
  }
  awaited_ = Awaited::outcome;
  if (!chunk_.empty()) hand_on(true);
  host_.finish();
}

void Session::hand_on(bool last) {
  if (!std::exchange(mail_->handed_on, true)) {
    QuirkSet seen = look_at_mail(chunk_, last);
    if (mail_->envelope.body_8bit) seen.remove(Quirk::undeclared_8bit);
    quirks_.add(seen);
    if (const std::string mailer = mailer_of(chunk_); !mailer.empty())
      write_down(DialogueLine::Who::note, "the mail says it was written by " + mailer);
  }
  host_.append(std::exchange(chunk_, {}), last);
}

void Session::on_appended(SteadyTime now) {
  if (closing_) return;
  last_heard_ = now;
  log_.at(now);
  if (awaited_ == Awaited::appended) awaited_ = Awaited::nothing;
  if (awaited_ == Awaited::last_appended) {
    awaited_ = Awaited::outcome;
    host_.finish();
  }
}

void Session::on_outcome(const Outcome& outcome, SteadyTime now) {
  if (awaited_ != Awaited::outcome || closing_) return;
  awaited_ = Awaited::nothing;
  last_heard_ = now;
  log_.at(now);
  const std::string id = outcome.id.to_string();
  switch (outcome.kind) {
    case Outcome::Kind::stored:
      commands_without_progress_ = 0;
      ++facts_.accepted;
      reply("250 2.0.0 stored at centre, id " + id);
      break;
    case Outcome::Kind::spooled:
      commands_without_progress_ = 0;
      ++facts_.accepted;
      reply("250 2.0.0 spooled at box, id " + id);
      break;
    case Outcome::Kind::unconfirmed:
      reply("451 4.4.1 not confirmed by centre, will be delivered, id " + id);
      lose("answered 451 4.4.1, the spooled copy will be delivered, id " + id);
      break;
    case Outcome::Kind::full:
      reply(replies::no_room);
      lose("answered 452 4.3.1: " + outcome.diagnostics);
      break;
    case Outcome::Kind::failed:
      reply(replies::cannot_store);
      lose("answered 451 4.3.0: " + outcome.diagnostics);
      break;
  }
  mail_.reset();
  if (gone_) closing_ = true;
  if (stopping_ && !closing_) cut(replies::stopping, "the box is stopping");
}

void Session::on_disconnect(std::string_view how) {
  if (closing_) return;
  note_end(DialogueFacts::End::hung_up, how);
  gone_ = true;
  if (awaited_ == Awaited::last_appended || awaited_ == Awaited::outcome) return;
  if (!mail_ && greeted_) quirks_.add(Quirk::no_quit);
  give_up_mail(how, true);
  closing_ = true;
}

void Session::on_tls_failed(const std::string& why) {
  if (closing_) return;
  facts_.tls_failure = why;
  facts_.trouble = true;
  note_end(DialogueFacts::End::tls_failed, "TLS failed: " + why);
  on_disconnect("the TLS handshake failed");
}

// How it ended: the first one counts.
void Session::note_end(DialogueFacts::End end, std::string_view how) {
  if (facts_.end != DialogueFacts::End::none) return;
  facts_.end = end;
  facts_.in_data = in_data_;
  facts_.was_waiting = awaited_ == Awaited::outcome || awaited_ == Awaited::last_appended;
  if (mail_) facts_.data_bytes = mail_->bytes;
  facts_.odd_dot = in_data_ && std::any_of(odd_dots.begin(), odd_dots.end(),
                                           [&](auto dot) { return chunk_.ends_with(dot); });
  std::string text(how);
  if (in_data_) text += ", after " + std::to_string(mail_->bytes) + " bytes of the mail";
  write_down(DialogueLine::Who::note, text);
}

DialogueFacts Session::facts() const {
  DialogueFacts facts = facts_;
  facts.tls = settings_->tls;
  facts.auth = settings_->auth;
  facts.zone = settings_->zones.empty() ? "" : settings_->zones.front();
  facts.message_bytes_max = settings_->limits.message_bytes;
  facts.encrypted = encrypted_;
  facts.quirks = quirks_;
  return facts;
}

void Session::on_time(SteadyTime now) {
  if (closing_) return;
  log_.at(now);
  if (awaited_ == Awaited::delay && now >= held_until_) {
    awaited_ = Awaited::nothing;
    last_heard_ = now;
    return reply(std::exchange(held_reply_, {}));
  }
  if (wants_tls() && now - tls_since_ >= tls_handshake_time) {
    facts_.tls_failure = "no TLS handshake";
    facts_.trouble = true;
    note_end(DialogueFacts::End::tls_failed, "no TLS handshake came");
    return on_disconnect("no TLS handshake");
  }
  if (awaited_ != Awaited::nothing) return;
  const Limits& limits = settings_->limits;
  if (now - last_heard_ >= limits.idle_time) {
    cut(replies::idle, "nothing heard for too long");
  } else if ((in_data_ || in_refused_data_) && now - data_since_ >= limits.data_time) {
    cut(replies::data_too_slow, "the mail took too long");
  } else if (!mail_ && now - started_ >= limits.session_time) {
    cut(replies::session_too_long, "the session was open for too long");
  }
}

void Session::on_stop() {
  stopping_ = true;
  if (!closing_ && !mail_) cut(replies::stopping, "the box is stopping");
}

void Session::on_abort() {
  stopping_ = true;
  if (!closing_) cut(replies::stopping, "the box is stopping");
}

void Session::on_crowded() {
  if (!closing_ && !mail_) cut(replies::too_many_sessions, "the door is full");
}

void Session::reply(std::string_view text) {
  output_ += text;
  output_ += "\r\n";
  write_down(DialogueLine::Who::box, text.starts_with("334 ") ? "334 (asks)" : text);
  // That a connection ends which had nothing to say any more is no trouble.
  const bool harmless = text == replies::stopping || text == replies::session_too_long ||
                        (text == replies::idle && facts_.accepted > 0 && !mail_);
  if (!harmless && (text.starts_with('4') || text.starts_with('5'))) facts_.trouble = true;
}

std::string Session::note(QuirkSet seen) {
  const QuirkSet unwanted = seen.shared_with(options().refused);
  quirks_.add(seen);
  if (unwanted.empty()) return {};
  return std::string(replies::quirk_refused) + std::string(to_string(unwanted.first()));
}

// A deliberate end with no recipient named and nothing refused is a prober's, not a lost mail.
void Session::give_up_mail(std::string_view how, bool abnormal) {
  if (!mail_) return;
  if (abnormal || mail_->recipient_tried || !mail_->trouble.empty()) {
    std::string reason(how);
    if (in_data_) reason += " after " + std::to_string(mail_->bytes) + " bytes of the mail";
    if (awaited_ != Awaited::nothing) reason += " before the spool had answered";
    if (!mail_->trouble.empty()) reason += "; before that " + mail_->trouble;
    lose(reason);
  }
  mail_.reset();
  chunk_ = {};
  in_data_ = false;
}

void Session::lose(const std::string& reason) {
  if (std::exchange(mail_->reported, true)) return;
  facts_.trouble = true;
  host_.lost(mail_->envelope, reason);
}

void Session::cut(std::string_view text, std::string_view why) {
  note_end(DialogueFacts::End::cut, why);
  give_up_mail(why, true);
  closing_ = true;
  reply(text);
  if (!stopping_) host_.remark(text == replies::not_smtp ? SMTP_NOT_SMTP : SMTP_SESSION_CUT, why);
}

}  // namespace alarmwire::smtp
