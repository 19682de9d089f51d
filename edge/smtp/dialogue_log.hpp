// What was said in a session, kept for people: bounded, printable, without secrets. Whoever writes
// leaves out passwords, what AUTH carries, and the bytes of mails.
//
// Of a long session the beginning and the end are kept. Thread-safety: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "edge/smtp/policy.hpp"
#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t dialogue_line_bytes_max =
    240;  // of one line; longer ones end with "…"
inline constexpr std::size_t dialogue_head_bytes_max = 2 * 1024;  // of the session's beginning
inline constexpr std::size_t dialogue_tail_bytes_max = 4 * 1024;  // of its end

struct DialogueLine {
  enum class Who : char { device = '<', box = '>', note = '*' };
  Who who = Who::note;
  std::uint32_t at_ms = 0;  // since the session began
  std::string text;
  bool operator==(const DialogueLine&) const = default;
};

class DialogueLog {
 public:
  explicit DialogueLog(SteadyTime began) : began_(began), now_(began) {}

  void at(SteadyTime now) { now_ = now; }  // when what follows happens
  void write(DialogueLine::Who who, std::string_view text);
  std::vector<DialogueLine> lines() const;
  std::size_t left_out() const { return left_out_; }  // lines between beginning and end
  std::uint32_t duration_ms() const;
  std::size_t bytes() const { return head_.size() + tail_.size(); }

  // All of it as text, for a state file, and back; nothing where the text is none of ours.
  struct Text {
    std::string head;
    std::string tail;
    std::size_t left_out = 0;
    std::uint32_t duration_ms = 0;
  };
  Text text() const { return {head_, tail_, left_out_, duration_ms()}; }
  static std::optional<DialogueLog> from(Text text);

 private:
  void drop_oldest_of_tail();
  SteadyTime began_;
  SteadyTime now_;
  std::string head_;  // each line: who, milliseconds, blank, text, LF
  std::string tail_;
  std::size_t left_out_ = 0;
};

// What a session was like, as far as its lines do not say it.
struct DialogueFacts {
  enum class End : std::uint8_t { none, quit, hung_up, cut, tls_failed };
  TlsMode tls = TlsMode::off;  // of the listener
  AuthMode auth = AuthMode::optional;
  std::string zone;  // the first of ours
  std::uint64_t message_bytes_max = 0;
  bool encrypted = false;
  std::string tls_version;  // "TLSv1.2"; empty in clear text
  std::string tls_failure;  // in OpenSSL's words, and what the device offers
  bool spoke_tls = false;   // on a port in clear text
  bool spoke_http = false;
  bool trouble = false;          // something was refused, cut or lost
  std::size_t accepted = 0;      // mails answered 250
  End end = End::none;           // none: it goes on
  bool in_data = false;          // a mail was open after 354 when it ended
  std::uint64_t data_bytes = 0;  // of it
  bool odd_dot = false;      // its last bytes were a dot on a line, by other line ends than CRLF
  bool was_waiting = false;  // for our reply to a mail
  QuirkSet quirks;
};

struct Dialogue {
  std::string device;
  std::string address;
  std::string listener;
  WallTimeUs began_us = 0;
  DialogueFacts facts;
  DialogueLog log{SteadyTime{}};
};

}  // namespace alarmwire::smtp
