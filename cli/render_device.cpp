#include "cli/render_device.hpp"

#include <algorithm>

#include "cli/render.hpp"

namespace alarmwire::cli {
namespace {

void line(std::ostream& out, std::string_view name, const std::string& value) {
  if (!value.empty())
    out << name << std::string(14 - std::min<std::size_t>(name.size(), 13), ' ') << value << "\n";
}

std::string joined(const JsonView& list) {
  std::string text;
  for (const JsonView& item : list.items()) text += (text.empty() ? "" : ", ") + item.text();
  return text;
}

std::string security_in_words(const std::string& security) {
  if (security == "ssl") return "SSL (TLS from the first byte)";
  if (security == "starttls") return "STARTTLS (many call it TLS)";
  return security;
}

char arrow(const std::string& who) {
  return who == "device" ? '<' : who == "box" ? '>' : '*';
}

void render_lines(std::ostream& out, const JsonView& dialogue) {
  std::int64_t before_ms = 0;
  for (const JsonView& said : dialogue.at("lines").items()) {
    const std::int64_t at_ms = said.whole("at_ms");
    const std::int64_t waited_us = (at_ms - before_ms) * 1000;
    out << "    " << arrow(said.text("who")) << " " << said.text("text");
    if (waited_us >= 1'000'000) out << "   (" << span_in_words(waited_us) << " later)";
    out << "\n";
    before_ms = at_ms;
  }
  if (const std::int64_t lines = dialogue.whole("left_out"); lines != 0)
    out << "    (" << lines << " lines between beginning and end were not kept)\n";
}

void render_dialogue(std::ostream& out, const JsonView& dialogue, WallTimeUs now_us, bool colour) {
  const std::string tls = dialogue.text("tls");
  const bool open = dialogue.flag("open");
  out << local_time(dialogue.whole("began_us"), false) << " ("
      << age_in_words(dialogue.whole("began_us"), now_us) << "), " << dialogue.text("device")
      << " from " << dialogue.text("address") << " at " << or_dash(dialogue.text("listener"))
      << ", " << (tls.empty() ? "clear text" : tls) << ", "
      << (open ? "still open" : span_in_words(dialogue.whole("duration_ms") * 1000)) << ", "
      << dialogue.whole("accepted") << " accepted\n";
  render_lines(out, dialogue);
  for (const JsonView& finding : dialogue.at("findings").items())
    out << "  " << coloured(dialogue.flag("trouble") ? "PROBLEM" : "NOTE", colour) << "  It "
        << finding.text("text") << " [" << finding.text("id") << "]\n           "
        << finding.text("fix") << "\n";
  if (dialogue.at("findings").items().empty())
    out << "  " << (dialogue.flag("trouble") ? "Something was refused, see above" : "Nothing wrong")
        << "\n";
  out << "\n";
}

}  // namespace

std::string known_by_in_words(const JsonView& device) {
  const JsonView by = device.at("known_by");
  if (by.is_there()) return by.text();
  return device.whole("last_heard_us") == 0 ? "silent" : "-";
}

void render_devices(std::ostream& out, const JsonView& devices, WallTimeUs now_us, bool colour) {
  Table table({"DEVICE", "KNOWN BY", "ADDRESS", "MAC", ">SESSIONS", ">ACCEPTED", ">LOST",
               "LAST MAIL", "LAST HEARD", "LAST ERROR"});
  for (const JsonView& device : devices.items())
    table.row({or_dash(device.text("name")), known_by_in_words(device),
               or_dash(device.text("address")), or_dash(device.text("mac")),
               std::to_string(device.whole("sessions")), std::to_string(device.whole("accepted")),
               std::to_string(device.whole("lost")),
               age_in_words(device.whole("last_mail_us"), now_us),
               age_in_words(device.whole("last_heard_us"), now_us), device.text("last_error")});
  table.print(out, "  ", colour);
}

void render_device(std::ostream& out, const JsonView& devices, WallTimeUs now_us, bool /*colour*/) {
  for (const JsonView& device : devices.items()) {
    line(out, "device", device.text("name"));
    line(out, "known by", known_by_in_words(device));
    line(out, "address", device.text("address"));
    line(out, "mac", device.text("mac"));
    line(out, "sessions",
         device.text("sessions") + " open, " + device.text("refused_sessions") + " refused");
    line(out, "mails", device.text("accepted") + " accepted, " + device.text("lost") + " lost");
    line(out, "last heard", age_in_words(device.whole("last_heard_us"), now_us));
    line(out, "last mail", age_in_words(device.whole("last_mail_us"), now_us));
    if (device.whole("last_error_us") != 0)
      line(out, "last error",
           age_in_words(device.whole("last_error_us"), now_us) + ": " + device.text("last_error"));
    line(out, "quirks", joined(device.at("quirks")));
    out << "\n";
  }
}

void render_dialogues(std::ostream& out, const JsonView& dialogues, WallTimeUs now_us,
                      bool colour) {
  if (dialogues.items().empty())
    out << "no dialogue is kept: it has not connected since the box started\n";
  for (const JsonView& dialogue : dialogues.items()) render_dialogue(out, dialogue, now_us, colour);
}

void render_settings(std::ostream& out, const JsonView& settings, WallTimeUs /*now_us*/,
                     bool /*colour*/) {
  out << "Into " << settings.text("device")
      << (settings.flag("configured") ? "" : " (not in the configuration)") << ", type:\n\n";
  line(out, "Server", joined(settings.at("servers")) + "   (one of them)");
  for (const JsonView& choice : settings.at("choices").items())
    line(out, "Port",
         choice.text("port") + "   with security " + security_in_words(choice.text("security")) +
             (choice.flag("legacy_tls") ? ", old TLS too" : "") +
             (choice.text("auth") == "required" ? ", login required" : ""));
  const std::string user = settings.text("user");
  line(out, "User",
       user.empty() ? "none (a listener with \"login required\": one of [[smtp.user]])"
                    : user + "   and its password");
  line(out, "Sender", settings.text("sender"));
  line(out, "Recipient",
       settings.text("recipient") + "   (or the one that the centre has for this device)");
  out << "\nThen press its test button, and see: alarmwire device dialogue "
      << settings.text("device")
      << "\nFor TLS it may want the box's authority: alarmwire certificate export\n";
  const auto hints = settings.at("hints").items();
  if (!hints.empty()) out << "\nOf this maker:\n";
  for (const JsonView& hint : hints) out << "  - " << hint.text() << "\n";
  if (!hints.empty()) return;
  out << "\nHints of makers, with --maker:\n";
  for (const JsonView& maker : settings.at("makers").items())
    line(out, "  " + maker.text("name"), maker.text("devices"));
}

}  // namespace alarmwire::cli
