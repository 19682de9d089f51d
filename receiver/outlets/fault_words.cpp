// The words for each fault. One row a code; the end of a fault uses the same title.
#include <algorithm>

#include "receiver/outlets/fault_mail.hpp"

namespace alarmwire::outlets {
namespace {

struct Row {
  std::string_view code;
  FaultWords de;
  FaultWords en;
};

constexpr Row rows[] = {
    {"tunnel-silent",
     {"Tunnel still",
      "Die Box meldet sich nicht. Strom und Internet am Standort prüfen. Alarme werden auf der Box "
      "gespeichert und nachgeliefert, sobald sie wieder da ist."},
     {"Tunnel silent",
      "The box is not heard. Check power and internet at the site. Alarms are kept on the box and "
      "delivered once it is back."}},
    {"boxes-silent",
     {"Mehrere Boxen still",
      "Mehrere Boxen melden sich seit etwa derselben Zeit nicht. Zuerst den eigenen "
      "Internetanschluss "
      "der Zentrale prüfen, dann Störungen des Anbieters. Alarme werden auf den Boxen gespeichert "
      "und nachgeliefert."},
     {"Several boxes silent",
      "Several boxes are not heard since about the same time. Check the centre's own internet line "
      "first, then outages of the carrier. Alarms are kept on the boxes and delivered later."}},
    {"link-stuck",
     {"Box verbunden, aber ohne Bestätigung",
      "Die Verbindung steht, doch nichts von der Box wird bestätigt. Alarme könnten auf der Box "
      "liegen bleiben: Box neu starten und ihr Protokoll prüfen."},
     {"Box connected, but nothing is acknowledged",
      "The stream stands, yet nothing of the box is acknowledged. Alarms may stay on the box: "
      "restart it and look at its log."}},
    {"spool-full",
     {"Speicher der Box voll",
      "Die Box nimmt keine Mails mehr an (452). Verbindung zur Zentrale und Platz auf der Box "
      "prüfen; Geräte melden Alarme jetzt nicht."},
     {"Box storage full",
      "The box refuses mails (452). Check its way to the centre and its disk; devices cannot "
      "report alarms now."}},
    {"spool-quarantined",
     {"Speicher der Box beschädigt",
      "Die Box hat ihren beschädigten Speicher beiseitegelegt und läuft mit einem neuen weiter. "
      "Lesbare Alarme werden gerettet. Datenträger der Box tauschen."},
     {"Box storage damaged",
      "The box set its damaged storage aside and goes on with a new one. Readable alarms are "
      "salvaged. Replace the disk of the box."}},
    {"upload-swept",
     {"Abgebrochene Mail verworfen",
      "Ein Gerät hat eine Mail begonnen, die vor einem Neustart der Box nicht fertig wurde. Beim "
      "Gerät nachsehen, was es melden wollte."},
     {"Unfinished mail removed",
      "A device had begun a mail that was not finished before the box restarted. Look at the "
      "device for what it wanted to report."}},
    {"row-unreadable",
     {"Gespeicherter Alarm unlesbar",
      "Ein Alarm im Speicher der Box ist beschädigt und kann nicht geliefert werden. Beim Gerät "
      "nachsehen; Datenträger der Box tauschen."},
     {"Stored alarm unreadable",
      "An alarm in the storage of the box is damaged and cannot be delivered. Look at the device; "
      "replace the disk of the box."}},
    {"mail-lost",
     {"Mail eines Geräts nicht angenommen",
      "Ein Gerät hat eine Mail begonnen, die nicht angenommen wurde. Das kann ein Alarm gewesen "
      "sein: beim Gerät nachsehen."},
     {"A device's mail was not accepted",
      "A device began a mail that was not accepted. It may have been an alarm: look at the "
      "device."}},
    {"ledger-full",
     {"Speicher der Zentrale voll",
      "Die Zentrale kann keine Alarme mehr speichern; die Boxen behalten sie. Sofort Platz "
      "schaffen."},
     {"Centre storage full",
      "The centre cannot store alarms any more; the boxes keep them. Make room at once."}},
    {"ledger-disk-80",
     {"Datenträger der Zentrale zu 80 % voll", "Platz schaffen oder Aufbewahrung verkürzen."},
     {"Disk of the centre 80 % full", "Make room, or shorten the retention."}},
    {"outlet-stalled",
     {"Ausgang nicht erreichbar",
      "Das Zielsystem (EBÜS) nimmt nichts an. Dienst und Netz prüfen. Alarme sind gespeichert und "
      "folgen, sobald es wieder erreichbar ist."},
     {"Outlet unreachable",
      "The receiving system (EBÜS) takes nothing. Check service and network. Alarms are stored and "
      "follow once it can be reached."}},
    {"outlet-parked",
     {"Alarm zurückgestellt",
      "Das Zielsystem (EBÜS) hat den Alarm wiederholt vorläufig abgelehnt. Ursache beheben, dann "
      "'alarmwire outlet retry'."},
     {"Alarm parked",
      "The receiving system (EBÜS) put the alarm off again and again. Mend the cause, then "
      "'alarmwire outlet retry'."}},
    {"outlet-refused",
     {"Alarm vom Zielsystem abgelehnt",
      "Das Zielsystem (EBÜS) hat den Alarm endgültig abgelehnt. In der Zentrale ist er "
      "gespeichert: 'alarmwire alarm show'. Adresse der Quelle in EBÜS prüfen."},
     {"Alarm refused by the receiving system",
      "The receiving system (EBÜS) refused the alarm for good. The centre has it: 'alarmwire alarm "
      "show'. Check the address of the source in EBÜS."}},
    {"records-missing",
     {"Alarme fehlen",
      "Eine Reihe von Meldungen der Box ist nicht mehr vorhanden (Lücke). Bei den Geräten "
      "nachsehen, was sie in der Zeit gemeldet haben."},
     {"Alarms missing",
      "A range of the box's messages is gone (a hole). Look at the devices for what they reported "
      "then."}},
    {"record-conflict",
     {"Widersprüchliche Meldung",
      "Eine Meldung kam unter derselben Nummer mit anderem Inhalt. Nichts wurde überschrieben. "
      "Prüfen, ob der Speicher der Box zurückgesetzt oder kopiert wurde."},
     {"Conflicting message",
      "A message came under the same number with other content. Nothing was overwritten. Check "
      "whether the box's storage was restored or copied."}},
    {"record-never",
     {"Meldung nicht annehmbar",
      "Die Zentrale kann eine Meldung der Box nie annehmen; sie ist als fehlend vermerkt. Beim "
      "Gerät nachsehen."},
     {"Message not acceptable",
      "The centre can never take one message of the box; it is noted as missing. Look at the "
      "device."}},
    {"box-cloned",
     {"Box doppelt vorhanden",
      "Zwei Boxen melden sich mit derselben Kennung. Eine davon vom Netz nehmen und neu "
      "einrichten."},
     {"Box exists twice",
      "Two boxes report under one identity. Take one off the network and set it up anew."}},
    {"tunnel-daemon",
     {"Tunneldienst antwortet nicht",
      "alarmwire-tunnel antwortet nicht. Ein bestehender Tunnel läuft vielleicht weiter, wird aber "
      "nicht mehr überwacht. Dienst prüfen (systemctl status alarmwire-tunnel)."},
     {"Tunnel service does not answer",
      "alarmwire-tunnel does not answer. A standing tunnel may go on, but nobody mends it. Check "
      "the service (systemctl status alarmwire-tunnel)."}},
    {"record-mismatch",
     {"Meldung kommt beschädigt an",
      "Eine Meldung der Box kommt immer wieder verfälscht an, obwohl sie dort heil ist. Sie wird "
      "weiter versucht. Netz und Arbeitsspeicher von Box und Zentrale prüfen."},
     {"Message arrives damaged",
      "A message of the box keeps arriving damaged although it is sound there. It is tried on. "
      "Check the network and the memory of box and centre."}},
    {"ledger-unreadable",
     {"Speicher der Zentrale nicht lesbar",
      "Die Zentrale kann gespeicherte Alarme nicht lesen und deshalb nicht weitergeben. "
      "Datenträger "
      "der Zentrale und die Meldungen LEDGER_… im Protokoll prüfen."},
     {"Centre storage unreadable",
      "The centre cannot read stored alarms, so it cannot hand them on. Check the disk of the "
      "centre "
      "and the messages LEDGER_… in its log."}},
    {"not-listening",
     {"Zentrale für Boxen nicht erreichbar",
      "Die Zentrale lauscht nicht auf der Tunneladresse: keine Box kann sich verbinden. Boxen "
      "speichern ihre Alarme. Tunneldienst und Adresse prüfen (alarmwire status)."},
     {"Centre not reachable for boxes",
      "The centre does not listen on the tunnel's address: no box can connect. Boxes keep their "
      "alarms. Check the tunnel service and the address (alarmwire status)."}},
    {"outlet-missing",
     {"Ausgang fehlt",
      "Es ist kein Ausgang zum Zielsystem (EBÜS) eingerichtet, oder einer wurde entfernt oder "
      "umbenannt, für den noch Alarme warten. Sie werden nicht zugestellt. [[outlet]] in "
      "receiver.toml prüfen, den alten Namen wieder eintragen; oder aufgeben mit 'alarmwire outlet "
      "drop'."},
     {"Outlet missing",
      "No outlet to the receiving system (EBÜS) is configured, or one was removed or renamed for "
      "which alarms still wait. They are not delivered. Check [[outlet]] in receiver.toml, put the "
      "old name back; or give them up with 'alarmwire outlet drop'."}},
    {"ticket-reused",
     {"Ticket ein zweites Mal verwendet",
      "Eine andere Box hat ein schon verbrauchtes Ticket vorgezeigt und wurde abgewiesen. Am "
      "Standort nachfragen, ob die richtige Box angemeldet ist (sechs Prüfwörter vergleichen, "
      "alarmwire box show); sonst die Box sperren und ein neues Ticket ausstellen."},
     {"Ticket used a second time",
      "Another box showed a ticket that was used already, and was refused. Ask at the site whether "
      "the right box is enrolled (compare the six words, alarmwire box show); if not, revoke the "
      "box and issue a new ticket."}},
    {"key-change-failed",
     {"Schlüsselwechsel fehlgeschlagen",
      "Die Box konnte über ihren neuen Schlüssel keine Verbindung aufbauen und verwendet weiter "
      "den alten. Alarme kommen an. Den Wechsel später noch einmal anordnen (alarmwire box "
      "rotate)."},
     {"Change of keys failed",
      "The box could not connect with its new key and goes on with the old one. Alarms get "
      "through. Order the change again later (alarmwire box rotate)."}},
    {"daemon-crashed",
     {"Dienst nach Fehler neu gestartet",
      "Der Dienst hat sich nach einem Fehler des Datenträgers beendet und wurde neu gestartet. "
      "Bestätigte Alarme sind erhalten. Datenträger und Protokoll prüfen."},
     {"Service restarted after an error",
      "The service left after a disk error and was started anew. Confirmed alarms are kept. Check "
      "the disk and the log."}},
};

constexpr FaultWords general_de{"Störung",
                                "Näheres steht im Grund. Hilfe: Betriebshandbuch (runbook)."};
constexpr FaultWords general_en{"Fault", "See the reason. Help: the runbook."};

}  // namespace

FaultWords fault_words(std::string_view code, sites::Language language) {
  const bool german = language == sites::Language::de;
  const auto* const row = std::find_if(std::begin(rows), std::end(rows),
                                       [code](const Row& r) { return r.code == code; });
  if (row == std::end(rows)) return german ? general_de : general_en;
  return german ? row->de : row->en;
}

std::vector<std::string_view> known_fault_codes() {
  std::vector<std::string_view> codes;
  for (const Row& row : rows) codes.push_back(row.code);
  return codes;
}

}  // namespace alarmwire::outlets
