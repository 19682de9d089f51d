#include "common/record_json.hpp"

#include <boost/json/array.hpp>

namespace alarmwire {
namespace {

// Length of the valid UTF-8 sequence at the front, 0 if there is none (RFC 3629 4).
std::size_t utf8_sequence(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto continues = [&](std::size_t i) { return i < bytes.size() && (at(i) & 0xc0) == 0x80; };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xe0 && at(1) < 0xa0) return 0;
    if (first == 0xed && at(1) > 0x9f) return 0;  // surrogates
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xf0 && at(1) < 0x90) return 0;
    if (first == 0xf4 && at(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

boost::json::array strings(const std::vector<std::string>& values) {
  boost::json::array list;
  for (const std::string& value : values) list.emplace_back(to_valid_utf8(value));
  return list;
}

}  // namespace

std::string to_valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_sequence(bytes);
    if (length == 0) {
      text += "\xef\xbf\xbd";
      bytes.remove_prefix(1);
      continue;
    }
    text += bytes.substr(0, length);
    bytes.remove_prefix(length);
  }
  return text;
}

boost::json::object to_json(const RecordHeader& header) {
  boost::json::object object{
      {"id", header.id.to_string()},
      {"lane", to_string(header.key.lane)},
      {"epoch", header.key.epoch.to_string()},
      {"seq", header.key.seq},
      {"size", header.size},
      {"accepted_us", header.accepted_us},
      {"spooled_us", header.spooled_us},
      {"repeats", header.repeats},
  };
  const Result<Envelope> envelope = decode_envelope(header.envelope);
  if (envelope.has_error()) {
    object["kind"] = "unreadable";
    return object;
  }
  object["kind"] = to_string(envelope->kind);
  object["device"] = to_valid_utf8(envelope->device);
  object["device_address"] = to_valid_utf8(envelope->device_address);
  object["from"] = to_valid_utf8(envelope->reverse_path);
  object["to"] = strings(envelope->recipients);
  if (envelope->kind != RecordKind::mail) {
    object["fault_code"] = to_valid_utf8(envelope->fault_code);
    object["fault_subject"] = to_valid_utf8(envelope->fault_subject);
    object["fault_reason"] = to_valid_utf8(envelope->fault_reason);
  }
  return object;
}

boost::json::object envelope_to_json(std::string_view envelope_bytes) {
  const Result<Envelope> envelope = decode_envelope(envelope_bytes);
  if (envelope.has_error()) return {{"error", envelope.error().diagnostics}};
  return {
      {"kind", to_string(envelope->kind)},
      {"listener", to_valid_utf8(envelope->listener)},
      {"device", to_valid_utf8(envelope->device)},
      {"device_address", to_valid_utf8(envelope->device_address)},
      {"helo", to_valid_utf8(envelope->helo)},
      {"from", to_valid_utf8(envelope->reverse_path)},
      {"to", strings(envelope->recipients)},
      {"body_8bit", envelope->body_8bit},
      {"smtputf8", envelope->smtputf8},
  };
}

}  // namespace alarmwire
