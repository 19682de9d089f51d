// One SMTP conversation as it is overheard, and what it means for the record (RFC 5321 4.2, 4.3.2).
//
// The driver passes on every command sent and every reply line read; commands may be sent in a
// group before the first is answered (PIPELINING, RFC 2920). judge() tells the verdict apart from
// what the library reported: what the far side *said* decides, only where it said nothing does the
// transport's error. Pure; one thread at a time.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "receiver/outlets/order.hpp"

namespace alarmwire::outlets {

inline constexpr std::size_t reply_text_bytes_max = 512;

struct Reply {
  int code = 0;
  std::string text;  // "250 2.0.0 Ok", lines joined by " / "
  bool is_ok() const { return code / 100 == 2; }
  // A "no" about us, not about the mail: the login is missing or lost, TLS is missing, commands are
  // out of order. Refusing every alarm for good because of a wrong password would be the worst
  // outcome.
  bool is_about_the_session() const;
};

struct RecipientAnswer {
  std::string address;
  Reply reply;
};

struct Outcome {
  Attempt attempt;
  std::vector<RecipientAnswer> recipients;
  bool before_data = true;  // nothing of the mail was sent
  bool silent = false;      // no answer to this mail at all, 421, or about the session
};

class Dialogue {
 public:
  void on_command(std::string_view line);
  void on_reply_line(std::string_view line);
  void on_body_end();

  // A command that was passed on, or the mail itself, is not answered yet.
  bool awaits_reply() const { return !awaited_.empty(); }
  bool is_mail_accepted() const { return mail_.is_ok(); }
  bool has_recipient() const;
  // "354": the mail itself may follow.
  bool may_send_body() const { return is_mail_accepted() && has_recipient() && data_.code == 354; }
  // The far side spoke before the mail was all there, or gave up on the session.
  bool is_cut_short() const { return final_.code != 0; }

  // `error`: what the library said, for where the far side said nothing.
  Outcome judge(const std::string& error) const;
  const Reply& last() const { return last_; }

 private:
  enum class Step : std::uint8_t { session, mail, rcpt, data, body };
  void on_reply(const Reply& reply);
  void on_unasked(const Reply& reply);
  bool no_recipient_accepted() const;
  const Reply* decisive() const;
  const Reply& of_recipients() const;
  Verdict by_code(const Reply& reply) const;
  Verdict by_recipients() const;

  std::deque<Step> awaited_;  // what the next replies answer
  Reply pending_;             // lines of a reply so far
  Reply last_;
  Reply session_bad_;  // a reply to greeting, EHLO, STARTTLS or AUTH that was not positive
  Reply mail_;
  Reply data_;
  Reply final_;
  std::vector<RecipientAnswer> recipients_;
  std::size_t recipients_answered_ = 0;
  bool mail_sent_ = false;
  bool body_ended_ = false;
};

}  // namespace alarmwire::outlets
