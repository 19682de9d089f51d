#include "edge/status/page/view.hpp"

#include <array>

#include "common/text.hpp"

namespace alarmwire::page {
namespace {

using provisioning::EnrolmentView;
using provisioning::Step;

// One text of the page in both languages.
struct Text {
  std::string_view english;
  std::string_view german;
  std::string_view in(Language language) const {
    return language == Language::german ? german : english;
  }
};

namespace say {
constexpr Text title{"Alarmwire box", "Alarmwire-Box"};
constexpr Text set_up{"Set up this box", "Diese Box einrichten"};
constexpr Text lost{"The box does not answer. Is this phone or computer still in its network?",
                    "Die Box antwortet nicht. Ist dieses Telefon oder dieser Rechner noch in ihrem "
                    "Netz?"};
constexpr Text needs_ticket{
    "This box is not enrolled. It needs a ticket from the alarm receiving centre.",
    "Diese Box ist noch nicht angemeldet. Sie braucht ein Ticket der Zentrale."};
constexpr Text unknown{
    "The box is starting: alarmwire-tunnel has not answered yet. If it stays so, restart the box.",
    "Die Box startet: alarmwire-tunnel hat noch nicht geantwortet. Wenn es so bleibt, starten Sie "
    "die Box neu."};
constexpr Text paste{"The ticket's text", "Text des Tickets"};
constexpr Text use_text{"Use this ticket", "Dieses Ticket verwenden"};
constexpr Text photo{"Or a photo of its QR code (PNG or JPEG)",
                     "Oder ein Foto seines QR-Codes (PNG oder JPEG)"};
constexpr Text use_photo{"Use this photo", "Dieses Foto verwenden"};
constexpr Text give{"Ticket", "Ticket"};
constexpr Text give_other{"Another ticket", "Ein anderes Ticket"};
constexpr Text words{"Check words", "Prüfwörter"};
constexpr Text words_why{
    "The centre sees the same six words for this box. Other words: another box, "
    "centre or ticket. Then do not approve it.",
    "Die Zentrale sieht für diese Box dieselben sechs Wörter. Andere Wörter "
    "bedeuten: andere Box, andere Zentrale oder anderes Ticket. Dann nicht "
    "freigeben."};
constexpr Text bad_ticket{"The ticket was not taken", "Das Ticket wurde nicht angenommen"};
constexpr Text bad_photo{"No ticket could be read from the photo",
                         "Aus dem Foto war kein Ticket zu lesen"};
constexpr Text photo_advice{
    "Take it from nearer, straight and without shadow, or type the ticket's text.",
    "Fotografieren Sie näher, gerade und ohne Schatten, oder tippen Sie den Text des Tickets ab."};
constexpr Text busy{"The box is busy with another photo. Try again in a moment.",
                    "Die Box liest gerade ein anderes Foto. Versuchen Sie es gleich noch einmal."};
constexpr Text green{"Alarms reach the centre", "Alarme erreichen die Zentrale"};
constexpr Text amber{"Something is wrong; alarms are kept",
                     "Etwas stimmt nicht; Alarme bleiben "
                     "erhalten"};
constexpr Text red{"No connection to the centre; alarms are kept on the box",
                   "Keine Verbindung zur Zentrale; Alarme bleiben auf der Box"};
constexpr Text is_box{"Box", "Box"};
constexpr Text mails{"Mails accepted since start", "Angenommene Mails seit Start"};
constexpr Text waiting{"Alarms that wait", "Wartende Alarme"};
constexpr Text faults{"Open faults", "Offene Störungen"};
constexpr Text none{"none", "keine"};
constexpr Text version{"Version", "Version"};
constexpr Text clock{"The box's clock is off by (seconds)",
                     "Die Uhr der Box geht falsch um (Sekunden)"};
constexpr Text closed{
    "The box is enrolled: this page only shows. Changes are made on the box with "
    "the command alarmwire.",
    "Die Box ist angemeldet: Diese Seite zeigt nur an. Geändert wird auf der Box "
    "mit dem Befehl alarmwire."};
constexpr Text authority{"The box's certificate authority, for import into devices:",
                         "Die Zertifizierungsstelle der Box, zum Import in Geräte:"};
}  // namespace say

struct StepName {
  Step step;
  Text name;
};
constexpr std::array<StepName, 6> steps{{
    {Step::ticket, {"Ticket", "Ticket"}},
    {Step::network, {"Network", "Netzwerk"}},
    {Step::centre, {"Centre", "Zentrale"}},
    {Step::approval, {"Approved", "Freigabe"}},
    {Step::tunnel, {"Tunnel", "Tunnel"}},
    {Step::alarm, {"Test alarm", "Testalarm"}},
}};

constexpr std::int64_t clock_off_shown_s = 5;

std::string element(std::string_view tag, std::string_view attributes, std::string_view text) {
  std::string out = "<" + std::string(tag);
  if (!attributes.empty()) out.append(" ").append(attributes);
  return out + ">" + escaped(text) + "</" + std::string(tag) + ">\n";
}

std::string_view class_of(Step step, const EnrolmentView& view) {
  const Step at = view.step == Step::refused ? view.stopped_at : view.step;
  if (step < at) return "done";
  if (step > at) return "todo";
  return view.step == Step::refused ? "stopped" : "now";
}

std::string show_steps(const EnrolmentView& view, Language language) {
  const auto [text, advice] = words_for(view.note, view.detail, language);
  std::string out = "<ol class=\"steps\">\n";
  for (const auto& [step, name] : steps) {
    const std::string_view how = class_of(step, view);
    out += "<li class=\"" + std::string(how) + "\" id=\"step-" +
           std::string(provisioning::to_string(step)) + "\">" + escaped(name.in(language));
    if (how == "now" || how == "stopped") {
      out += element("p", "class=\"why\"", text);
      if (!advice.empty()) out += element("p", "class=\"what\"", advice);
    }
    out += "</li>\n";
  }
  out += "</ol>\n";
  if (view.step == Step::done) out += element("p", "class=\"why\" id=\"outcome\"", text);
  return out;
}

std::string show_words(const EnrolmentView& view, Language language) {
  if (view.words.empty() || view.step == Step::done || view.step == Step::refused) return {};
  return "<section class=\"card\">\n" + element("h2", "", say::words.in(language)) +
         element("p", "class=\"words\" id=\"words\"", view.words) +
         element("p", "", say::words_why.in(language)) + "</section>\n";
}

std::string fact(const Text& name, std::string_view value, Language language) {
  return element("dt", "", name.in(language)) + element("dd", "", value);
}

std::string show_status(const BoxState& state, Language language) {
  const Text& verdict = state.colour == "green"   ? say::green
                        : state.colour == "amber" ? say::amber
                                                  : say::red;
  const std::string& name =
      state.enrolment.box_name.empty() ? state.enrolment.box : state.enrolment.box_name;
  std::string faults;
  for (const std::string& fault : state.faults) faults += (faults.empty() ? "" : "; ") + fault;
  std::string out = "<section class=\"card " + escaped(state.colour) + "\" id=\"status\">\n" +
                    element("p", "class=\"why\"", verdict.in(language)) +
                    element("p", "class=\"what\"", "(" + state.reason + ")") + "<dl>\n";
  if (!name.empty()) out += fact(say::is_box, name, language);
  out += fact(say::mails, std::to_string(state.accepted_mails), language);
  out += fact(say::waiting, std::to_string(state.waiting_alarms), language);
  out += fact(say::faults, faults.empty() ? say::none.in(language) : faults, language);
  if (std::abs(state.clock_off_s) > clock_off_shown_s)
    out += fact(say::clock, std::to_string(state.clock_off_s), language);
  out += fact(say::version, state.version, language);
  return out + "</dl>\n" + element("p", "", say::closed.in(language)) + "</section>\n";
}

std::string_view word_of(BoxState::Standing standing) {
  return standing == BoxState::Standing::enrolled ? "enrolled"
         : standing == BoxState::Standing::open   ? "open"
                                                  : "unknown";
}

bool is_under_way(const BoxState& state) {
  const Step step = state.enrolment.step;
  return step != Step::none && step != Step::done && step != Step::refused;
}

std::string show_trouble(const Shown& shown) {
  if (shown.trouble == Trouble::none) return {};
  std::string out = "<section class=\"card\" role=\"alert\">\n";
  if (shown.trouble == Trouble::busy)
    return out + element("p", "", say::busy.in(shown.language)) + "</section>\n";
  const bool is_photo = shown.trouble == Trouble::photo;
  out += element("p", "class=\"why\"",
                 (is_photo ? say::bad_photo : say::bad_ticket).in(shown.language));
  out += element("p", "class=\"what\"", "(" + shown.reason + ")");
  if (is_photo) out += element("p", "class=\"what\"", say::photo_advice.in(shown.language));
  return out + "</section>\n";
}

std::string show_authority(const Shown& shown) {
  if (shown.state.ca_pem.empty()) return {};
  return "<footer>\n" + element("span", "", say::authority.in(shown.language)) +
         "<a href=\"/ca.pem\">PEM</a>\n<a href=\"/ca.der\">DER</a>\n</footer>\n";
}

std::string show_forms(const Shown& shown) {
  if (shown.state.standing != BoxState::Standing::open) return {};
  const Language language = shown.language;
  const std::string token =
      "<input type=\"hidden\" name=\"token\" value=\"" + escaped(shown.token) + "\">\n";
  const bool another = is_under_way(shown.state);
  return std::string("<details class=\"card\" id=\"forms\"") + (another ? "" : " open") + ">\n" +
         element("summary", "", (another ? say::give_other : say::give).in(language)) +
         "<form method=\"post\" action=\"/ticket\">\n" + token +
         element("label", "for=\"ticket\"", say::paste.in(language)) +
         "<textarea id=\"ticket\" name=\"ticket\" required maxlength=\"4096\" spellcheck=\"false\" "
         "autocomplete=\"off\" autocapitalize=\"characters\"></textarea>\n" +
         element("button", "", say::use_text.in(language)) +
         "</form>\n<form method=\"post\" action=\"/photo\" enctype=\"multipart/form-data\">\n" +
         token + element("label", "for=\"photo\"", say::photo.in(language)) +
         "<input id=\"photo\" type=\"file\" name=\"photo\" accept=\"image/png,image/jpeg\" "
         "required>\n" +
         element("button", "", say::use_photo.in(language)) + "</form>\n</details>\n";
}

}  // namespace

std::string_view word_of(Language language) {
  return language == Language::german ? "de" : "en";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : scrub_utf8(std::string(text))) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string state_part(const BoxState& state, Language language) {
  std::string out = "<div id=\"state\" aria-live=\"polite\" data-standing=\"" +
                    std::string(word_of(state.standing)) + "\">\n";
  const EnrolmentView& view = state.enrolment;
  if (state.standing == BoxState::Standing::unknown)
    out += element("p", "class=\"card\"", say::unknown.in(language));
  if (state.standing == BoxState::Standing::open && view.step == Step::none)
    out += element("p", "", say::needs_ticket.in(language));
  if (view.step != Step::none && view.note != provisioning::Note::joined)
    out += show_steps(view, language);
  out += show_words(view, language);
  if (state.standing == BoxState::Standing::enrolled) out += show_status(state, language);
  return out + "</div>\n";
}

std::string whole_page(const Shown& shown) {
  const Language language = shown.language;
  const bool german = language == Language::german;
  std::string out = "<!doctype html>\n<html lang=\"" + std::string(word_of(language)) +
                    "\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
                    element("title", "", say::title.in(language)) +
                    "<link rel=\"stylesheet\" href=\"/page.css\">\n"
                    "<script src=\"/page.js\" defer></script>\n";
  // Who has no script sees the states all the same, as long as there is nothing to type.
  if (is_under_way(shown.state))
    out += "<noscript><meta http-equiv=\"refresh\" content=\"2; url=/\"></noscript>\n";
  out += "</head>\n<body>\n<header>\n" + element("h1", "", say::title.in(language)) +
         "<nav><a href=\"/?language=" + (german ? "en" : "de") + "\" hreflang=\"" +
         (german ? "en" : "de") + "\">" + (german ? "English" : "Deutsch") + "</a></nav>\n" +
         "</header>\n<main>\n" +
         element("p", "id=\"lost\" class=\"card\" role=\"alert\" hidden", say::lost.in(language));
  if (shown.state.standing == BoxState::Standing::open)
    out += element("h2", "", say::set_up.in(language));
  return out + show_trouble(shown) + state_part(shown.state, language) + show_forms(shown) +
         "</main>\n" + show_authority(shown) + "</body>\n</html>\n";
}

}  // namespace alarmwire::page
