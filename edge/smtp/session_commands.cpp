// What each command does; session.cpp holds the flow of bytes and the ends of a mail.
#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "edge/smtp/messages.hpp"
#include "edge/smtp/replies.hpp"
#include "edge/smtp/session.hpp"
#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

constexpr std::size_t shown_bytes_max = 128;  // of a device's bytes in a reason or remark
constexpr std::size_t field_overhead = 5;     // tag and length of an encoded envelope field

// A domain or an address literal (RFC 5321 4.1.2), loosely.
bool is_helo_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-.:[]").find(c) != std::string_view::npos;
  });
}

// "250-a\r\n250 b\r\n" as "250 a, b".
std::string in_one_line(std::string_view reply) {
  std::string text(reply.substr(0, 3));
  while (reply.size() > 4) {
    const std::size_t end = reply.find("\r\n");
    text += text.size() == 3 ? " " : ", ";
    text += reply.substr(4, end - 4);
    reply.remove_prefix(end + 2);
  }
  return text;
}

}  // namespace

void Session::run(const Command& command, SteadyTime now) {
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
      return hello(command.argument, command.verb == Verb::ehlo);
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
      note_end(DialogueFacts::End::quit, "the session ends");
      give_up_mail("the device said QUIT", false);
      closing_ = true;
      return reply(replies::bye);
    case Verb::vrfy:
      return reply(replies::verify);
    case Verb::help:
      return reply(replies::help);
    case Verb::auth:
      return auth(command.argument, now);
    case Verb::starttls:
      return start_tls(command.argument, now);
    case Verb::not_offered:
      return reply(replies::not_offered);
    case Verb::unknown:
      return reply(replies::unknown);
  }
}

// --- greeting ---

// Not judged by the name: many devices send none, or an odd one. A greeting ends an open mail
// (RFC 5321 4.1.4).
void Session::hello(std::string_view name, bool extended) {
  give_up_mail("the device greeted again", false);
  QuirkSet seen;
  if (name.empty()) {
    seen.add(Quirk::no_helo_name);
  } else if (!is_helo_name(name)) {
    seen.add(Quirk::odd_helo_name);
  }
  if (greeted_ && extended_ && !extended) seen.add(Quirk::helo_after_ehlo);
  if (const std::string refusal = note(seen); !refusal.empty()) return reply(refusal);
  helo_ = clean(name, helo_bytes_max);
  greeted_ = true;
  extended_ = extended;
  if (!extended) return reply("250 " + settings_->hostname);
  const std::string text = extended_reply();
  output_ += text;
  write_down(DialogueLine::Who::box, in_one_line(text));
}

std::string Session::extended_reply() const {
  EhloFacts facts{settings_->hostname,
                  peer_.device_address,
                  settings_->limits.message_bytes,
                  settings_->limits.recipients,
                  {}};
  const bool tls = settings_->tls != TlsMode::off && settings_->tls_available;
  for (std::size_t i = 0; i < extension_names.size(); ++i) {
    const auto extension = static_cast<Extension>(i);
    if (options().hidden.has(extension)) continue;
    if (extension == Extension::auth && !offers_auth()) continue;
    if (extension == Extension::starttls && (!tls || encrypted_)) continue;
    facts.shown.add(extension);
  }
  return ehlo_reply(facts);
}

// --- TLS and AUTH ---

void Session::start_tls(std::string_view argument, SteadyTime now) {
  if (encrypted_) return reply(replies::tls_already);
  if (settings_->tls == TlsMode::off) return reply(replies::not_offered);
  if (!argument.empty()) return reply(replies::no_parameters);
  if (!settings_->tls_available) return reply(replies::tls_unavailable);
  if (mail_) return reply(replies::mail_open);
  reply(replies::start_tls);
  awaited_ = Awaited::tls;
  tls_since_ = now;
}

