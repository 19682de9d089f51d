#include "edge/status/device_answers.hpp"

#include <algorithm>
#include <set>

#include "common/text.hpp"
#include "edge/smtp/diagnosis.hpp"
#include "edge/status/makers.hpp"

namespace alarmwire::status {
namespace {

namespace json = boost::json;

json::object describe_device(const smtp::Device& device) {
  json::array quirks;
  for (std::size_t i = 0; i < smtp::quirk_count; ++i) {
    const auto quirk = static_cast<smtp::Quirk>(i);
    if (device.quirks.has(quirk)) quirks.emplace_back(smtp::to_string(quirk));
  }
  return {{"address", device.address},
          {"name", scrub_utf8(device.name)},
          {"known_by", smtp::to_string(device.known_by)},
          {"mac", device.mac},
          {"sessions", device.sessions},
          {"accepted", device.accepted},
          {"lost", device.lost},
          {"refused_sessions", device.refused_sessions},
          {"last_heard_us", device.last_heard_us},
          {"last_mail_us", device.last_mail_us},
          {"last_error_us", device.last_error_us},
          {"last_error", scrub_utf8(device.last_error)},
          {"quirks", std::move(quirks)}};
}

std::string_view speaker(smtp::DialogueLine::Who who) {
  switch (who) {
    case smtp::DialogueLine::Who::device:
      return "device";
    case smtp::DialogueLine::Who::box:
      return "box";
    case smtp::DialogueLine::Who::note:
      break;
  }
  return "note";
}

json::object describe_dialogue(const smtp::Dialogue& dialogue) {
  const std::vector<smtp::DialogueLine> said = dialogue.log.lines();
  json::array lines;
  for (const smtp::DialogueLine& line : said)
    lines.push_back(
        {{"who", speaker(line.who)}, {"at_ms", line.at_ms}, {"text", scrub_utf8(line.text)}});
  json::array findings;
  for (const smtp::Finding& finding : smtp::diagnose(dialogue.facts, said))
    findings.push_back({{"id", smtp::to_string(finding.id)},
                        {"text", scrub_utf8(finding.text)},
                        {"fix", scrub_utf8(finding.fix)}});
  return {{"device", scrub_utf8(dialogue.device)},
          {"address", dialogue.address},
          {"listener", scrub_utf8(dialogue.listener)},
          {"tls", dialogue.facts.tls_version},
          {"began_us", dialogue.began_us},
          {"duration_ms", dialogue.log.duration_ms()},
          {"open", dialogue.facts.end == smtp::DialogueFacts::End::none},
          {"accepted", dialogue.facts.accepted},
          {"trouble", dialogue.facts.trouble},
          {"lines", std::move(lines)},
          {"left_out", dialogue.log.left_out()},
          {"findings", std::move(findings)}};
}

// "Gate 2" as the left side of an address: "gate-2".
std::string address_name(const std::string& device) {
  std::string name;
  for (const char c : device) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    name += upper ? static_cast<char>(c - 'A' + 'a') : plain ? c : '-';
  }
  return name.empty() ? "camera" : name;
}

// The box's host name where it stands in a zone, else the first zone.
std::string mail_domain(const smtp::DoorSnapshot& door) {
  const std::string zone = door.zones.empty() ? "internal" : door.zones.front();
  return door.hostname.ends_with("." + zone) ? door.hostname : zone;
}

json::array describe_choices(const smtp::DoorSnapshot& door) {
  json::array choices;
  const auto add = [&](const smtp::ListenerStatus& listener, std::string_view security) {
    choices.push_back({{"security", security},
                       {"port", listener.port},
                       {"address", listener.address},
                       {"listener", listener.name},
                       {"auth", name_of(listener.auth)},
                       {"legacy_tls", listener.legacy_tls}});
  };
  const bool certificate = !door.certificate.fingerprint.empty();
  for (const smtp::ListenerStatus& listener : door.listeners) {
    const bool starttls =
        listener.tls == smtp::TlsMode::offered || listener.tls == smtp::TlsMode::required;
    if (listener.tls == smtp::TlsMode::implicit && certificate) add(listener, "ssl");
    if (starttls && certificate) add(listener, "starttls");
    if (listener.tls == smtp::TlsMode::offered || listener.tls == smtp::TlsMode::off)
      add(listener, "none");
  }
  return choices;
}

// What devices can reach it by: what is listened on, else what the certificate is for.
json::array describe_servers(const smtp::DoorSnapshot& door) {
  std::set<std::string> servers;
  for (const smtp::ListenerStatus& listener : door.listeners)
    if (listener.address != "0.0.0.0" && listener.address != "::") servers.insert(listener.address);
  if (servers.empty()) servers = door.certificate.names.addresses;
  std::erase_if(servers, [](const std::string& address) {
    return address.starts_with("127.") || address == "::1" || address.starts_with("fe80:");
  });
  json::array list(servers.begin(), servers.end());
  list.emplace_back(door.hostname);
  return list;
}

const smtp::DeviceEntry* entry_of(const BoxFigures& figures, const std::string& device) {
  if (!figures.devices) return nullptr;
  const auto found = std::find_if(figures.devices->begin(), figures.devices->end(),
                                  [&](const auto& entry) { return entry.name == device; });
  return found != figures.devices->end() ? &*found : nullptr;
}

}  // namespace

