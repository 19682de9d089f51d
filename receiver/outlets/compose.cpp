#include "receiver/outlets/compose.hpp"

#include <algorithm>
#include <boost/assert.hpp>

#include "receiver/outlets/mime.hpp"
#include "receiver/sites/address.hpp"

namespace alarmwire::outlets {
namespace {

using sites::Language;
using sites::to_lower;

constexpr std::size_t trace_word_bytes_max = 128;
constexpr std::string_view own_prefix = "x-alarmwire-";

// A word for a trace line: no spaces, brackets or semicolons that would change its meaning.
std::string trace_word(std::string_view text) {
  std::string word = ascii_only(text, trace_word_bytes_max);
  std::replace_if(
      word.begin(), word.end(),
      [](char c) { return std::string_view(" ()<>[];,\\\"").find(c) != std::string_view::npos; },
      '?');
  return word.empty() ? "unknown" : word;
}

// On the centre's clock, so that the steps of one mail can be compared.
WallTimeUs at_centre(const ledger::Record& record, WallTimeUs box_time_us) {
  return box_time_us == 0 ? 0 : box_time_us + record.clock_offset_us;
}

std::string mark_words(const Marks& marks) {
  std::string words;
  const auto add = [&words](bool set, const char* word) {
    if (!set) return;
    if (!words.empty()) words += ", ";
    words += word;
  };
  add(marks.late, "late");
  add(marks.unassigned, "unassigned");
  add(marks.repeat, "repeat");
  add(marks.test, "test");
  return words;
}

// The length of a field name with its colon ("Subject:"), 0 if the line is no header field
// (RFC 5322 2.2).
std::size_t field_name_length(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return 0;
  const std::string_view name = line.substr(0, colon);
  const bool valid =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
  return valid ? colon + 1 : 0;
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::size_t length = end == std::string_view::npos ? rest.size() : end + 2;
  const std::string_view line = rest.substr(0, length);
  rest.remove_prefix(length);
  return line;
}

bool begins_with_header(std::string_view head) {
  std::string_view rest = head;
  return head.substr(0, 2) == "\r\n" || field_name_length(next_line(rest)) != 0;
}

// Goes through the header block line by line; everything behind it is copied.
std::string edit_header(std::string_view head, const std::string& mark) {
  std::string out;
  out.reserve(head.size() + mark.size() + 64);
  bool marked = mark.empty();
  while (!head.empty()) {
    const std::string_view line = next_line(head);
    if (line == "\r\n") {
      if (!marked) out += "Subject: " + mark + "\r\n";
      out += line;
      break;
    }
    const std::size_t name_length = field_name_length(line);
    const std::string name = to_lower(line.substr(0, name_length));
    if (name.compare(0, own_prefix.size(), own_prefix) == 0) {
      out += "X-Device-";
      out += line.substr(2);
    } else if (!marked && name == "subject:") {
      out += line.substr(0, name_length);
      out += ' ';
      out += mark;
      const std::string_view value = line.substr(name_length);
      out += value.substr(std::min(value.find_first_not_of(" \t"), value.size()));
      marked = true;
    } else {
      out += line;
    }
  }
  out += head;
  return out;
}

}  // namespace

std::string trace_header(const Trace& trace, const Marks& marks) {
  BOOST_ASSERT(trace.record != nullptr && trace.envelope != nullptr);
  const ledger::Record& record = *trace.record;
  const Envelope& envelope = *trace.envelope;
  const std::string id = record.header.id.to_string();
  const std::string box = trace_word(record.box);
  // The offset of the clocks is an estimate: it must not turn the order of the stages.
  const WallTimeUs spooled_us =
      std::min(at_centre(record, record.header.spooled_us), record.stored_us);
  const WallTimeUs accepted_us = std::min(at_centre(record, record.header.accepted_us),
                                          spooled_us != 0 ? spooled_us : record.stored_us);
  std::string text = "Received: from " + box + " (box)\r\n\tby " + trace_word(trace.host) +
                     " (Alarmwire) id " + id + ";\r\n\t" + to_rfc5322_date(record.stored_us) +
                     "\r\n";
  if (envelope.kind == RecordKind::mail) {
    text += "Received: from " + trace_word(envelope.helo) + " (" + trace_word(envelope.device) +
            " [" + trace_word(envelope.device_address) + "])\r\n\tby " + box + " (Alarmwire box, " +
            trace_word(envelope.listener) + ") with ESMTP id " + id + ";\r\n\t" +
            to_rfc5322_date(accepted_us) + "\r\n";
  }
  text += "X-Alarmwire-Id: " + id + "\r\nX-Alarmwire-Box: " + box + "\r\n";
  text += "X-Alarmwire-Stage: accepted=" + to_rfc3339(accepted_us);
  if (spooled_us != 0) text += "; spooled=" + to_rfc3339(spooled_us);
  text += ";\r\n\tstored=" + to_rfc3339(record.stored_us) + "\r\n";
  const std::string words = mark_words(marks);
  if (!words.empty()) text += "X-Alarmwire-Mark: " + words + "\r\n";
  return text;
}

std::string subject_mark(const Marks& marks, const SubjectMarks& in_subject, Language language,
                         WallTimeUs accepted_us) {
  const bool german = language == Language::de;
  std::string text;
  if (marks.test && in_subject.test) text += "[Test] ";
  if (marks.late && in_subject.late) {
    const std::string time = to_rfc3339(accepted_us);  // 2026-11-24T04:15:00.123Z
    const std::string minute = time.size() < 16 ? std::string("?") : time.substr(11, 5);
    const std::string day = time.substr(0, std::min<std::size_t>(10, time.size()));
    text += (german ? "[Nachlieferung von " : "[late, of ") + day + " " + minute + " UTC] ";
  }
  if (marks.unassigned && in_subject.unassigned)
    text += german ? "[nicht zugeordnet] " : "[unassigned] ";
  if (marks.repeat && in_subject.repeat)
    text += german ? "[evtl. Wiederholung] " : "[possible repeat] ";
  return text;
}

std::string compose_head(const Trace& trace, const Marks& marks, const SubjectMarks& in_subject,
                         Language language, std::string_view head) {
  std::string out = trace_header(trace, marks);
  const WallTimeUs accepted_us = at_centre(*trace.record, trace.record->header.accepted_us);
  const std::string mark = subject_mark(marks, in_subject, language, accepted_us);
  if (!begins_with_header(head)) {
    if (!mark.empty()) out += "Subject: " + mark + "\r\n";
    out += "\r\n";
    out += head;
  } else {
    out += edit_header(head, mark);
  }
  return out;
}

}  // namespace alarmwire::outlets
