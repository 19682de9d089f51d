#include "receiver/outlets/dialogue.hpp"

#include <algorithm>

#include "receiver/outlets/mime.hpp"
#include "receiver/sites/address.hpp"

namespace alarmwire::outlets {
namespace {

constexpr int service_closing = 421;

bool starts_with_word(std::string_view line, std::string_view word) {
  return sites::to_lower(line.substr(0, word.size())) == word;
}

std::string between_brackets(std::string_view line) {
  const std::size_t open = line.find('<');
  const std::size_t close = line.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return std::string(line.substr(open + 1, close - open - 1));
}

}  // namespace

bool Reply::is_about_the_session() const {
  return code == 530 || code == 534 || code == 535 || code == 538 || code == 503;
}

void Dialogue::on_command(std::string_view line) {
  if (starts_with_word(line, "mail from:")) {
    awaited_.push_back(Step::mail);
    mail_sent_ = true;
  } else if (starts_with_word(line, "rcpt to:")) {
    awaited_.push_back(Step::rcpt);
    recipients_.push_back({between_brackets(line), {}});
  } else if (starts_with_word(line, "data")) {
    awaited_.push_back(Step::data);
  } else if (starts_with_word(line, "noop")) {
    awaited_.push_back(Step::session);
  }
}

void Dialogue::on_body_end() {
  awaited_.push_back(Step::body);
  body_ended_ = true;
}

bool Dialogue::has_recipient() const {
  return std::any_of(recipients_.begin(), recipients_.end(),
                     [](const RecipientAnswer& a) { return a.reply.is_ok(); });
}

void Dialogue::on_reply_line(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  const bool has_code = line.size() >= 3 && std::all_of(line.begin(), line.begin() + 3, [](char c) {
                          return c >= '0' && c <= '9';
                        });
  if (!has_code) return;
  const std::string text = ascii_only(line, reply_text_bytes_max);
  if (pending_.text.size() + text.size() + 3 <= reply_text_bytes_max) {
    if (!pending_.text.empty()) pending_.text += " / ";
    pending_.text += text;
  }
  if (line.size() > 3 && line[3] == '-') return;
  pending_.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  last_ = pending_;
  pending_ = {};
  on_reply(last_);
}

void Dialogue::on_reply(const Reply& reply) {
  if (awaited_.empty()) return on_unasked(reply);
  const Step step = awaited_.front();
  awaited_.pop_front();
  switch (step) {
    case Step::session:
      if (reply.code >= 400) session_bad_ = reply;
      break;
    case Step::mail:
      mail_ = reply;
      break;
    case Step::rcpt:
      recipients_[recipients_answered_++].reply = reply;
      break;
    case Step::data:
      data_ = reply;
      break;
    case Step::body:
      final_ = reply;
      break;
  }
}

// Greeting, EHLO and the like are asked by the library. In mid-mail only a no counts: a yes to what
// was not all sent would lose the rest.
void Dialogue::on_unasked(const Reply& reply) {
  if (reply.code < 400) return;
  if (!mail_sent_) session_bad_ = reply;
  if (may_send_body() && !body_ended_) final_ = reply;
}

Verdict Dialogue::by_code(const Reply& reply) const {
  if (reply.code == service_closing || reply.is_about_the_session()) return Verdict::unreachable;
  switch (reply.code / 100) {
    case 2:
      return Verdict::taken;
    case 4:
      return Verdict::later;
    case 5:
      return Verdict::refused;
    default:
      return Verdict::unreachable;  // not SMTP any more
  }
}

// None was accepted, so there is no DATA.
Verdict Dialogue::by_recipients() const {
  Verdict verdict = Verdict::refused;
  for (const RecipientAnswer& answer : recipients_) {
    const Verdict one = by_code(answer.reply);
    if (one == Verdict::unreachable) return one;
    if (one == Verdict::later) verdict = one;
  }
  return verdict;
}

bool Dialogue::no_recipient_accepted() const {
  return !recipients_.empty() && std::all_of(recipients_.begin(), recipients_.end(),
                                             [](const auto& a) { return a.reply.code >= 400; });
}

const Reply& Dialogue::of_recipients() const {
  const auto session_lost = std::find_if(recipients_.begin(), recipients_.end(), [](const auto& a) {
    return a.reply.is_about_the_session();
  });
  return session_lost == recipients_.end() ? recipients_.front().reply : session_lost->reply;
}

// The first no counts: what follows it in a group only says that it was out of order.
const Reply* Dialogue::decisive() const {
  if (final_.code != 0) return &final_;
  if (mail_.code != 0 && !mail_.is_ok()) return &mail_;
  if (no_recipient_accepted()) return &of_recipients();
  if (data_.code != 0 && data_.code != 354) return &data_;
  if (session_bad_.code != 0 && !mail_sent_) return &session_bad_;
  return nullptr;
}

Outcome Dialogue::judge(const std::string& error) const {
  Outcome outcome;
  outcome.recipients = recipients_;
  outcome.before_data = !may_send_body();
  Attempt& attempt = outcome.attempt;
  attempt.session_ready = mail_sent_;
  const Reply* const said = decisive();
  if (said == nullptr) {
    attempt.verdict = Verdict::unreachable;
    attempt.maybe_taken = body_ended_;
    outcome.silent = true;
    attempt.text = error.empty() ? "no answer" : error;
    if (!last_.text.empty()) attempt.text += "; last heard: " + last_.text;
    return outcome;
  }
  attempt.verdict = by_code(*said);
  if (said == &session_bad_ || (said == &data_ && said->is_ok()))
    attempt.verdict = Verdict::unreachable;
  if (no_recipient_accepted() && said != &mail_) attempt.verdict = by_recipients();
  // Later than here the far side had begun to listen: it may be this mail that it means.
  if (said == &mail_ && said->is_about_the_session()) attempt.session_ready = false;
  attempt.text = said->text;
  outcome.silent = said->code == service_closing || said->is_about_the_session();
  return outcome;
}

}  // namespace alarmwire::outlets