// What was said in clear text is forgotten (RFC 3207 4.2).
void Session::on_tls_started(SteadyTime now) {
  if (!wants_tls()) return;
  awaited_ = Awaited::nothing;
  last_heard_ = now;
  log_.at(now);
  write_down(DialogueLine::Who::note, "the connection is encrypted");
  encrypted_ = true;
  greeted_ = extended_ = authenticated_ = false;
  first_line_ = lf_only_ = true;
  helo_.clear();
  user_.clear();
  proven_.reset();
  data_refused_.clear();
  if (std::exchange(thrown_away_, 0) > 0) {
    host_.remark(SMTP_STARTTLS_INJECTION, "thrown away before the handshake");
  }
  if (settings_->tls == TlsMode::implicit) greet();
}

bool Session::offers_auth() const {
  return settings_->auth != AuthMode::off && (encrypted_ || settings_->auth_in_clear) &&
         (encrypted_ || settings_->tls != TlsMode::required);
}

void Session::auth(std::string_view argument, SteadyTime now) {
  auth_seen_ = true;
  if (mail_) return reply(replies::mail_open);
  if (authenticated_) return reply(replies::auth_already);
  const bool shown = extended_ && !options().hidden.has(Extension::auth);
  if (settings_->auth != AuthMode::off && !offers_auth()) return reply(replies::auth_needs_tls);
  if (!offers_auth() || !shown) {
    QuirkSet seen;
    seen.add(Quirk::auth_not_offered);
    if (const std::string refusal = note(seen); !refusal.empty()) return reply(refusal);
  }
  auth_ = AuthExchange::begin(argument, "<" + host_.nonce() + "@" + settings_->hostname + ">");
  if (!auth_) return reply(replies::auth_mechanism);
  auth_step(now);
}

void Session::auth_step(SteadyTime now) {
  if (auth_->state() == AuthExchange::State::asking) return reply(auth_->prompt());
  const AuthExchange exchange = std::move(*auth_);
  auth_.reset();
  if (exchange.state() == AuthExchange::State::cancelled) return reply(replies::auth_cancelled);
  auth_end(exchange, now);
}

// The reply to a wrong password is the same as to the right one where AUTH is not required, and
// late like it where it is: nothing to learn from either.
void Session::auth_end(const AuthExchange& exchange, SteadyTime now) {
  const bool broken = exchange.state() == AuthExchange::State::broken;
  const bool required = settings_->auth == AuthMode::required;
  const bool compare = required || (settings_->auth == AuthMode::optional &&
                                    settings_->credentials && !settings_->credentials->empty());
  const bool right = compare && settings_->credentials && exchange.check(*settings_->credentials);
  held_reply_ = replies::auth_ok;
  if (right) {
    user_ = exchange.user();
    proven_ = host_.device_of(user_);
  } else if (compare || broken) {
    host_.remark(SMTP_AUTH_WRONG, printable(exchange.user(), shown_bytes_max));
    facts_.trouble = true;
    write_down(DialogueLine::Who::note, broken ? "that was no login" : "wrong user or password");
    QuirkSet seen;
    seen.add(Quirk::wrong_password);
    const bool refused = required || options().refused.has(Quirk::wrong_password);
    if (refused) held_reply_ = broken ? replies::auth_broken : replies::auth_wrong;
    if (!refused) quirks_.add(seen);
  }
  authenticated_ = held_reply_ == replies::auth_ok;
  const std::chrono::milliseconds delay =
      required ? host_.auth_delay(right) : std::chrono::milliseconds(0);
  if (delay <= std::chrono::milliseconds(0)) return reply(std::exchange(held_reply_, {}));
  awaited_ = Awaited::delay;
  held_until_ = now + delay;
}

// --- the envelope ---

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
  envelope.device = proven_ ? proven_->name : peer_.device;
  envelope.known_by = to_string(proven_ ? proven_->by : peer_.known_by);
  envelope.device_address = peer_.device_address;
  envelope.helo = helo_;
  if (!path) return refuse_mail(replies::bad_sender);
  if (path->address.empty() && argument.find('<') == std::string_view::npos) {
    path->quirks.add(Quirk::empty_sender);
  }
  envelope.body_8bit = parameters.body_8bit;
  envelope.smtputf8 = parameters.smtputf8;
  const std::string refusal = why_no_mail(*path, parameters);
  envelope.reverse_path = std::move(path->address);
  if (!refusal.empty()) return refuse_mail(refusal);
  reply(replies::sender_ok);
}

