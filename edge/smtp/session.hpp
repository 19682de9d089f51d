// One SMTP session of a device, without any I/O: bytes in, replies and requests out (RFC 5321;
// RFC 2920 PIPELINING, RFC 1870 SIZE, RFC 6152 8BITMIME, RFC 2034 ENHANCEDSTATUSCODES, RFC 6531
// SMTPUTF8, RFC 9422 LIMITS, RFC 4954 AUTH, RFC 3207 STARTTLS).
//
// Promises
// - The same bytes give the same replies, requests and body, however they were cut into segments.
// - Every mail begun (MAIL came) ends once: answered 250, or told to SessionHost::lost(), or given
//   up by the device itself before it named a recipient and without an error.
// - Memory is bounded: one command line, one body chunk, one envelope, output_bytes_max of replies.
// - While an answer of the host is awaited nothing is consumed; pipelined commands wait.
// - What came behind STARTTLS in clear text is thrown away, and what was said before TLS forgotten.
//
// The driver: write take_output(); read while wants_input() and consume(); call on_time() now and
// then; close once is_closing() and the output is written. Once wants_tls(): throw away what was
// read, write the output, make the handshake, say on_tls_started() or on_disconnect().
// Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/log.hpp"
#include "common/record.hpp"
#include "edge/smtp/command.hpp"
#include "edge/smtp/data_scanner.hpp"
#include "edge/smtp/dialogue_log.hpp"
#include "edge/smtp/identity.hpp"
#include "edge/smtp/intake.hpp"
#include "edge/smtp/limits.hpp"
#include "edge/smtp/path.hpp"
#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

// What a session asks of its driver. Called from inside the session's functions; the answers
// (on_appended, on_outcome) come later, never from inside a call.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual bool has_room(std::uint64_t size) = 0;
  // 354 follows. false: cannot take a mail now, 451 follows.
  virtual bool begin(const Envelope& envelope, std::optional<std::uint64_t> declared_size) = 0;
  // Body bytes in order, at most body_chunk_bytes_max; `last`: the final dot was read behind them.
  // Answered by on_appended(); of a mail with one append only, finish() does not wait for that.
  virtual void append(std::string bytes, bool last) = 0;
  virtual void finish() = 0;  // the final dot was read; answered by on_outcome()
  // Once per mail that is not answered 250. A begun IncomingMail is to be destroyed.
  virtual void lost(const Envelope& envelope, const std::string& reason) = 0;
  // Something to log with the device's name: an event of messages.hpp.
  virtual void remark(const log::Event& event, std::string_view detail) = 0;
  // Letters that were never given before: what a CRAM-MD5 challenge is made of.
  virtual std::string nonce() = 0;
  // An AUTH was tried where it is required: how long its answer has to wait, whatever it says.
  virtual std::chrono::milliseconds auth_delay(bool right) = 0;
  // `user` has proven himself: whose he is, if a device's. Then its name and switches hold, until
  // the session forgets the user again (on_tls_started()).
  virtual std::optional<KnownDevice> device_of(const std::string& user) = 0;
};

struct Peer {
  std::string listener;
  std::string device;
  std::string device_address;
  DeviceOptions options;
  KnownBy known_by = KnownBy::nothing;
};

// A mail between MAIL and its reply.
struct OpenMail {
  Envelope envelope;
  std::optional<std::uint64_t> declared_size;
  std::uint64_t bytes = 0;
  std::size_t recipients_bytes = 0;
  bool handed_on = false;  // append() was called
  bool recipient_tried = false;
  bool too_large = false;
  bool reported = false;  // lost() was called
  std::string trouble;    // the first thing that was refused
};

class Session {
 public:
  // The greeting is in the output at once. `host` must outlive the session.
  Session(std::shared_ptr<const SessionSettings> settings, Peer peer, SessionHost& host,
          SteadyTime now);

  // Takes bytes from the front of `input` and returns how many: fewer than all when an answer is
  // awaited, the output is full, or the session is closing. The rest must be offered again.
  std::size_t consume(std::string_view input, SteadyTime now);
  void on_appended(SteadyTime now);
  void on_outcome(const Outcome& outcome, SteadyTime now);
  // The connection is gone; `how` in words. A mail whose final dot was read is still waited for.
  void on_disconnect(std::string_view how);
  void on_tls_failed(const std::string& why);  // a handshake, or later an alert of the peer
  void on_tls_started(SteadyTime now);
  void on_time(SteadyTime now);  // ends the session when a time limit has run out
  void on_stop();                // closes now, or after the mail that is open
  void on_abort();               // closes now, whatever is open
  void on_crowded();             // closes now if no mail is open: others need the place

