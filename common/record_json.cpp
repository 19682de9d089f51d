#include "common/record_json.hpp"

#include <boost/json/array.hpp>

#include "common/text.hpp"

namespace alarmwire {
namespace {

boost::json::array strings(const std::vector<std::string>& values) {
  boost::json::array list;
  for (const std::string& value : values) list.emplace_back(scrub_utf8(value));
  return list;
}

}  // namespace

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
  object["device"] = scrub_utf8(envelope->device);
  object["device_address"] = scrub_utf8(envelope->device_address);
  if (!envelope->known_by.empty()) object["known_by"] = scrub_utf8(envelope->known_by);
  object["from"] = scrub_utf8(envelope->reverse_path);
  object["to"] = strings(envelope->recipients);
  if (envelope->kind == RecordKind::fault || envelope->kind == RecordKind::fault_end) {
    object["fault_code"] = scrub_utf8(envelope->fault_code);
    object["fault_subject"] = scrub_utf8(envelope->fault_subject);
    object["fault_reason"] = scrub_utf8(envelope->fault_reason);
  }
  return object;
}

boost::json::object envelope_to_json(std::string_view envelope_bytes) {
  const Result<Envelope> envelope = decode_envelope(envelope_bytes);
  if (envelope.has_error()) return {{"error", envelope.error().diagnostics}};
  return {
      {"kind", to_string(envelope->kind)},
      {"listener", scrub_utf8(envelope->listener)},
      {"device", scrub_utf8(envelope->device)},
      {"device_address", scrub_utf8(envelope->device_address)},
      {"known_by", scrub_utf8(envelope->known_by)},
      {"helo", scrub_utf8(envelope->helo)},
      {"from", scrub_utf8(envelope->reverse_path)},
      {"to", strings(envelope->recipients)},
      {"body_8bit", envelope->body_8bit},
      {"smtputf8", envelope->smtputf8},
  };
}

}  // namespace alarmwire
