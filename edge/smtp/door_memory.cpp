#include "edge/smtp/door_memory.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "common/control_request.hpp"
#include "common/files.hpp"
#include "common/text.hpp"
#include "edge/smtp/messages.hpp"

namespace alarmwire::smtp {
namespace {

namespace json = boost::json;
using control::flag_of;
using control::number_of;
using control::text_of;

constexpr std::uint64_t format = 1;

json::array names_of(QuirkSet quirks) {
  json::array names;
  for (std::size_t i = 0; i < quirk_count; ++i)
    if (const auto quirk = static_cast<Quirk>(i); quirks.has(quirk))
      names.emplace_back(to_string(quirk));
  return names;
}

QuirkSet quirks_of(const json::object& object) {
  QuirkSet quirks;
  const json::value* const names = object.if_contains("quirks");
  if (names == nullptr || !names->is_array()) return quirks;
  for (const json::value& name : names->get_array())
    if (name.is_string())
      if (const auto quirk = quirk_from(name.get_string())) quirks.add(*quirk);
  return quirks;
}

// A number of an enumeration whose last is `last`; anything else is its first.
template <typename Enum>
Enum enum_of(const json::object& object, std::string_view name, Enum last) {
  const std::uint64_t number = number_of(object, name, 0);
  return number <= static_cast<std::uint64_t>(last) ? static_cast<Enum>(number) : Enum{};
}

WallTimeUs time_of(const json::object& object, std::string_view name) {
  return static_cast<WallTimeUs>(number_of(object, name, 0));
}

std::size_t size_of(const json::object& object, std::string_view name) {
  return static_cast<std::size_t>(number_of(object, name, 0));
}

json::object to_json(const Device& device) {
  return {{"address", device.address},
          {"name", scrub_utf8(device.name)},
          {"known_by", static_cast<std::uint64_t>(device.known_by)},
          {"mac", device.mac},
          {"accepted", device.accepted},
          {"lost", device.lost},
          {"refused_sessions", device.refused_sessions},
          {"last_heard_us", device.last_heard_us},
          {"last_mail_us", device.last_mail_us},
          {"last_error_us", device.last_error_us},
          {"last_error", scrub_utf8(device.last_error.substr(0, remembered_error_bytes_max))},
          {"quirks", names_of(device.quirks)}};
}

Device device_of(const json::object& object) {
  Device device;
  device.address = text_of(object, "address");
  device.name = text_of(object, "name");
  device.known_by = enum_of(object, "known_by", KnownBy::user);
  device.mac = text_of(object, "mac");
  device.accepted = number_of(object, "accepted", 0);
  device.lost = number_of(object, "lost", 0);
  device.refused_sessions = number_of(object, "refused_sessions", 0);
  device.last_heard_us = time_of(object, "last_heard_us");
  device.last_mail_us = time_of(object, "last_mail_us");
  device.last_error_us = time_of(object, "last_error_us");
  device.last_error = text_of(object, "last_error");
  device.quirks = quirks_of(object);
  return device;
}

json::object to_json(const DialogueFacts& facts) {
  return {{"tls", static_cast<std::uint64_t>(facts.tls)},
          {"auth", static_cast<std::uint64_t>(facts.auth)},
          {"zone", scrub_utf8(facts.zone)},
          {"message_bytes_max", facts.message_bytes_max},
          {"encrypted", facts.encrypted},
          {"tls_version", facts.tls_version},
          {"tls_failure", scrub_utf8(facts.tls_failure)},
          {"spoke_tls", facts.spoke_tls},
          {"spoke_http", facts.spoke_http},
          {"trouble", facts.trouble},
          {"accepted", facts.accepted},
          {"end", static_cast<std::uint64_t>(facts.end)},
          {"in_data", facts.in_data},
          {"data_bytes", facts.data_bytes},
          {"odd_dot", facts.odd_dot},
          {"was_waiting", facts.was_waiting},
          {"quirks", names_of(facts.quirks)}};
}

DialogueFacts facts_of(const json::object& object) {
  DialogueFacts facts;
  facts.tls = enum_of(object, "tls", TlsMode::implicit);
  facts.auth = enum_of(object, "auth", AuthMode::required);
  facts.zone = text_of(object, "zone");
  facts.message_bytes_max = number_of(object, "message_bytes_max", 0);
  facts.encrypted = flag_of(object, "encrypted");
  facts.tls_version = text_of(object, "tls_version");
  facts.tls_failure = text_of(object, "tls_failure");
  facts.spoke_tls = flag_of(object, "spoke_tls");
  facts.spoke_http = flag_of(object, "spoke_http");
  facts.trouble = flag_of(object, "trouble");
  facts.accepted = size_of(object, "accepted");
  facts.end = enum_of(object, "end", DialogueFacts::End::tls_failed);
  facts.in_data = flag_of(object, "in_data");
  facts.data_bytes = number_of(object, "data_bytes", 0);
  facts.odd_dot = flag_of(object, "odd_dot");
  facts.was_waiting = flag_of(object, "was_waiting");
  facts.quirks = quirks_of(object);
  return facts;
}

json::object to_json(const Dialogue& dialogue) {
  const DialogueLog::Text text = dialogue.log.text();
  return {{"device", scrub_utf8(dialogue.device)},
          {"address", dialogue.address},
          {"listener", scrub_utf8(dialogue.listener)},
          {"began_us", dialogue.began_us},
          {"duration_ms", text.duration_ms},
          {"facts", to_json(dialogue.facts)},
          {"head", text.head},
          {"tail", text.tail},
          {"left_out", text.left_out}};
}

std::optional<Dialogue> dialogue_of(const json::object& object) {
  const json::value* const facts = object.if_contains("facts");
  std::optional<DialogueLog> log = DialogueLog::from(
      {text_of(object, "head"), text_of(object, "tail"), size_of(object, "left_out"),
       static_cast<std::uint32_t>(number_of(object, "duration_ms", 0))});
  if (facts == nullptr || !facts->is_object() || !log) return std::nullopt;
  return Dialogue{text_of(object, "device"),     text_of(object, "address"),
                  text_of(object, "listener"),   time_of(object, "began_us"),
                  facts_of(facts->get_object()), std::move(*log)};
}

void for_each(const json::object& memory, std::string_view name,
              const std::function<void(const json::object&)>& use) {
  const json::value* const list = memory.if_contains(name);
  if (list == nullptr || !list->is_array()) return;
  for (const json::value& item : list->get_array())
    if (item.is_object()) use(item.get_object());
}

}  // namespace

std::chrono::milliseconds memory_pause(std::size_t bytes) {
  const std::chrono::milliseconds day = std::chrono::hours(24);
  return day * static_cast<std::int64_t>(bytes) / static_cast<std::int64_t>(memory_bytes_per_day);
}

std::string write_memory(const DeviceTable& devices, const DialogueBook& dialogues) {
  json::array devices_list;
  for (const Device& device : devices.all()) devices_list.push_back(to_json(device));
  json::array dialogues_list;
  for (const Dialogue& dialogue : dialogues.all()) dialogues_list.push_back(to_json(dialogue));
  return json::serialize(json::object{{"format", format},
                                      {"devices", std::move(devices_list)},
                                      {"dialogues", std::move(dialogues_list)}});
}

Status read_memory(std::string_view text, DeviceTable& devices, DialogueBook& dialogues) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return Failure(Errc::invalid_argument, "no JSON object");
  const json::object& memory = value.get_object();
  if (number_of(memory, "format", 0) != format)
    return Failure(Errc::unsupported, "of another version");
  for_each(memory, "devices", [&](const json::object& item) {
    if (Device device = device_of(item); !device.address.empty())
      devices.restore(std::move(device));
  });
  for_each(memory, "dialogues", [&](const json::object& item) {
    if (std::optional<Dialogue> dialogue = dialogue_of(item)) dialogues.keep(std::move(*dialogue));
  });
  return {};
}

