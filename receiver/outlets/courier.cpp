#include "receiver/outlets/courier.hpp"

#include <boost/assert.hpp>
#include <limits>
#include <optional>

#include "receiver/outlets/dot_stuffing.hpp"

namespace alarmwire::outlets {
namespace {

constexpr std::size_t write_bytes = 64 * 1024;       // gathered before they are sent
constexpr std::uint64_t slowest_bytes_per_ms = 256;  // stretches the time limit of large mails

}  // namespace

// One try to hand over one letter.
struct Courier::Talk {
  SteadyTime until;
  Dialogue dialogue;
  std::optional<Failure> source_failure;  // the mail could not be read
};

Courier::Courier(const SmtpConfig& config)
    : config_(config),
      abort_at_(std::numeric_limits<SteadyTime::rep>::max()),
      connection_(config_, abort_at_) {}

Status Courier::command(const std::string& line, Talk& talk) {
  talk.dialogue.on_command(line);
  Status sent = connection_.send(line, talk.dialogue, talk.until);
  if (sent.has_error()) return sent;
  return connection_.hear(talk.dialogue, talk.until);
}

Status Courier::say_envelope(const Letter& letter, Talk& talk) {
  std::vector<std::string> lines{"MAIL FROM:<" + letter.from + ">\r\n"};
  for (const std::string& address : letter.to) lines.push_back("RCPT TO:<" + address + ">\r\n");
  lines.emplace_back("DATA\r\n");
  if (!connection_.has_pipelining()) {
    for (const std::string& line : lines) {
      const bool is_data = &line == &lines.back();
      if (is_data && !talk.dialogue.has_recipient()) return {};
      const Status said = command(line, talk);
      if (said.has_error() || !talk.dialogue.is_mail_accepted()) return said;
    }
    return {};
  }
  std::string group;
  for (const std::string& line : lines) {
    talk.dialogue.on_command(line);
    group += line;
  }
  const Status sent = connection_.send(group, talk.dialogue, talk.until);
  if (sent.has_error()) return sent;
  return connection_.hear(talk.dialogue, talk.until);
}

Status Courier::say_body(const Letter& letter, Talk& talk) {
  const Pieces pieces = letter.open();
  DotStuffing stuffing;
  std::string piece;
  std::string out;
  for (bool more = true; more;) {
    piece.clear();
    const Result<bool> read = pieces(piece);
    if (read.has_error()) {
      talk.source_failure = read.error();
      return read.error();
    }
    more = *read;
    stuffing.feed(piece, out);
    if (!more) stuffing.finish(out);
    if (more && out.size() < write_bytes) continue;
    if (!more) talk.dialogue.on_body_end();
    const Status sent = connection_.send(out, talk.dialogue, talk.until);
    if (sent.has_error()) return sent;
    out.clear();
  }
  return connection_.hear(talk.dialogue, talk.until);
}

Status Courier::converse(const Letter& letter, Talk& talk) {
  if (!connection_.is_open()) {
    const Status opened = connection_.open(talk.dialogue, talk.until);
    if (opened.has_error()) return opened;
  }
  const Status said = say_envelope(letter, talk);
  if (said.has_error() || !talk.dialogue.may_send_body()) return said;
  return say_body(letter, talk);
}

Outcome Courier::send_once(const Letter& letter) {
  const auto stretch = std::chrono::milliseconds(letter.size_bytes / slowest_bytes_per_ms);
  Talk talk{steady_now() + config_.total_timeout + stretch, {}, {}};
  const Status status = converse(letter, talk);
  Outcome outcome;
  if (talk.source_failure) {
    outcome.attempt.verdict = Verdict::later;
    outcome.attempt.text = "ledger: " + talk.source_failure->diagnostics;
    outcome.before_data = false;
  } else {
    outcome = talk.dialogue.judge(status.has_error() ? status.error().diagnostics : "");
  }
  if (outcome.attempt.verdict != Verdict::taken) connection_.drop();
  return outcome;
}

Outcome Courier::send(const Letter& letter) {
  BOOST_ASSERT(!letter.to.empty());
  const bool reused = connection_.is_open();
  Outcome outcome = send_once(letter);
  const bool aborted = steady_now().time_since_epoch().count() >= abort_at_;
  const bool went_stale = reused && outcome.silent && outcome.before_data && !aborted;
  if (went_stale) outcome = send_once(letter);
  return outcome;
}

bool Courier::keep_warm() {
  Talk talk{steady_now() + config_.connect_timeout, {}, {}};
  if (connection_.is_open()) {
    const Status said = command("NOOP\r\n", talk);
    if (!said.has_error() && talk.dialogue.last().is_ok()) return true;
    connection_.drop();
  }
  Talk fresh{talk.until, {}, {}};
  return !connection_.open(fresh.dialogue, fresh.until).has_error();
}

}  // namespace alarmwire::outlets