std::string_view name_of(smtp::ReplyMode mode) {
  switch (mode) {
    case smtp::ReplyMode::assured:
      return "assured";
    case smtp::ReplyMode::pass_through:
      return "pass-through";
    case smtp::ReplyMode::store_and_forward:
      return "store-and-forward";
  }
  return "?";
}

std::string_view name_of(smtp::TlsMode mode) {
  switch (mode) {
    case smtp::TlsMode::off:
      return "off";
    case smtp::TlsMode::offered:
      return "starttls";
    case smtp::TlsMode::required:
      return "required";
    case smtp::TlsMode::implicit:
      return "implicit";
  }
  return "?";
}

std::string_view name_of(smtp::AuthMode mode) {
  switch (mode) {
    case smtp::AuthMode::off:
      return "off";
    case smtp::AuthMode::optional:
      return "optional";
    case smtp::AuthMode::required:
      return "required";
  }
  return "?";
}

json::array describe_devices(const BoxFigures& figures, std::string_view device) {
  json::array list;
  std::set<std::string> heard;
  const auto add = [&](const smtp::Device& one, bool was_heard) {
    if (!device.empty() && one.name != device && one.address != device && one.mac != device) return;
    json::object object = describe_device(one);
    if (!was_heard) object["known_by"] = nullptr;
    list.push_back(std::move(object));
  };
  for (const smtp::Device& one : figures.door.devices) {
    add(one, true);
    if (one.known_by != smtp::KnownBy::nothing) heard.insert(one.name);
  }
  if (!figures.devices) return list;
  for (const smtp::DeviceEntry& entry : *figures.devices) {
    if (heard.contains(entry.name)) continue;
    smtp::Device silent;
    silent.name = entry.name;
    silent.address = entry.network;
    silent.mac = entry.mac;
    add(silent, false);
  }
  return list;
}

json::array describe_dialogues(const std::vector<smtp::Dialogue>& dialogues) {
  json::array list;
  const std::size_t shown = std::min(dialogues.size(), dialogues_shown_max);
  for (std::size_t i = dialogues.size() - shown; i < dialogues.size(); ++i)
    list.push_back(describe_dialogue(dialogues[i]));
  return list;
}

json::object describe_settings(const BoxFigures& figures, const std::string& device,
                               std::string_view maker) {
  const smtp::DeviceEntry* const entry = entry_of(figures, device);
  const std::string address = address_name(device) + "@" + mail_domain(figures.door);
  json::array hints;
  if (const Maker* const found = maker_called(maker)) {
    for (const std::string_view hint : found->hints) hints.emplace_back(hint);
    for (const std::string_view hint : found->unconfirmed)
      hints.emplace_back(std::string(hint) + " (not confirmed)");
  }
  json::array known_makers;
  for (const Maker& one : makers())
    known_makers.push_back({{"name", one.name}, {"devices", one.devices}});
  json::object settings{{"device", scrub_utf8(device)},
                        {"configured", entry != nullptr},
                        {"servers", describe_servers(figures.door)},
                        {"choices", describe_choices(figures.door)},
                        {"user", nullptr},
                        {"sender", address},
                        {"recipient", address},
                        {"maker", maker},
                        {"hints", std::move(hints)},
                        {"makers", std::move(known_makers)}};
  if (entry != nullptr && !entry->user.empty()) settings["user"] = scrub_utf8(entry->user);
  return settings;
}

}  // namespace alarmwire::status
