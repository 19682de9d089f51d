#include "edge/smtp/diagnosis.hpp"

#include <algorithm>
#include <utility>

#include "edge/smtp/command.hpp"
#include "edge/smtp/diagnosis_words.hpp"
#include "edge/smtp/replies.hpp"

namespace alarmwire::smtp {
namespace {

struct ReplyRule {
  std::string_view reply;  // its beginning
  FindingId id;
};
constexpr std::array<ReplyRule, 29> reply_rules{{
    {replies::not_ours, FindingId::foreign_recipient},
    {replies::bad_recipient, FindingId::bad_recipient},
    {replies::bad_sender, FindingId::bad_sender},
    {replies::too_many_recipients, FindingId::too_many_recipients},
    {replies::too_large, FindingId::too_large},
    {replies::auth_wrong, FindingId::wrong_password},
    {replies::auth_broken, FindingId::wrong_password},
    {replies::auth_mechanism, FindingId::auth_mechanism},
    {replies::auth_first, FindingId::auth_missing},
    {replies::tls_first, FindingId::tls_missing},
    {replies::auth_needs_tls, FindingId::tls_missing},
    {replies::tls_unavailable, FindingId::no_certificate},
    {not_confirmed_reply, FindingId::not_confirmed},
    {replies::no_room, FindingId::box_full},
    {replies::cannot_store, FindingId::cannot_store},
    {replies::stopping, FindingId::box_stopping},
    {replies::too_many_sessions, FindingId::door_full},
    {replies::idle, FindingId::idle},
    {replies::data_too_slow, FindingId::too_slow},
    {replies::session_too_long, FindingId::open_too_long},
    {replies::no_progress, FindingId::commands_only},
    {replies::mail_first, FindingId::wrong_order},
    {replies::recipient_first, FindingId::wrong_order},
    {replies::mail_open, FindingId::wrong_order},
    {replies::line_too_long, FindingId::line_too_long},
    {replies::auth_line_too_long, FindingId::line_too_long},
    {replies::unknown, FindingId::unknown_command},
    {replies::not_offered, FindingId::unknown_command},
    {replies::quirk_refused, FindingId::quirk_refused},
}};

// One session as the doctor reads it.
class Reading {
 public:
  Reading(const DialogueFacts& facts, const std::vector<DialogueLine>& lines)
      : facts_(facts), lines_(lines) {}

  std::vector<Finding> findings() {
    look_at_connection();
    look_at_replies();
    look_at_end();
    look_at_habits();
    return std::move(findings_);
  }

 private:
  void add(FindingId id, std::string_view detail = {}) {
    const bool there = std::any_of(findings_.begin(), findings_.end(),
                                   [&](const Finding& finding) { return finding.id == id; });
    if (!there) findings_.push_back(in_words(id, detail, facts_));
  }
  bool failed_with(std::string_view words) const {
    return facts_.tls_failure.find(words) != std::string::npos;
  }

  void look_at_connection();
  void look_at_tls_failure();
  void look_at_replies();
  void look_at_reply(std::string_view reply, std::string_view command);
  void look_at_end();
  void look_at_habits();
  bool has_said(Verb verb) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](const DialogueLine& line) {
      return line.who == DialogueLine::Who::device && parse_command(line.text).verb == verb;
    });
  }

  const DialogueFacts& facts_;
  const std::vector<DialogueLine>& lines_;
  std::vector<Finding> findings_;
};

void Reading::look_at_connection() {
  if (facts_.spoke_tls) add(FindingId::tls_on_clear_port);
  if (facts_.spoke_http || failed_with("http request")) return add(FindingId::http);
  if (facts_.end == DialogueFacts::End::tls_failed) look_at_tls_failure();
}

// In the words of OpenSSL 3 (its reason strings). An alert is what the device said to our side.
void Reading::look_at_tls_failure() {
  const bool implicit = facts_.tls == TlsMode::implicit;
  if (failed_with("offers at most TLS 1.") || failed_with("unsupported protocol") ||
      failed_with("version too low") || failed_with("alert protocol version")) {
    return add(FindingId::old_tls, old_version(facts_.tls_failure));
  }
  if (failed_with("no shared cipher") || failed_with("no suitable") ||
      failed_with("alert handshake failure") || failed_with("alert insufficient security")) {
    return add(FindingId::no_common_cipher);
  }
  if (failed_with("certificate expired")) return add(FindingId::certificate_expired);
  if (failed_with("unknown ca") || failed_with("certificate")) {
    return add(FindingId::certificate_refused);
  }
  if (implicit && (failed_with("wrong version number") || failed_with("no TLS handshake") ||
                   failed_with("packet length"))) {
    return add(FindingId::clear_on_tls_port);
  }
  if (failed_with("broke the connection off") || failed_with("no TLS handshake")) {
    return add(FindingId::tls_broken_off);
  }
  add(FindingId::tls_failed, facts_.tls_failure);
}

void Reading::look_at_replies() {
  std::string_view command;
  for (const DialogueLine& line : lines_) {
    if (line.who == DialogueLine::Who::device) command = line.text;
    if (line.who == DialogueLine::Who::box) look_at_reply(line.text, command);
  }
  if (facts_.quirks.has(Quirk::wrong_password)) add(FindingId::wrong_password, "let in");
}

void Reading::look_at_reply(std::string_view reply, std::string_view command) {
  for (const ReplyRule& rule : reply_rules) {
    if (!reply.starts_with(rule.reply)) continue;
    const bool starttls = parse_command(command).verb == Verb::starttls;
    if (rule.id == FindingId::quirk_refused) return add(rule.id, reply.substr(rule.reply.size()));
    if (rule.id == FindingId::unknown_command && starttls) return add(FindingId::starttls_off);
    if (rule.id == FindingId::idle && facts_.in_data && facts_.odd_dot) return;  // said at the end
    if (rule.id == FindingId::idle && facts_.in_data) return add(FindingId::silent_in_data);
    if (rule.id == FindingId::idle && facts_.accepted > 0) return;  // it had said what it wanted
    return add(rule.id, command);
  }
}

void Reading::look_at_end() {
  using End = DialogueFacts::End;
  if (facts_.in_data && facts_.odd_dot) return add(FindingId::odd_final_dot);
  if (facts_.in_data && facts_.end == End::hung_up) return add(FindingId::stops_in_data);
  if (facts_.was_waiting && facts_.end == End::hung_up) return add(FindingId::hung_up_waiting);
  const bool hung_up = facts_.end == End::hung_up || facts_.end == End::quit;
  if (!hung_up || facts_.accepted > 0 || facts_.trouble || !findings_.empty()) return;
  if (has_said(Verb::mail) || has_said(Verb::auth) || has_said(Verb::starttls)) return;
  if (has_said(Verb::ehlo) || has_said(Verb::helo)) return add(FindingId::greets_only);
}

void Reading::look_at_habits() {
  if (has_said(Verb::helo) && !has_said(Verb::ehlo)) add(FindingId::helo_only);
}

}  // namespace

std::vector<Finding> diagnose(const DialogueFacts& facts, const std::vector<DialogueLine>& lines) {
  return Reading(facts, lines).findings();
}

}  // namespace alarmwire::smtp