  bool wants_input() const;
  bool wants_tls() const { return awaited_ == Awaited::tls && !closing_; }
  bool is_encrypted() const { return encrypted_; }
  bool has_open_mail() const { return mail_.has_value(); }
  bool is_closing() const { return closing_; }
  std::string take_output();
  QuirkSet quirks() const { return quirks_; }
  const std::string& user() const { return user_; }  // of the right password; else empty
  // What was said and how it went, for people.
  const DialogueLog& log() const { return log_; }
  DialogueFacts facts() const;
  void at(SteadyTime now) { log_.at(now); }  // for what the log hears next

 private:
  enum class Awaited : std::uint8_t { nothing, appended, last_appended, outcome, tls, delay };

  std::size_t consume_command(std::string_view input, SteadyTime now);
  void run_line(std::string_view line, SteadyTime now);
  void take_auth_line(std::string_view line, SteadyTime now);
  void begin_refused_data(std::string_view line);
  void run(const Command& command, SteadyTime now);
  void greet();
  void hello(std::string_view name, bool extended);
  std::string extended_reply() const;
  void start_tls(std::string_view argument, SteadyTime now);
  bool offers_auth() const;
  const DeviceOptions& options() const { return proven_ ? proven_->options : peer_.options; }
  void auth(std::string_view argument, SteadyTime now);
  void auth_step(SteadyTime now);
  void auth_end(const AuthExchange& exchange, SteadyTime now);
  void mail(std::string_view argument);
  std::string why_no_mail(const PathArgument& path, const MailParameters& parameters);
  void rcpt(std::string_view argument);
  std::string why_no_recipient(const PathArgument& path);
  void data(SteadyTime now);
  void refuse_data(std::string_view text);
  std::size_t consume_body(std::string_view input);
  std::size_t consume_refused(std::string_view input);
  void end_of_data();

  void reply(std::string_view text);
  void write_down(DialogueLine::Who who, std::string_view text) { log_.write(who, text); }
  // Notes what was seen; the reply to say instead where the device is not to have one of them.
  std::string note(QuirkSet seen);
  void refuse_mail(std::string_view text);  // MAIL not taken: reply, lost
  void refuse_recipient(std::string_view text, std::string_view address);
  void give_up_mail(std::string_view how, bool abnormal);  // ends an open mail without a 250
  void lose(const std::string& reason);                    // tells the host, once per mail
  void cut(std::string_view text, std::string_view why);
  void hand_on(bool last);
  void note_end(DialogueFacts::End end, std::string_view how);

  std::shared_ptr<const SessionSettings> settings_;
  Peer peer_;
  SessionHost& host_;
  std::string helo_;
  std::string line_;  // the part of a command line that has come so far
  std::string output_;
  std::string chunk_;  // body bytes not yet handed on
  std::optional<OpenMail> mail_;
  std::optional<AuthExchange> auth_;
  std::string user_;
  std::optional<KnownDevice> proven_;  // his device
  std::string data_refused_;           // the reply to a DATA whose mail may follow all the same
  std::string held_reply_;             // to an AUTH, until held_until_
  DataScanner scanner_;
  DialogueLog log_;
  DialogueFacts facts_;  // those that are not the listener's
  SteadyTime started_;
  SteadyTime last_heard_;
  SteadyTime data_since_;
  SteadyTime tls_since_;
  SteadyTime held_until_;
  std::size_t thrown_away_ = 0;  // bytes behind STARTTLS
  std::size_t commands_without_progress_ = 0;
  QuirkSet quirks_;
  Awaited awaited_ = Awaited::nothing;
  bool first_line_ = true;
  bool auth_seen_ = false;
  bool line_too_long_ = false;
  bool greeted_ = false;
  bool extended_ = false;  // … by EHLO
  bool encrypted_ = false;
  bool authenticated_ = false;
  bool lf_only_ = true;  // every line so far ended in LF alone
  bool in_data_ = false;
  bool in_refused_data_ = false;
  bool stopping_ = false;
  bool gone_ = false;  // no peer any more to hear the outcome
  bool closing_ = false;
};

}  // namespace alarmwire::smtp
