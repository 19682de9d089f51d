#include "edge/smtp/tests/dialogue.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

namespace alarmwire::smtp::test {
namespace {

class FakeHost final : public SessionHost {
 public:
  explicit FakeHost(const Setting& setting) : setting_(setting) {}

  bool has_room(std::uint64_t) override { return setting_.room; }
  bool begin(const Envelope& envelope, std::optional<std::uint64_t> declared_size) override {
    if (setting_.can_begin) transcript.mails.push_back({envelope, declared_size, {}, false});
    return setting_.can_begin;
  }
  void append(std::string bytes, bool) override {
    if (bytes.empty() || bytes.size() > body_chunk_bytes_max) std::abort();
    transcript.mails.back().body += bytes;
    append_waits = true;
  }
  void finish() override {
    transcript.mails.back().finished = true;
    outcome_waits = true;
  }
  void lost(const Envelope& envelope, const std::string& reason) override {
    transcript.lost.push_back({envelope, reason});
  }
  void remark(const log::Event& event, std::string_view) override {
    transcript.remarks.emplace_back(event.id);
  }
  std::string nonce() override { return "1896.697170952"; }
  std::chrono::milliseconds auth_delay(bool right) override {
    return std::chrono::milliseconds(right ? 0 : 5000);
  }
  std::optional<KnownDevice> device_of(const std::string& user) override {
    const auto found = setting_.users.find(user);
    return found != setting_.users.end() ? std::optional(found->second) : std::nullopt;
  }

  bool answer(Session& session, SteadyTime now) {
    if (!setting_.answers) return false;
    if (std::exchange(append_waits, false)) {
      session.on_appended(now);
      return true;
    }
    if (!std::exchange(outcome_waits, false)) return false;
    Outcome outcome{Outcome::Kind::spooled, {}, "a reason"};
    if (outcomes_ < setting_.outcomes.size()) outcome.kind = setting_.outcomes[outcomes_++];
    session.on_outcome(outcome, now);
    return true;
  }

  Transcript transcript;
  bool append_waits = false;
  bool outcome_waits = false;

 private:
  const Setting& setting_;
  std::size_t outcomes_ = 0;
};

void end(Session& session, Ending ending, SteadyTime now, const Setting& setting) {
  switch (ending) {
    case Ending::open:
      return;
    case Ending::disconnect:
      return session.on_disconnect("the device closed the connection");
    case Ending::stop:
      return session.on_stop();
    case Ending::abort:
      return session.on_abort();
    case Ending::idle:
      return session.on_time(now + setting.session.limits.idle_time);
    case Ending::late:
      return session.on_time(now + setting.session.limits.session_time);
    case Ending::tls_failed:
      return session.on_tls_failed(setting.tls_failure);
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Transcript& transcript) {
  out << "replies:\n" << transcript.replies;
  for (const TakenMail& mail : transcript.mails) out << "mail: [" << mail.body << "]\n";
  for (const LostMail& lost : transcript.lost) out << "lost: " << lost.reason << '\n';
  for (const std::string& remark : transcript.remarks) out << "remark: " << remark << '\n';
  return out << (transcript.closed ? "closed\n" : "open\n");
}

std::string codes(std::string_view replies) {
  std::string result;
  while (!replies.empty()) {
    const std::size_t end = replies.find("\r\n");
    const std::string_view line = replies.substr(0, end);
    replies.remove_prefix(end + 2);
    if (line.size() > 3 && line[3] == '-') continue;
    if (!result.empty()) result += ' ';
    result += line.substr(0, 3);
    const bool enhanced = line.size() > 8 && line[4] == line[0] && line[5] == '.';
    if (enhanced) result += ":" + std::string(line.substr(4, line.find(' ', 4) - 4));
  }
  return result;
}

Cuts whole() {
  return [](std::size_t left) { return left; };
}

Cuts bytewise() {
  return [](std::size_t) { return std::size_t{1}; };
}

Cuts at_random(std::uint32_t seed) {
  auto random = std::make_shared<std::mt19937>(seed);
  return [random](std::size_t left) {
    const std::size_t most = (*random)() % 4 == 0 ? left : std::min<std::size_t>(left, 7);
    return 1 + (*random)() % most;
  };
}

Transcript replay(std::string_view bytes, const Cuts& cuts, const Setting& setting) {
  SteadyTime now{};
  FakeHost host(setting);
  auto settings = std::make_shared<const SessionSettings>(setting.session);
  Session session(settings, {"lan", "cam-1", "192.0.2.7", setting.device}, host, now);
  Transcript& transcript = host.transcript;
  const auto drain = [&] {
    do {
      transcript.replies += session.take_output();
    } while (host.answer(session, now));
  };
  drain();
  const auto send = [&](std::string_view part) {
    while (!part.empty() && !session.is_closing()) {
      std::string_view segment = part.substr(0, cuts(part.size()));
      part.remove_prefix(segment.size());
      while (!segment.empty() && !session.is_closing()) {
        const std::size_t used = session.consume(segment, now);
        segment.remove_prefix(used);
        drain();
        if (used > 0 || session.wants_input()) continue;
        if (!setting.answers) break;  // an answer that never comes
        now += std::chrono::seconds(10);
        session.on_time(now);  // an answer that is held back
        drain();
      }
    }
  };
  while (true) {
    const std::size_t mark = bytes.find(tls_mark);
    send(bytes.substr(0, mark));
    if (mark == std::string_view::npos) break;
    if (session.wants_tls()) session.on_tls_started(now);
    drain();
    bytes.remove_prefix(mark + tls_mark.size());
  }
  end(session, setting.ending, now, setting);
  drain();
  transcript.quirks = session.quirks();
  transcript.user = session.user();
  transcript.dialogue = session.log().lines();
  for (const Finding& finding : diagnose(session.facts(), transcript.dialogue))
    transcript.findings.emplace_back(to_string(finding.id));
  transcript.encrypted = session.is_encrypted();
  transcript.closed = session.is_closing();
  return transcript;
}

}  // namespace alarmwire::smtp::test
