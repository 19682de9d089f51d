#include "edge/smtp/session.hpp"

#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "edge/smtp/messages.hpp"
#include "edge/smtp/path.hpp"
#include "edge/smtp/replies.hpp"
#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

constexpr std::size_t shown_bytes_max = 128;  // of a device's bytes in a reason or remark
constexpr std::size_t field_overhead = 5;     // tag and length of an encoded envelope field
constexpr char tls_handshake = 0x16;          // first byte of a TLS ClientHello (RFC 8446 5.1)

}  // namespace

Session::Session(std::shared_ptr<const SessionSettings> settings, Peer peer, SessionHost& host,
                 SteadyTime now)
    : settings_(std::move(settings)),
      peer_(std::move(peer)),
      host_(host),
      started_(now),
      last_heard_(now),
      data_since_(now) {
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
  std::size_t used = 0;
  while (used < input.size() && wants_input()) {
    const std::string_view rest = input.substr(used);
    used += in_data_ ? consume_body(rest) : consume_command(rest, now);
  }
  return used;
}

// A line ends at LF; whatever CRs stand before it are dropped. A line in one segment is not copied.
std::size_t Session::consume_command(std::string_view input, SteadyTime now) {
  if (first_line_ && !line_too_long_ && line_.empty() && input[0] == tls_handshake) {
    cut(replies::not_smtp, "the peer speaks TLS");
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
  if (first && is_http(line)) return cut(replies::not_smtp, "the peer speaks HTTP");
  if (++commands_without_progress_ > settings_->limits.commands_without_progress) {
    return cut(replies::no_progress, "too many commands without a mail");
  }
  if (too_long) return reply(replies::line_too_long);
  if (!line.ends_with('\r')) quirks_.add(Quirk::bare_lf);
  while (line.ends_with('\r')) line.remove_suffix(1);
  run(parse_command(line), now);
  if (stopping_ && !mail_ && !closing_) cut(replies::stopping, "the box is stopping");
}

void Session::run(const Command& command, SteadyTime now) {
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
      return greet(command.argument, command.verb == Verb::ehlo);
    case Verb::mail:
      return mail(command.argument);
    case Verb::rcpt:
      return rcpt(command.argument);
    case Verb::data:
      return data(now);
    case Verb::rset:
      give_up_mail("the device said RSET", false);
      return reply(replies::ok);
    case Verb::noop:
      return reply(replies::ok);
    case Verb::quit:
      give_up_mail("the device said QUIT", false);
      closing_ = true;
      return reply(replies::bye);
    case Verb::vrfy:
      return reply(replies::verify);
    case Verb::help:
      return reply(replies::help);
    case Verb::not_offered:
      return reply(replies::not_offered);
    case Verb::unknown:
      return reply(replies::unknown);
  }
}

// Never judged by the name: many devices send none, or an odd one. A greeting ends an open mail
// (RFC 5321 4.1.4).
void Session::greet(std::string_view name, bool extended) {
  give_up_mail("the device greeted again", false);
  helo_ = clean(name, helo_bytes_max);
  greeted_ = true;
  if (name.empty()) quirks_.add(Quirk::no_helo_name);
  if (!extended) return reply("250 " + settings_->hostname);
  reply("250-" + settings_->hostname + " greets [" + peer_.device_address + "]");
  reply("250-PIPELINING");
  reply("250-SIZE " + std::to_string(settings_->limits.message_bytes));
  reply("250-8BITMIME");
  reply("250-ENHANCEDSTATUSCODES");
  reply("250 SMTPUTF8");
}

void Session::mail(std::string_view argument) {
  if (mail_) {
    if (mail_->trouble.empty()) mail_->trouble = "a second MAIL inside the mail";
    return reply(replies::mail_open);
  }
  std::optional<PathArgument> path = parse_path(argument, "FROM");
  const MailParameters parameters = parse_mail_parameters(path ? path->parameters : "");
  mail_.emplace();
  mail_->declared_size = parameters.size;
  Envelope& envelope = mail_->envelope;
  envelope.listener = peer_.listener;
  envelope.device = peer_.device;
  envelope.device_address = peer_.device_address;
  envelope.helo = helo_;
  if (!path) return refuse_mail(replies::bad_sender);
  envelope.reverse_path = std::move(path->address);
  envelope.body_8bit = parameters.body_8bit;
  envelope.smtputf8 = parameters.smtputf8;
  quirks_.add(path->quirks);
  quirks_.add(parameters.quirks);
  if (!greeted_) quirks_.add(Quirk::no_greeting);
  if (envelope.reverse_path.empty() && argument.find('<') == std::string_view::npos) {
    quirks_.add(Quirk::empty_sender);
  }
  const std::uint64_t size = parameters.size.value_or(0);
  if (size > settings_->limits.message_bytes) return refuse_mail(replies::too_large);
  if (!host_.has_room(size)) return refuse_mail(replies::no_room);
  reply(replies::sender_ok);
}