std::string Session::why_no_mail(const PathArgument& path, const MailParameters& parameters) {
  if (settings_->tls == TlsMode::required && !encrypted_) return std::string(replies::tls_first);
  if (settings_->auth == AuthMode::required && !authenticated_) {
    return std::string(replies::auth_first);
  }
  QuirkSet seen = path.quirks;
  seen.add(parameters.quirks);
  if (!greeted_) seen.add(Quirk::no_greeting);
  if (!path.address.empty() && domain_of(path.address).empty()) seen.add(Quirk::no_sender_domain);
  if (std::string refusal = note(seen); !refusal.empty()) return refusal;
  const std::uint64_t size = parameters.size.value_or(0);
  if (size > settings_->limits.message_bytes) return std::string(replies::too_large);
  if (!host_.has_room(size)) return std::string(replies::no_room);
  return {};
}

void Session::rcpt(std::string_view argument) {
  if (!mail_) return reply(replies::mail_first);
  mail_->recipient_tried = true;
  std::optional<PathArgument> path = parse_path(argument, "TO");
  if (!path || path->address.empty()) return refuse_recipient(replies::bad_recipient, argument);
  if (const std::string refusal = why_no_recipient(*path); !refusal.empty()) {
    return refuse_recipient(refusal, path->address);
  }
  mail_->recipients_bytes += path->address.size() + field_overhead;
  mail_->envelope.recipients.push_back(std::move(path->address));
  commands_without_progress_ = 0;
  reply(replies::recipient_ok);
}

std::string Session::why_no_recipient(const PathArgument& path) {
  const std::string_view domain = domain_of(path.address);
  const bool foreign = !domain.empty() && !in_zones(domain, settings_->zones);
  if (foreign && !options().foreign_recipients) return std::string(replies::not_ours);
  const std::size_t bytes = mail_->recipients_bytes + path.address.size() + field_overhead;
  if (mail_->envelope.recipients.size() >= settings_->limits.recipients ||
      bytes > recipients_bytes_max) {
    commands_without_progress_ = 0;  // a long list, not a prober
    return std::string(replies::too_many_recipients);
  }
  QuirkSet seen = path.quirks;
  seen.add(check_rcpt_parameters(path.parameters));
  if (domain.empty()) seen.add(Quirk::no_domain);
  if (foreign) seen.add(Quirk::foreign_recipient);
  if (std::string refusal = note(seen); !refusal.empty()) return refusal;
  if (foreign) host_.remark(SMTP_FOREIGN_RECIPIENT, printable(path.address, shown_bytes_max));
  return {};
}

void Session::data(SteadyTime now) {
  data_since_ = now;
  if (!mail_) return refuse_data(replies::mail_first);
  if (mail_->envelope.recipients.empty()) {
    if (!mail_->recipient_tried) {
      if (mail_->trouble.empty()) mail_->trouble = "DATA without a recipient";
      return refuse_data(replies::recipient_first);
    }
    lose("all recipients were refused; first: " + mail_->trouble);
    mail_.reset();
    return refuse_data(replies::no_recipients);
  }
  if (!host_.begin(mail_->envelope, mail_->declared_size)) {
    lose("the box could not take the mail: answered 451 4.3.0");
    mail_.reset();
    return refuse_data(replies::cannot_store);
  }
  in_data_ = true;
  scanner_.reset(lf_only_ && !options().refused.has(Quirk::lf_only));
  reply(replies::go_ahead);
}

void Session::refuse_data(std::string_view text) {
  data_refused_ = text;
  reply(text);
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

}  // namespace alarmwire::smtp
