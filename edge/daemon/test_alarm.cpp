#include "edge/daemon/test_alarm.hpp"

#include <utility>

#include "common/clock.hpp"

namespace alarmwire::edge {
namespace {

constexpr const char* device = "alarmwire-edge";
constexpr const char* test_local_part = "alarmwire-test";  // receiver/outlets knows it by that

Result<std::chrono::milliseconds> verdict(const smtp::Outcome& outcome, SteadyTime began) {
  switch (outcome.kind) {
    case smtp::Outcome::Kind::stored:
      return std::chrono::duration_cast<std::chrono::milliseconds>(steady_now() - began);
    case smtp::Outcome::Kind::spooled:
    case smtp::Outcome::Kind::unconfirmed:
      return Failure(Errc::timed_out, "the centre has not acknowledged it yet");
    case smtp::Outcome::Kind::full:
      return Failure(Errc::full, outcome.diagnostics);
    case smtp::Outcome::Kind::failed:
      break;
  }
  return Failure(Errc::io, outcome.diagnostics);
}

}  // namespace

TestAlarm::TestAlarm(smtp::Intake& intake, std::string hostname)
    : intake_(intake), hostname_(std::move(hostname)) {}

void TestAlarm::send(Done done) {
  const WallTimeUs now_us = wall_now_us();
  Envelope envelope;
  envelope.device = device;
  envelope.helo = hostname_;
  envelope.reverse_path = "alarmwire@" + hostname_;
  envelope.recipients = {std::string(test_local_part) + "@" + hostname_};
  mail_ = intake_.begin(envelope, smtp::ReplyMode::assured, std::nullopt);
  mail_->append("From: <" + envelope.reverse_path + ">\r\nTo: <" + envelope.recipients.front() +
                    ">\r\nDate: " + to_rfc5322_date(now_us) +
                    "\r\nSubject: Alarmwire test\r\nX-Alarmwire-Test: yes\r\n\r\n"
                    "The test alarm at the end of this box's enrolment. No alarm.\r\n",
                [] {});
  mail_->finish(now_us, [done = std::move(done), began = steady_now()](
                            const smtp::Outcome& outcome) { done(verdict(outcome, began)); });
}

}  // namespace alarmwire::edge
