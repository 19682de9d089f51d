// One SMTP conversation as it is overheard, and what it means for the record (RFC 5321 4.2, 4.3.2).
//
// The driver passes on every command sent and every reply line read; judge() tells the verdict
// apart from what the library reported: what the far side *said* decides, only where it said
// nothing does the transport's error. Pure; one thread at a time.
#pragma once

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
  void on_body_end() { body_ended_ = true; }

  // `error`: what the library said, for where the far side said nothing.
  Outcome judge(const std::string& error) const;
  const std::string& last_text() const { return last_.text; }

 private:
  enum class Step : std::uint8_t { session, mail, rcpt, data, body, after };
  void on_reply(const Reply& reply);
  Verdict by_code(const Reply& reply) const;
  Verdict by_recipients() const;

  Step step_ = Step::session;
  Reply pending_;  // lines of a reply so far
  Reply last_;
  Reply session_bad_;  // a reply to greeting, EHLO, STARTTLS or AUTH that was not positive
  Reply mail_;
  Reply data_;
  Reply final_;
  std::vector<RecipientAnswer> recipients_;
  bool mail_sent_ = false;
  bool data_sent_ = false;
  bool body_ended_ = false;
};

}  // namespace alarmwire::outlets
