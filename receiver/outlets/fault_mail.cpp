#include "receiver/outlets/fault_mail.hpp"

#include <array>
#include <ctime>

#include "receiver/outlets/mime.hpp"

namespace alarmwire::outlets {
namespace {

using sites::Language;

constexpr WallTimeUs us_per_second = 1'000'000;
constexpr std::size_t value_bytes_max = 1024;

// "24.11.2026 05:15:00 CET": people at the centre think in their own time.
std::string local_time(WallTimeUs time_us) {
  const std::time_t seconds = static_cast<std::time_t>(time_us / us_per_second);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%d.%m.%Y %H:%M:%S %Z", &parts);
  return text.data();
}

// One line of the body: what came from outside must not make lines of its own.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, value_bytes_max));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  }
  return line;
}

std::string place(const sites::Box& box, bool german) {
  if (box.id == centre_box_id) return german ? "Zentrale" : "centre";
  return (german ? "Standort " : "site ") + one_line(box.name.empty() ? box.id : box.name);
}

std::string subject_of(const Envelope& envelope, const FaultWords& words, const sites::Box& box,
                       bool german) {
  const bool over = envelope.kind == RecordKind::fault_end;
  std::string text = "[Alarmwire] ";
  if (german) {
    text += over ? "Störung beendet: " : "Störung: ";
  } else {
    text += over ? "Fault over: " : "Fault: ";
  }
  return text + std::string(words.title) + " – " + place(box, german);
}

std::string body_of(const ledger::Record& record, const Envelope& envelope, const FaultWords& words,
                    const sites::Box& box, bool german) {
  const bool over = envelope.kind == RecordKind::fault_end;
  const auto line = [](const char* label, const std::string& value) {
    return value.empty() ? std::string() : label + value + "\n";
  };
  std::string text = subject_of(envelope, words, box, german).substr(12) + "\n\n";
  text += line(german ? "Betrifft: " : "About: ", one_line(envelope.fault_subject));
  text += line(german ? "Grund: " : "Reason: ", one_line(envelope.fault_reason));
  text += line(over ? (german ? "Beendet: " : "Over since: ") : (german ? "Seit: " : "Since: "),
               local_time(record.header.accepted_us + record.clock_offset_us));
  if (!over) text += line(german ? "Was tun: " : "What to do: ", std::string(words.advice));
  text += line(german ? "Kennung: " : "Code: ", one_line(envelope.fault_code));
  text += line("Box: ", box.id);
  text += line(german ? "Meldung: " : "Message: ", record.header.id.to_string());
  return text;
}

std::string own_header(const std::string& address, const std::string& subject, WallTimeUs time_us,
                       const AlarmId& id, const std::string& host, Language language) {
  return "From: Alarmwire <" + address + ">\r\nTo: <" + address +
         ">\r\nSubject: " + encode_header_text(subject) + "\r\nDate: " + to_rfc5322_date(time_us) +
         "\r\nMessage-ID: <" + id.to_string() + "@" + ascii_only(host, 128) +
         ">\r\nMIME-Version: 1.0\r\n" +
         "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: "
         "quoted-printable\r\nContent-Language: " +
         (language == Language::de ? "de" : "en") + "\r\nAuto-Submitted: auto-generated\r\n\r\n";
}

}  // namespace

std::string fault_mail(const Trace& trace, const Marks& marks, const sites::Box& box,
                       Language language) {
  const ledger::Record& record = *trace.record;
  const bool german = language == Language::de;
  const FaultWords words = fault_words(trace.envelope->fault_code, language);
  return trace_header(trace, marks) +
         own_header(box.fault_address, subject_of(*trace.envelope, words, box, german),
                    record.header.accepted_us + record.clock_offset_us, record.header.id,
                    trace.host, language) +
         quoted_printable(body_of(record, *trace.envelope, words, box, german));
}

std::string test_mail(const std::string& host, const std::string& address, const AlarmId& id,
                      Language language, WallTimeUs now_us) {
  const bool german = language == Language::de;
  const std::string subject =
      german ? "[Alarmwire] Test: Weg zu EBÜS" : "[Alarmwire] Test: way out";
  const std::string text =
      (german ? "Dies ist eine Testmeldung von Alarmwire. Es ist nichts zu tun.\nGesendet: "
              : "This is a test message of Alarmwire. Nothing is to be done.\nSent: ") +
      local_time(now_us) + (german ? "\nMeldung: " : "\nMessage: ") + id.to_string() + "\n";
  return "X-Alarmwire-Id: " + id.to_string() + "\r\nX-Alarmwire-Mark: test\r\n" +
         own_header(address, subject, now_us, id, host, language) + quoted_printable(text);
}

}  // namespace alarmwire::outlets
