#include "cli/render_alarm.hpp"

#include <algorithm>

#include "cli/render.hpp"
#include "common/text.hpp"

namespace alarmwire::cli {
namespace {

constexpr std::size_t header_lines_max = 100;

std::string joined(const JsonView& list) {
  std::string text;
  for (const JsonView& item : list.items()) text += (text.empty() ? "" : ", ") + item.text();
  return text;
}

// What it is about, in one phrase.
std::string about(const JsonView& alarm) {
  if (alarm.at("fault_code").is_there())
    return alarm.text("fault_code") + ": " + alarm.text("fault_reason");
  const std::string subject = alarm.text("subject");
  return subject.empty() ? joined(alarm.at("to")) : subject;
}

void line(std::ostream& out, std::string_view name, const std::string& value) {
  if (!value.empty())
    out << name << std::string(16 - std::min<std::size_t>(name.size(), 15), ' ') << value << "\n";
}

// "gate, known by mac"; of a stranger "192.0.2.7, unknown".
std::string device_in_words(const JsonView& alarm) {
  const std::string by = alarm.text("known_by");
  const std::string name = alarm.text("device");
  if (by.empty() || name.empty()) return name;
  return name + (by == "unknown" ? ", unknown" : ", known by " + by);
}

// "ebues: parked after 10 tries: 450 mailbox is busy"
void render_hand_overs(std::ostream& out, const JsonView& hand_overs, bool colour) {
  for (const auto& [outlet, hand_over] : hand_overs.fields()) {
    std::string text = outlet + ": " + coloured(or_dash(hand_over.text("state")), colour);
    if (const std::int64_t tries = hand_over.whole("tries"); tries != 0)
      text += " after " + std::to_string(tries) + (tries == 1 ? " try" : " tries");
    if (const std::string said = hand_over.text("text"); !said.empty()) text += ": " + said;
    line(out, "outlet", text);
  }
}

// The time of a stage on the centre's clock.
WallTimeUs centre_time(const JsonView& stage, std::int64_t clock_offset_us) {
  const WallTimeUs time_us = stage.whole("time_us");
  return stage.text("clock") == "box" ? time_us + clock_offset_us : time_us;
}

void render_stages(std::ostream& out, const JsonView& stages, std::int64_t clock_offset_us) {
  Table table({"STAGE", "TIME (CENTRE'S CLOCK)", ">SINCE ACCEPTED", ">STEP", "BY", "SAID"});
  WallTimeUs first_us = 0;
  WallTimeUs before_us = 0;
  std::int64_t backwards_us = 0;  // the most a stage seemed to come before the one above it
  for (const JsonView& stage : stages.items()) {
    if (stage.whole("time_us") <= 0) continue;
    const WallTimeUs noted_us = centre_time(stage, clock_offset_us);
    const bool is_first = first_us == 0;
    if (is_first) first_us = before_us = noted_us;
    const WallTimeUs time_us = std::max(noted_us, before_us);
    backwards_us = std::max(backwards_us, time_us - noted_us);
    table.row({or_dash(stage.text("stage")), local_time(time_us, true),
               milliseconds(time_us - first_us),
               is_first               ? ""
               : noted_us < before_us ? "~ 0.0 ms"
                                      : signed_milliseconds(time_us - before_us),
               stage.text("outlet"), stage.text("text")});
    before_us = time_us;
  }
  table.print(out, "  ", false);
  if (backwards_us > 0)
    out << "  ~ seemed to come up to " << milliseconds(backwards_us)
        << " before the stage above: how far the clocks differ is an estimate\n";
}

void render_mail_header(std::ostream& out, std::string_view head) {
  out << "\n";
  for (std::size_t lines = 0; lines < header_lines_max && !head.empty(); ++lines) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    std::string_view text = head.substr(0, end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) return;
    out << "  " << printable(text, 998) << "\n";
    head.remove_prefix(std::min(end + 1, head.size()));
  }
}

}  // namespace

void render_alarms(std::ostream& out, const JsonView& alarms, bool colour) {
  Table table({"ACCEPTED", "ID", "BOX", "KIND", "LANE", "DEVICE", ">SIZE", "STATE", "ABOUT"});
  for (const JsonView& alarm : alarms.items())
    table.row({or_dash(local_time(alarm.whole("accepted_us"), false)), alarm.text("id"),
               or_dash(alarm.text("box")), or_dash(alarm.text("kind")), or_dash(alarm.text("lane")),
               or_dash(alarm.text("device")), bytes_in_words(alarm.whole("size")),
               or_dash(alarm.text("state")), about(alarm)});
  if (table.empty()) {
    out << "no alarms\n";
  } else {
    table.print(out, "", colour);
  }
}

void render_alarm_line(std::ostream& out, const JsonView& alarm, bool colour) {
  out << local_time(alarm.whole("accepted_us"), true) << "  " << alarm.text("id") << "  ";
  if (const std::string box = alarm.text("box"); !box.empty()) out << box << "  ";
  out << or_dash(alarm.text("kind")) << "  " << or_dash(alarm.text("device")) << "  "
      << bytes_in_words(alarm.whole("size")) << "  "
      << coloured(or_dash(alarm.text("state")), colour) << "  " << about(alarm)
      << std::endl;  // seen at once, also through a pipe
}

void render_alarm(std::ostream& out, const JsonView& alarm, std::string_view head, bool colour) {
  const JsonView envelope = alarm.at("envelope");
  line(out, "id", alarm.text("id"));
  line(out, "box", alarm.text("box"));
  line(out, "kind", alarm.text("kind"));
  line(out, "lane", alarm.text("lane"));
  line(out, "state", coloured(alarm.text("state"), colour));
  render_hand_overs(out, alarm.at("hand_over"), colour);
  line(out, "device", device_in_words(alarm));
  line(out, "address", alarm.text("device_address"));
  line(out, "listener", envelope.text("listener"));
  line(out, "helo", envelope.text("helo"));
  line(out, "from", alarm.text("from"));
  line(out, "to", joined(alarm.at("to")));
  line(out, "subject", alarm.text("subject"));
  line(out, "fault", alarm.text("fault_code"));
  line(out, "fault about", alarm.text("fault_subject"));
  line(out, "fault reason", alarm.text("fault_reason"));
  line(out, "parked because", alarm.text("park_reason"));
  line(out, "size", bytes_in_words(alarm.whole("size")));
  line(out, "position", alarm.text("position"));
  if (alarm.whole("repeats") != 0) line(out, "resent", alarm.text("repeats") + " times");
  line(out, "sha-256", alarm.text("hash"));
  out << "\n";
  render_stages(out, alarm.at("stages"), alarm.whole("clock_offset_us"));
  if (!head.empty()) render_mail_header(out, head);
}

void render_trace(std::ostream& out, const JsonView& trace) {
  out << "alarm " << trace.text("id");
  if (const std::string box = trace.text("box"); !box.empty()) out << " of box " << box;
  out << "; the centre's clock is " << signed_milliseconds(trace.whole("clock_offset_us"))
      << " from the box's\n";
  render_stages(out, trace.at("stages"), trace.whole("clock_offset_us"));
}

}  // namespace alarmwire::cli
