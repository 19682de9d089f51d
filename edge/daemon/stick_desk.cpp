#include "edge/daemon/stick_desk.hpp"

#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "tunnel/bootstrap.hpp"

namespace alarmwire::edge {

using provisioning::EnrolmentWords;
using provisioning::Language;
using provisioning::Step;
using Kind = StickVerdict::Kind;

namespace {

constexpr std::size_t reason_bytes_max = 2000;

struct Said {
  EnrolmentWords english;
  EnrolmentWords german;
};

Said cannot_be_taken(const std::string& why) {
  const std::string reason = printable(why, reason_bytes_max);
  return {
      {"the file cannot be taken: " + reason,
       "mend it on a computer, or ask the centre for a new one; nothing was changed"},
      {"Die Datei ist nicht zu gebrauchen: " + reason,
       "Verbessern Sie sie an einem Rechner oder bitten Sie die Zentrale um eine neue; es wurde "
       "nichts geändert"}};
}

const Said tunnel_is_away{{"the box is starting: alarmwire-tunnel has not answered yet",
                           "if it stays so, restart the box"},
                          {"Die Box startet: alarmwire-tunnel hat noch nicht geantwortet",
                           "Wenn es so bleibt, starten Sie die Box neu"}};
const Said another_is_under_way{
    {"another ticket is being tried; this one was not",
     "to try this one instead, pull the stick out, wait ten seconds, and put it in again"},
    {"Ein anderes Ticket wird gerade versucht, dieses nicht",
     "Um stattdessen dieses zu versuchen, ziehen Sie den Stick ab, warten Sie zehn Sekunden und "
     "stecken Sie ihn wieder an"}};
const Said another_came{{"the box was given another ticket meanwhile", "that one counts"},
                        {"Die Box hat inzwischen ein anderes Ticket bekommen", "Jenes gilt"}};
const Said belongs_elsewhere{
    {"this box is enrolled already, by another ticket; this one was not tried",
     "is it another box's stick? If this box shall give up what it has: alarmwire enrol --anew"},
    {"Diese Box ist schon angemeldet, mit einem anderen Ticket; dieses wurde nicht versucht",
     "Ist es der Stick einer anderen Box? Wenn diese Box aufgeben soll, was sie hat: alarmwire "
     "enrol --anew"}};

Said of_view(const provisioning::EnrolmentView& view) {
  return {words_for(view.note, view.detail, Language::english),
          words_for(view.note, view.detail, Language::german)};
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::enrolled:
      return "enrolled";
    case Kind::not_yet:
      return "not yet";
    case Kind::refused:
      return "refused";
    case Kind::not_taken:
      break;
  }
  return "not taken";
}

std::string line(std::string_view name, const std::string& value) {
  if (value.empty()) return {};
  std::string text(name);
  text.resize(9, ' ');
  return text + printable(value, reason_bytes_max) + "\r\n";
}

std::string paragraph(const EnrolmentWords& words) {
  if (words.text.empty()) return {};
  return "\r\n" + words.text + "\r\n" + (words.advice.empty() ? "" : words.advice + "\r\n");
}

// All but the time.
std::string body_of(const StickVerdict& verdict) {
  return line("file:", verdict.file) +
         line("box:", verdict.box + (verdict.box_name.empty() || verdict.box_name == verdict.box
                                         ? ""
                                         : ", " + verdict.box_name)) +
         line("words:", verdict.words) +
         line("devices:", verdict.devices == 0 ? "" : std::to_string(verdict.devices)) +
         paragraph(verdict.english) + paragraph(verdict.german);
}

}  // namespace

std::string to_text(const StickVerdict& verdict, WallTimeUs now) {
  return line("verdict:", std::string(to_string(verdict.kind))) +
         line("time:", to_rfc3339(now) + " (the box's clock)") + body_of(verdict);
}

struct StickDesk::Judgement {
  Kind kind = Kind::not_yet;
  Said said;
  bool is_over = false;
  bool take = false;
  bool adopt = false;  // the ticket under way is this one
};

