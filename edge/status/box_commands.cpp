#include "edge/status/box_commands.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "common/mail_head.hpp"
#include "common/record_json.hpp"
#include "common/text.hpp"
#include "edge/status/device_answers.hpp"
#include "edge/status/makers.hpp"

namespace alarmwire::status {
namespace {

namespace json = boost::json;

std::string_view name_of(spool::RowState state) {
  switch (state) {
    case spool::RowState::waiting:
      return "waiting";
    case spool::RowState::settled:
      return "settled";
    case spool::RowState::parked:
      return "parked";
  }
  return "?";
}

json::object describe(const RecordHeader& header, spool::RowState state) {
  json::object object = to_json(header);
  object["state"] = name_of(state);
  return object;
}

json::object describe(const spool::ListedRecord& record) {
  json::object object = describe(record.header, record.state);
  if (record.state == spool::RowState::parked)
    object["park_reason"] = scrub_utf8(record.park_reason);
  return object;
}

json::object describe_with_head(const spool::StoredRecord& record) {
  json::object object = describe(record.header, record.state);
  if (std::string subject = subject_of(record.head); !subject.empty())
    object["subject"] = std::move(subject);
  return object;
}

json::array stages(const RecordHeader& header, const std::vector<uplink::StageNote>& notes) {
  json::array list{
      {{"stage", "accepted"}, {"time_us", header.accepted_us}, {"clock", "box"}},
      {{"stage", "spooled"}, {"time_us", header.spooled_us}, {"clock", "box"}},
  };
  for (const uplink::StageNote& note : notes) {
    json::object stage{{"stage", note.stage},
                       {"time_us", note.time_us},
                       {"clock", note.centre_clock ? "centre" : "box"}};
    if (!note.outlet.empty()) stage["outlet"] = scrub_utf8(note.outlet);
    if (!note.text.empty()) stage["text"] = scrub_utf8(note.text);
    list.push_back(std::move(stage));
  }
  return list;
}

}  // namespace

BoxCommands::BoxCommands(boost::asio::io_context& context, spool::Spool& spool,
                         const uplink::Uplink& uplink, std::function<BoxFigures()> figures,
                         Dialogues dialogues)
    : spool_(spool),
      uplink_(uplink),
      figures_(std::move(figures)),
      dialogues_(std::move(dialogues)),
      tail_(std::make_shared<Tail>(context, spool, describe_with_head)) {}

void BoxCommands::install(control::Server& server) {
  using Request = const json::object&;
  server.handle("status", [this](Request, const Reply& reply) {
    reply->result(status::describe(figures_()));
  });
  server.handle("devices",
                [this](Request request, const Reply& reply) { devices(request, reply); });
  server.handle("dialogues",
                [this](Request request, const Reply& reply) { dialogues(request, reply); });
  server.handle("device-settings",
                [this](Request request, const Reply& reply) { device_settings(request, reply); });
  server.handle("certificate", [this](Request, const Reply& reply) {
    reply->result(describe_certificate(figures_().door.certificate));
  });
  server.handle("alarms", [this](Request request, const Reply& reply) { alarms(request, reply); });
  server.handle("alarm", [this](Request request, const Reply& reply) { alarm(request, reply); });
  server.handle("trace", [this](Request request, const Reply& reply) { trace(request, reply); });
  server.handle("alarm-body",
                [this](Request request, const Reply& reply) { body(request, reply); });
  server.handle("tail", [this](Request, const Reply& reply) { tail_->add(reply); });
}

void BoxCommands::devices(const json::object& request, const Reply& reply) {
  const std::string device = control::text_of(request, "device");
  json::array list = describe_devices(figures_(), device);
  if (!device.empty() && list.empty()) return reply->error("no device has this name or address");
  reply->result({{"devices", std::move(list)}});
}

void BoxCommands::dialogues(const json::object& request, const Reply& reply) {
  const std::string device = control::text_of(request, "device");
  const std::vector<smtp::Dialogue> kept = dialogues_(device);
  if (kept.empty() && describe_devices(figures_(), device).empty())
    return reply->error("no device has this name or address");
  reply->result({{"dialogues", describe_dialogues(kept)}});
}

void BoxCommands::device_settings(const json::object& request, const Reply& reply) {
  const std::string maker = control::text_of(request, "maker");
  if (!maker.empty() && maker_called(maker) == nullptr) {
    std::string names;
    for (const Maker& one : makers()) names += (names.empty() ? "" : ", ") + std::string(one.name);
    return reply->error("nothing is known of this maker; there are " + names);
  }
  reply->result(describe_settings(figures_(), control::text_of(request, "device"), maker));
}

void BoxCommands::alarms(const json::object& request, const Reply& reply) {
  if (!control::text_of(request, "box").empty())
    return reply->error("a box holds only its own alarms: ask without a box");
  const auto limit = static_cast<std::size_t>(
      std::min<std::uint64_t>(control::number_of(request, "limit", 50), listed_alarms_max));
  spool_.list(limit, control::flag_of(request, "waiting"),
              [reply](const Result<std::vector<spool::ListedRecord>>& records) {
                if (records.has_error()) return reply->error(records.error().diagnostics);
                json::array list;
                for (const spool::ListedRecord& record : *records) list.push_back(describe(record));
                reply->result({{"alarms", std::move(list)}});
              });
}

void BoxCommands::alarm(const json::object& request, const Reply& reply) {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return reply->error(id.error().diagnostics);
  spool_.find(*id, [&spool = spool_, reply, notes = uplink_.stages_of(*id),
                    offset_us = clock_offset_us()](const Result<spool::ListedRecord>& record) {
    if (record.has_error()) return reply->error(record.error().diagnostics);
    json::object object = describe(*record);
    object["envelope"] = envelope_to_json(record->header.envelope);
    object["hash"] = to_hex(view(record->header.hash));
    object["clock_offset_us"] = offset_us;
    object["stages"] = stages(record->header, notes);
    spool.fetch_body(record->header.key, 0, mail_head_bytes_max,
                     [reply, object = std::move(object)](const Result<std::string>& head) mutable {
                       // A mail whose bytes are damaged is still shown.
                       if (head.has_value())
                         if (std::string subject = subject_of(*head); !subject.empty())
                           object["subject"] = std::move(subject);
                       reply->result(std::move(object));
                     });
  });
}

void BoxCommands::trace(const json::object& request, const Reply& reply) {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return reply->error(id.error().diagnostics);
  spool_.find(*id, [reply, notes = uplink_.stages_of(*id),
                    offset_us = clock_offset_us()](const Result<spool::ListedRecord>& record) {
    if (record.has_error()) return reply->error(record.error().diagnostics);
    reply->result({{"id", record->header.id.to_string()},
                   {"size", record->header.size},
                   {"clock_offset_us", offset_us},
                   {"stages", stages(record->header, notes)}});
  });
}

std::int64_t BoxCommands::clock_offset_us() const {
  const uplink::LinkStatus link = uplink_.status();
  return link.clock ? link.clock->offset_us : 0;
}

void BoxCommands::body(const json::object& request, const Reply& reply) {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return reply->error(id.error().diagnostics);
  const std::uint64_t offset = control::number_of(request, "offset", 0);
  spool_.find(*id, [&spool = spool_, reply, offset](const Result<spool::ListedRecord>& record) {
    if (record.has_error()) return reply->error(record.error().diagnostics);
    spool.fetch_body(record->header.key, offset, body_piece_bytes_max,
                     [reply, size = record->header.size](const Result<std::string>& piece) {
                       if (piece.has_error()) return reply->error(piece.error().diagnostics);
                       reply->result({{"data_base64", to_base64(*piece)}, {"size", size}});
                     });
  });
}

}  // namespace alarmwire::status