void DoorMemory::load(DeviceTable& devices, DialogueBook& dialogues) {
  if (config_.file.empty()) return;
  const Result<std::string> text = read_file(config_.file);
  if (text.has_error() && text.error().is(Errc::not_found)) return;
  Status read;
  if (text.has_error())
    read = text.error();
  else
    read = read_memory(*text, devices, dialogues);
  if (read.has_error())
    log::write(SMTP_MEMORY_FILE, {{"path", config_.file}, {"reason", read.error().diagnostics}});
}

std::chrono::milliseconds DoorMemory::save(const DeviceTable& devices,
                                           const DialogueBook& dialogues) {
  if (config_.file.empty()) return config_.pause_min;
  std::string text = write_memory(devices, dialogues);
  const std::chrono::milliseconds pause = std::max(config_.pause_min, memory_pause(text.size()));
  const std::size_t hash = std::hash<std::string>{}(text);
  if (std::exchange(written_, hash) == hash) return pause;
  wait();
  writing_ = std::async(std::launch::async, [file = config_.file, text = std::move(text)] {
    if (const Status done = write_file_atomically(file, text); done.has_error())
      log::write(SMTP_MEMORY_FILE, {{"path", file}, {"reason", done.error().diagnostics}});
  });
  return pause;
}

void DoorMemory::wait() {
  if (writing_.valid()) writing_.get();
}

}  // namespace alarmwire::smtp
