// Any bytes from a peer: the transcript does not depend on how they were cut, replies are clean
// lines, only our recipients get in, and every mail begun is answered 250 or told lost.
// First byte of the input: how the session ends, small limits or the usual ones, the outcome of
// mails.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "edge/smtp/path.hpp"
#include "edge/smtp/tests/dialogue.hpp"

namespace {

using namespace alarmwire;
using namespace alarmwire::smtp::test;

void demand(bool holds) {
  if (!holds) std::abort();
}

Setting setting_from(std::uint8_t byte) {
  Setting setting;
  setting.ending = static_cast<Ending>(byte % 5);
  if ((byte & 0x40) != 0) {
    setting.session.limits.command_line_bytes = 60;
    setting.session.limits.message_bytes = 100;
    setting.session.limits.recipients = 2;
    setting.session.limits.commands_without_progress = 10;
  }
  if ((byte & 0x80) != 0) {
    using Kind = smtp::Outcome::Kind;
    setting.outcomes = {Kind::full, Kind::stored, Kind::unconfirmed, Kind::failed};
  }
  return setting;
}

std::size_t count(const std::string& text, const std::string& wanted) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(wanted, at)) != std::string::npos; ++at) ++found;
  return found;
}

void check(const Transcript& transcript, const Setting& setting) {
  demand(transcript.replies.ends_with("\r\n"));
  for (const char c : transcript.replies) demand((c >= ' ' && c < 0x7f) || c == '\r' || c == '\n');
  for (const TakenMail& mail : transcript.mails) {
    demand(!mail.envelope.recipients.empty());
    demand(encode_envelope(mail.envelope).size() < envelope_size_max);
    for (const std::string& recipient : mail.envelope.recipients) {
      const std::string_view domain = smtp::domain_of(recipient);
      demand(domain.empty() || smtp::in_zones(domain, setting.session.zones));
    }
  }
  const std::size_t answered = count(transcript.replies, "250 2.0.0 spooled") +
                               count(transcript.replies, "250 2.0.0 stored");
  demand(answered + transcript.lost.size() + (transcript.closed ? 0 : 1) >=
         transcript.mails.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Setting setting = setting_from(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Transcript transcript = replay(bytes, whole(), setting);
  check(transcript, setting);
  demand(transcript == replay(bytes, bytewise(), setting));
  demand(transcript == replay(bytes, at_random(static_cast<std::uint32_t>(size)), setting));
  return 0;
}
