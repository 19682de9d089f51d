// Hands letters to the far side over one SMTP connection, kept open from mail to mail.
//
// Promises: the verdict follows what the far side said (dialogue.hpp). Where it offers PIPELINING
// (RFC 2920) the envelope goes in one group, so that a mail costs two round trips. A connection
// that the far side closed while it was idle, or whose login it forgot, is no failure: the mail is
// tried once more, at once, on a fresh one, as long as nothing of it was sent. After anything but
// `taken` the connection is given up. Memory is flat: the mail is pulled in pieces. Blocks; one
// thread at a time, but abort_after() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "receiver/outlets/connection.hpp"
#include "receiver/outlets/dialogue.hpp"
#include "receiver/outlets/outlet_config.hpp"

namespace alarmwire::outlets {

// Fills in the next piece (lines end in CRLF); false at the end. A failure breaks the connection
// before the final dot, so that no half mail is taken.
using Pieces = std::function<Result<bool>(std::string& piece)>;

struct Letter {
  std::string from;  // safe ASCII (sites::Route)
  std::vector<std::string> to;
  std::uint64_t size_bytes = 0;  // about; stretches the time limit
  std::function<Pieces()> open;  // anew for each try
};

class Courier {
 public:
  explicit Courier(const SmtpConfig& config);
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  Outcome send(const Letter& letter);
  // NOOP on an open connection (opens one if there is none), so that the next alarm finds it warm.
  bool keep_warm();
  // Gives up what is under way once this moment has passed.
  void abort_after(SteadyTime time) { abort_at_ = time.time_since_epoch().count(); }

 private:
  struct Talk;
  Outcome send_once(const Letter& letter);
  Status converse(const Letter& letter, Talk& talk);
  Status say_envelope(const Letter& letter, Talk& talk);
  Status say_body(const Letter& letter, Talk& talk);
  Status command(const std::string& line, Talk& talk);

  const SmtpConfig config_;
  std::atomic<SteadyTime::rep> abort_at_;
  Connection connection_;
};

}  // namespace alarmwire::outlets
