#include "provisioning/enrolment_words.hpp"

#include <array>
#include <string_view>

namespace alarmwire::provisioning {
namespace {

struct Entry {
  std::string_view text;  // % stands for the detail
  std::string_view advice;
};
struct Entries {
  Note note;
  Entry english;
  Entry german;
};

constexpr std::array<Entries, 23> book{{
    {Note::nothing, {"", ""}, {"", ""}},
    {Note::making_key,
     {"the ticket is whole; the box makes its key", ""},
     {"Das Ticket ist vollständig; die Box erzeugt ihren Schlüssel", ""}},
    {Note::tunnel_away,
     {"%", "it tries again by itself; does it run?"},
     {"alarmwire-tunnel antwortet nicht (%)",
      "Es wird von selbst wieder versucht; läuft der Dienst?"}},
    {Note::cannot_begin, {"the box cannot begin: %", ""}, {"Die Box kann nicht beginnen: %", ""}},
    {Note::no_address,
     {"looking for the centre's address",
      "if it stays so: is the network cable in, does the box reach a DNS server?"},
     {"Die Adresse der Zentrale wird gesucht (DNS)",
      "Wenn es so bleibt: Steckt das Netzwerkkabel, erreicht die Box einen DNS-Server?"}},
    {Note::no_answer,
     {"no answer yet from the centre at % (UDP)",
      "if it stays so: does a firewall block UDP to this address and port? Was the ticket revoked "
      "long ago?"},
     {"Noch keine Antwort der Zentrale unter % (UDP)",
      "Wenn es so bleibt: Sperrt eine Firewall UDP zu dieser Adresse und diesem Port? Wurde das "
      "Ticket vor langer Zeit widerrufen?"}},
    {Note::showing_ticket,
     {"the centre answers; it is shown the ticket", ""},
     {"Die Zentrale antwortet; das Ticket wird vorgezeigt", ""}},
    {Note::call_failed,
     {"the tunnel is up, but the call failed: %", "it tries again by itself"},
     {"Der Tunnel steht, aber der Aufruf schlug fehl: %", "Es wird von selbst wieder versucht"}},
    {Note::approval,
     {"the centre knows the box; a person has to approve it",
      "telephone the centre and compare the six words; they approve with `alarmwire box approve "
      "%`. "
      "If the words differ, it is not the same box, centre or ticket: let them revoke it"},
     {"Die Zentrale kennt die Box; ein Mensch muss sie freigeben",
      "Rufen Sie die Zentrale an und vergleichen Sie die sechs Wörter; freigegeben wird mit "
      "`alarmwire box approve %`. Weichen die Wörter ab, ist es nicht dieselbe Box, Zentrale oder "
      "dasselbe Ticket: widerrufen lassen"}},
    {Note::taken,
     {"the centre has taken the box as %", ""},
     {"Die Zentrale hat die Box als % aufgenommen", ""}},
    {Note::cannot_keep,
     {"the box cannot write it down: %", "make room on the box's disk; it tries again by itself"},
     {"Die Box kann es nicht festhalten: %",
      "Schaffen Sie Platz auf dem Speicher der Box; es wird von selbst wieder versucht"}},
    {Note::key_not_taken,
     {"the tunnel did not take the new key: %", "it tries again by itself"},
     {"Der Tunnel nahm den neuen Schlüssel nicht an: %", "Es wird von selbst wieder versucht"}},
    {Note::waiting_for_link,
     {"the box uses its own key; waiting for the link to the centre", ""},
     {"Die Box nutzt ihren eigenen Schlüssel; sie wartet auf die Verbindung zur Zentrale", ""}},
    {Note::testing, {"a test alarm is on its way", ""}, {"Ein Testalarm ist unterwegs", ""}},
    {Note::test_unanswered,
     {"the test alarm is on the box; the centre has not acknowledged it yet",
      "it tries again by itself; does the centre's disk have room, does alarmwire-receiver run?"},
     {"Der Testalarm liegt auf der Box; die Zentrale hat ihn noch nicht quittiert",
      "Es wird von selbst wieder versucht; hat die Zentrale Speicherplatz, läuft dort "
      "alarmwire-receiver?"}},
    {Note::test_failed,
     {"the box could not take the test alarm: %", "it tries again by itself"},
     {"Die Box konnte den Testalarm nicht annehmen: %", "Es wird von selbst wieder versucht"}},
    {Note::joined, {"alarms reach the centre", ""}, {"Alarme erreichen die Zentrale", ""}},
    {Note::tested,
     {"alarms reach the centre; it acknowledged a test alarm after % ms", ""},
     {"Alarme erreichen die Zentrale; sie hat einen Testalarm nach % ms quittiert", ""}},
    {Note::ticket_used,
     {"the ticket was used by another box",
      "ask the centre for a new ticket, and tell them: the other box may be a stranger's"},
     {"Das Ticket wurde schon von einer anderen Box benutzt",
      "Bitten Sie die Zentrale um ein neues Ticket und sagen Sie dort Bescheid: Die andere Box "
      "könnte eine fremde sein"}},
    {Note::ticket_expired,
     {"the ticket has expired", "ask the centre for a new ticket"},
     {"Das Ticket ist abgelaufen", "Bitten Sie die Zentrale um ein neues Ticket"}},
    {Note::ticket_revoked,
     {"the ticket, or this box, was revoked at the centre",
      "ask the centre why, and for a new ticket"},
     {"Das Ticket oder diese Box wurde in der Zentrale widerrufen",
      "Fragen Sie die Zentrale nach dem Grund und nach einem neuen Ticket"}},
    {Note::key_taken,
     {"another box at the centre has this box's key", "begin again with a new ticket"},
     {"Eine andere Box der Zentrale hat den Schlüssel dieser Box",
      "Beginnen Sie mit einem neuen Ticket von vorn"}},
    {Note::ticket_unknown,
     {"the centre does not know this ticket", "ask the centre for a new ticket"},
     {"Die Zentrale kennt dieses Ticket nicht", "Bitten Sie die Zentrale um ein neues Ticket"}},
}};

constexpr bool is_in_order() {
  for (std::size_t at = 0; at < book.size(); ++at)
    if (static_cast<std::size_t>(book[at].note) != at) return false;
  return true;
}
static_assert(is_in_order());

std::string filled(std::string_view words, const std::string& detail) {
  std::string text(words);
  if (const std::size_t at = text.find('%'); at != std::string::npos) text.replace(at, 1, detail);
  return text;
}

}  // namespace

EnrolmentWords words_for(Note note, const std::string& detail, Language language) {
  const Entries& entries = book.at(static_cast<std::size_t>(note));
  const Entry& entry = language == Language::german ? entries.german : entries.english;
  return {filled(entry.text, detail), filled(entry.advice, detail)};
}

}  // namespace alarmwire::provisioning