void Session::rcpt(std::string_view argument) {
  if (!mail_) return reply(replies::mail_first);
  mail_->recipient_tried = true;
  std::optional<PathArgument> path = parse_path(argument, "TO");
  if (!path || path->address.empty()) return refuse_recipient(replies::bad_recipient, argument);
  const std::string_view domain = domain_of(path->address);
  if (!domain.empty() && !in_zones(domain, settings_->zones)) {
    return refuse_recipient(replies::not_ours, path->address);
  }
  std::vector<std::string>& recipients = mail_->envelope.recipients;
  const std::size_t bytes = mail_->recipients_bytes + path->address.size() + field_overhead;
  if (recipients.size() >= settings_->limits.recipients || bytes > recipients_bytes_max) {
    commands_without_progress_ = 0;  // a long list, not a prober
    return refuse_recipient(replies::too_many_recipients, path->address);
  }
  quirks_.add(path->quirks);
  quirks_.add(check_rcpt_parameters(path->parameters));
  if (domain.empty()) quirks_.add(Quirk::no_domain);
  mail_->recipients_bytes = bytes;
  recipients.push_back(std::move(path->address));
  commands_without_progress_ = 0;
  reply(replies::recipient_ok);
}

void Session::data(SteadyTime now) {
  if (!mail_) return reply(replies::mail_first);
  if (mail_->envelope.recipients.empty()) {
    if (!mail_->recipient_tried) {
      if (mail_->trouble.empty()) mail_->trouble = "DATA without a recipient";
      return reply(replies::recipient_first);
    }
    lose("all recipients were refused; first: " + mail_->trouble);
    mail_.reset();
    return reply(replies::no_recipients);
  }
  if (!host_.begin(mail_->envelope, mail_->declared_size)) {
    lose("the box could not take the mail: answered 451 4.3.0");
    mail_.reset();
    return reply(replies::cannot_store);
  }
  in_data_ = true;
  data_since_ = now;
  scanner_.reset();
  reply(replies::go_ahead);
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
  mail_->handed_on = true;
  host_.append(std::exchange(chunk_, {}), last);
}

void Session::on_appended(SteadyTime now) {
  if (closing_) return;
  last_heard_ = now;
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
  const std::string id = outcome.id.to_string();
  switch (outcome.kind) {
    case Outcome::Kind::stored:
      commands_without_progress_ = 0;
      reply("250 2.0.0 stored at centre, id " + id);
      break;
    case Outcome::Kind::spooled:
      commands_without_progress_ = 0;
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
  gone_ = true;
  if (awaited_ == Awaited::last_appended || awaited_ == Awaited::outcome) return;
  give_up_mail(how, true);
  closing_ = true;
}

void Session::on_time(SteadyTime now) {
  if (closing_ || awaited_ != Awaited::nothing) return;
  const Limits& limits = settings_->limits;
  if (now - last_heard_ >= limits.idle_time) {
    cut(replies::idle, "nothing heard for too long");
  } else if (in_data_ && now - data_since_ >= limits.data_time) {
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

void Session::reply(std::string_view text) {
  output_ += text;
  output_ += "\r\n";
}

void Session::refuse_mail(std::string_view text) {
  lose("MAIL was answered " + std::string(text));
  mail_.reset();
  reply(text);
}

void Session::refuse_recipient(std::string_view text, std::string_view address) {
  const std::string shown = printable(address, shown_bytes_max);
  if (mail_->trouble.empty()) mail_->trouble = shown + " answered " + std::string(text);
  host_.remark(SMTP_RECIPIENT_REFUSED, shown);
  reply(text);
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
  host_.lost(mail_->envelope, reason);
}

void Session::cut(std::string_view text, std::string_view why) {
  give_up_mail(why, true);
  closing_ = true;
  reply(text);
  if (!stopping_) host_.remark(text == replies::not_smtp ? SMTP_NOT_SMTP : SMTP_SESSION_CUT, why);
}

}  // namespace alarmwire::smtp
