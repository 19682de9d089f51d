// Structure-aware: the input is read as a program that writes a whole dialogue out of commands,
// mails, AUTH exchanges, handshakes and broken pieces of each, under a policy of its own. What
// mutation of raw bytes seldom reaches (a mail inside TLS after a wrong password) is one byte away
// here.
//
// Checked: the transcript does not depend on the cuts; replies are clean lines; nothing foreign
// gets in without the switch; no mail before TLS or AUTH where they are required; nothing is run
// twice.
#include <array>
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

class Program {
 public:
  Program(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t byte() {
    if (at_ >= size_) return 0;
    return data_[at_++];
  }
  bool over() const { return at_ >= size_; }
  std::string bytes() {
    const std::size_t count = byte() % 16;
    std::string text;
    for (std::size_t i = 0; i < count && !over(); ++i) text += static_cast<char>(byte());
    return text;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

// "@": raw bytes of the input stand here.
constexpr std::array<const char*, 48> pieces{"EHLO cam",
                                             "HELO cam",
                                             "HELO",
                                             "EHLO my_cam 2",
                                             "MAIL FROM:<cam@edge.internal>",
                                             "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME",
                                             "MAIL FROM: T-Link 1",
                                             "MAIL FROM :<>",
                                             "MAIL FROM:<@>",
                                             "RCPT TO:<alarm@edge.internal>",
                                             "RCPT TO:alarm",
                                             "RCPT TO:<x@gmail.com>",
                                             "RCPT TO:<alarm@edge.internal> NOTIFY=NEVER",
                                             "RCPT TO:<@>",
                                             "DATA",
                                             "RSET",
                                             "NOOP",
                                             "QUIT",
                                             "VRFY x",
                                             "STARTTLS",
                                             "STARTTLS @",
                                             "AUTH LOGIN",
                                             "AUTH LOGIN dQ==",
                                             "AUTH PLAIN AHUAcA==",
                                             "AUTH PLAIN AHUAeA==",
                                             "AUTH PLAIN",
                                             "AUTH CRAM-MD5",
                                             "AUTH @",
                                             "dQ==",
                                             "cA==",
                                             "AHUAcA==",
                                             "*",
                                             "=",
                                             ".",
                                             "..",
                                             "Subject: x",
                                             "Date: x",
                                             "",
                                             " folded",
                                             ".@",
                                             "@",
                                             "text",
                                             "GET / HTTP/1.1",
                                             "BDAT 3",
                                             "XYZZY",
                                             "<TLS>",
                                             "t\xc3\xbcr",
                                             "x\xfcy"};
constexpr std::array<const char*, 8> line_ends{"\r\n",   "\r\n", "\r\n", "\n",
                                               "\r\r\n", "\r",   "",     "\n\r"};

std::string dialogue_of(Program& program) {
  std::string text;
  const bool lf = (program.byte() & 1) != 0;  // a device that ends its lines by LF
  while (!program.over() && text.size() < 4096) {
    std::string piece = pieces.at(program.byte() % pieces.size());
    if (piece == tls_mark) {
      text += piece;
      continue;
    }
    if (const std::size_t place = piece.find('@'); piece.size() > 1 && place == piece.size() - 1) {
      piece.replace(place, 1, program.bytes());
    } else if (piece == "@" || piece.ends_with("<@>")) {
      piece.replace(piece.find('@'), 1, program.bytes());
    }
    const std::uint8_t end = program.byte();
    text += piece;
    text += end < 200 ? (lf ? "\n" : "\r\n") : line_ends.at(end % line_ends.size());
  }
  return text;
}

Setting setting_of(Program& program) {
  Setting setting;
  const std::uint8_t policy = program.byte();
  setting.session.tls = static_cast<smtp::TlsMode>(policy % 4);
  setting.session.auth = static_cast<smtp::AuthMode>(policy / 4 % 3);
  setting.session.auth_in_clear = (policy & 0x40) != 0;
  setting.session.tls_available = (policy & 0x80) == 0;
  const std::uint8_t device = program.byte();
  setting.device.foreign_recipients = (device & 1) != 0;
  if ((device & 2) != 0) setting.device.hidden = smtp::ExtensionSet::all();
  if ((device & 4) != 0) setting.device.refused.add(static_cast<smtp::Quirk>(device >> 3));
  setting.ending = static_cast<Ending>(program.byte() % 5);
  const auto credentials = std::make_shared<smtp::Credentials>();
  credentials->add("u", "p");
  setting.session.credentials = credentials;
  return setting;
}

void check(const Transcript& transcript, const Setting& setting) {
  for (const char c : transcript.replies) demand((c >= ' ' && c < 0x7f) || c == '\r' || c == '\n');
  demand(transcript.replies.empty() || transcript.replies.ends_with("\r\n"));
  const bool clear_only = setting.session.tls == smtp::TlsMode::required && !transcript.encrypted;
  demand(!clear_only || transcript.mails.empty());
  demand(setting.session.auth != smtp::AuthMode::required || transcript.mails.empty() ||
         transcript.replies.find("235 2.7.0") != std::string::npos);
  for (const TakenMail& mail : transcript.mails) {
    demand(!mail.envelope.recipients.empty());
    for (const std::string& recipient : mail.envelope.recipients) {
      const std::string_view domain = smtp::domain_of(recipient);
      demand(domain.empty() || setting.device.foreign_recipients ||
             smtp::in_zones(domain, setting.session.zones));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Program program(data, size);
  const Setting setting = setting_of(program);
  const std::string bytes = dialogue_of(program);
  const Transcript transcript = replay(bytes, whole(), setting);
  check(transcript, setting);
  demand(transcript == replay(bytes, bytewise(), setting));
  demand(transcript == replay(bytes, at_random(static_cast<std::uint32_t>(size)), setting));
  return 0;
}