std::vector<StickTask> StickDesk::look(const std::vector<StickSight>& sights, const StickBox& box,
                                       SteadyTime now) {
  std::erase_if(places_, [&](const auto& place) {
    return std::none_of(sights.begin(), sights.end(),
                        [&](const StickSight& sight) { return sight.folder == place.first; });
  });
  std::vector<StickTask> tasks;
  for (const StickSight& sight : sights) {
    Place& place = places_[sight.folder];
    const bool is_news = !(place.seen == sight.finding);
    if (is_news) place = arrived(sight.finding, now);
    if (place.is_over) continue;
    StickTask task = step(sight.folder, place, box, now);
    task.is_news = is_news;
    if (task.take || task.tell || task.is_news) tasks.push_back(std::move(task));
  }
  is_first_look_ = false;
  return tasks;
}

StickDesk::Place StickDesk::arrived(const StickFinding& finding, SteadyTime now) const {
  Place place;
  place.seen = finding;
  place.was_there = is_first_look_;
  place.told_at = now;
  if (!finding.document || !finding.document->ticket) return place;
  const auto keys = tunnel::derive_bootstrap(finding.document->ticket->secret);
  if (keys) place.ticket = keys->public_key;
  return place;
}

StickTask StickDesk::step(const std::string& folder, Place& place, const StickBox& box,
                          SteadyTime now) {
  const Judgement judgement = judge(place, box);
  StickTask task;
  task.folder = folder;
  if (judgement.take) {
    place.begun = box.begun + 1;
    task.take = place.seen.document;
    return task;
  }
  if (judgement.adopt) place.begun = box.begun;
  StickVerdict verdict;
  verdict.kind = judgement.kind;
  verdict.file = place.seen.file;
  verdict.box = box.id;
  verdict.box_name = box.name;
  verdict.words = place.begun == box.begun ? box.view.words : "";
  verdict.devices = place.seen.document ? place.seen.document->devices.size() : 0;
  verdict.english = judgement.said.english;
  verdict.german = judgement.said.german;
  place.is_over = judgement.is_over;
  std::string body = body_of(verdict);
  const bool is_due = now - place.told_at >= telling_pause && body != place.told;
  if (!judgement.is_over && !is_due) return task;
  place.told = std::move(body);
  place.told_at = now;
  task.tell = std::move(verdict);
  return task;
}

StickDesk::Judgement StickDesk::judge(const Place& place, const StickBox& box) const {
  const auto over = [](Kind kind, Said said) { return Judgement{kind, std::move(said), true}; };
  if (!place.ticket) return over(Kind::not_taken, cannot_be_taken(place.seen.refusal));
  if (place.begun) {
    if (*place.begun != box.begun) return over(Kind::not_taken, another_came);
    return judge_by_view(box);
  }
  if (!box.is_enrolled) return {Kind::not_yet, tunnel_is_away};
  if (box.ticket == place.ticket) {
    Judgement judgement = judge_by_view(box);
    judgement.adopt = true;
    return judgement;
  }
  if (*box.is_enrolled) return over(Kind::not_taken, belongs_elsewhere);
  if (another_is_tried(place, box)) return {Kind::not_yet, another_is_under_way};
  Judgement judgement;
  judgement.take = true;
  return judgement;
}

StickDesk::Judgement StickDesk::judge_by_view(const StickBox& box) const {
  Judgement judgement{Kind::not_yet, of_view(box.view)};
  judgement.is_over = box.view.step == Step::done || box.view.step == Step::refused;
  if (box.view.step == Step::done) judgement.kind = Kind::enrolled;
  if (box.view.step == Step::refused) judgement.kind = Kind::refused;
  return judgement;
}

// A stick that comes now is somebody's wish. One that was there at the start may be forgotten, and
// does not push aside what was under way; nor does one stick the other.
bool StickDesk::another_is_tried(const Place& place, const StickBox& box) const {
  if (place.was_there && box.ticket) return true;
  return std::any_of(places_.begin(), places_.end(), [&](const auto& other) {
    return other.second.begun && !other.second.is_over;
  });
}

}  // namespace alarmwire::edge
