#include "edge/status/makers.hpp"

#include <algorithm>

namespace alarmwire::status {

const std::vector<Maker>& makers() {
  static const std::vector<Maker> all{
      {"abb",
       "ABB recorders",
       {"It has no login: leave the listener's auth at \"optional\" or \"off\".",
        "It gathers events for a minute before it mails."}},
      {"apc",
       "APC network management cards, UPS",
       {"Choose \"Local\" as the way to send, with the box as local SMTP server: to the "
        "recipient's "
        "server it tries only once.",
        "It gives up after 20 s: keep the listener's ack_wait well below, the default is 5 s."}},
      {"axis",
       "Axis cameras, AXIS Camera Station",
       {"Camera Station has a minimum time between mails per camera and alarm: set it low, it "
        "hides "
        "later alarms."},
       {"In a camera: Events, Recipients, a new one of type Email; then a rule that uses it."}},
      {"dahua",
       "Dahua and its OEMs (Amcrest, IC Realtime)",
       {"Encryption: SSL means port 465, TLS means STARTTLS.",
        "Set the interval between mails to 0: it hides later alarms.",
        "\"Health mail\" or \"Keep alive\" sends a mail at an interval: supervision for free.",
        "It mails once more when an alarm ends."},
       {"The settings stand under Network, SMTP (Email)."}},
      {"dsc",
       "DSC T-Link",
       {"Its sender may have no @: that is taken.",
        "It sends raw SIA or Contact-ID lines; they are carried as they are."}},
      {"gira",
       "Gira HomeServer",
       {"It has a dead time, and drops a mail that it could not send in time: raise that age."}},
      {"hikvision",
       "Hikvision and its OEMs",
       {"A recorder names the camera only in the mail's text: all its cameras are one device "
        "here."},
       {"Configuration, Network, Advanced, Email. \"Enable SSL\" or \"SSL/TLS\" means port 465, "
        "STARTTLS is a switch beside it.",
        "Tick \"Attached Image\" if pictures are wanted.",
        "In Event, tick \"Send Email\" as linkage of each event."}},
      {"mobotix",
       "Mobotix cameras",
       {"Mails belong to profiles: set server and sender in the profile that the event uses.",
        "The sender must be an address."}},
      {"reolink",
       "Reolink cameras and recorders",
       {"The interval between mails lets motion hide a later alarm of a person: set it to the "
        "least.",
        "Its test button sends a mail with a fixed text."},
       {"SSL or TLS on means port 465 on most models. If it fails, set it off and port 25."}},
      {"swann", "Swann recorders", {"SSL means port 465, TLS means STARTTLS on port 587 or 25."}},
      {"trivision",
       "TriVision cameras",
       {"It repeats its pictures for the set duration, a mail each: set it short."}},
      {"uniview",
       "Uniview (UNV) cameras and recorders",
       {},
       {"Setup, Network, E-mail. \"TLS/SSL\" on means port 465 on most models; off means port 25.",
        "Give it one recipient; then tick the mail as action of each event."}},
      {"panel",
       "intrusion panels of any maker",
       {"Send each event at once; switch gathering and dead times off where there are any.",
        "If it cannot do TLS, set security to none: keep it on a network of its own.",
        "Set a daily test mail, to a recipient of its own for tests."}},
  };
  return all;
}

const Maker* maker_called(std::string_view name) {
  const auto found = std::find_if(makers().begin(), makers().end(),
                                  [&](const Maker& maker) { return maker.name == name; });
  return found != makers().end() ? &*found : nullptr;
}

}  // namespace alarmwire::status
