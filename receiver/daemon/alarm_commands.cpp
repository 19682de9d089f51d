#include "receiver/daemon/alarm_commands.hpp"

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "common/record_json.hpp"
#include "common/text.hpp"

namespace alarmwire::receiver {
namespace {

std::string_view name_of(ledger::Stage stage) {
  switch (stage) {
    case ledger::Stage::handed_over:
      return "handed over";
    case ledger::Stage::displayed:
      return "displayed";
    case ledger::Stage::confirmed:
      return "confirmed";
    case ledger::Stage::refused:
      return "refused";
  }
  return "?";
}

}  // namespace

AlarmCommands::AlarmCommands(boost::asio::io_context& context, ledger::Ledger& ledger,
                             std::vector<std::string> outlets)
    : context_(context), ledger_(ledger), outlets_(std::move(outlets)) {}

AlarmCommands::~AlarmCommands() {
  stop();
}

void AlarmCommands::stop() {
  readers_.join();
}

void AlarmCommands::install(control::Server& server) {
  handle(server, "alarms", [this](const boost::json::object& request) { return alarms(request); });
  handle(server, "alarm", [this](const boost::json::object& request) { return alarm(request); });
  handle(server, "alarm-body",
         [this](const boost::json::object& request) { return body(request); });
  handle(server, "trace", [this](const boost::json::object& request) { return trace(request); });
  server.handle("tail",
                [this](const boost::json::object&, std::shared_ptr<control::Responder> responder) {
                  tails_.push_back(std::move(responder));
                });
}

void AlarmCommands::handle(control::Server& server, std::string_view command, Answer answer) {
  server.handle(command,
                [this, answer = std::move(answer)](const boost::json::object& request,
                                                   std::shared_ptr<control::Responder> responder) {
                  boost::asio::post(readers_, [answer, request, responder = std::move(responder)] {
                    Result<boost::json::value> result = answer(request);
                    if (result.has_error())
                      responder->error(result.error().diagnostics);
                    else
                      responder->result(std::move(*result));
                  });
                });
}

void AlarmCommands::on_stored(const ledger::Record& record) {
  boost::asio::post(context_, [this, record] {
    std::erase_if(tails_, [](const auto& responder) { return responder->is_gone(); });
    for (const auto& responder : tails_) responder->item(describe(record));
  });
}

Result<boost::json::value> AlarmCommands::alarms(const boost::json::object& request) const {
  ledger::ListFilter filter;
  if (const std::string box = control::text_of(request, "box"); !box.empty()) filter.box = box;
  filter.limit = std::min<std::uint64_t>(control::number_of(request, "limit", filter.limit),
                                         listed_alarms_max);
  filter.before = static_cast<ledger::Position>(control::number_of(request, "before", 0));
  const Result<std::vector<ledger::Record>> records = ledger_.list(filter);
  if (records.has_error()) return records.error();
  boost::json::array list;
  for (const ledger::Record& record : *records) list.push_back(describe(record));
  return boost::json::value{{"alarms", std::move(list)}};
}

Result<boost::json::value> AlarmCommands::alarm(const boost::json::object& request) const {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return id.error();
  const Result<ledger::Record> record = ledger_.find(*id);
  if (record.has_error()) return record.error();
  boost::json::object object = describe(*record);
  object["envelope"] = envelope_to_json(record->header.envelope);
  object["hash"] = to_hex(view(record->header.hash));
  object["stages"] = stages(*record);
  object["clock_offset_us"] = record->clock_offset_us;
  return boost::json::value(std::move(object));
}

Result<boost::json::value> AlarmCommands::body(const boost::json::object& request) const {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return id.error();
  const Result<ledger::Record> record = ledger_.find(*id);
  if (record.has_error()) return record.error();
  const Result<std::string> piece = ledger_.body(
      record->position, control::number_of(request, "offset", 0), body_piece_bytes_max);
  if (piece.has_error()) return piece.error();
  return boost::json::value{{"data_base64", to_base64(*piece)}, {"size", record->header.size}};
}

Result<boost::json::value> AlarmCommands::trace(const boost::json::object& request) const {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return id.error();
  const Result<ledger::Record> record = ledger_.find(*id);
  if (record.has_error()) return record.error();
  return boost::json::value{{"id", id->to_string()},
                            {"box", record->box},
                            {"size", record->header.size},
                            {"clock_offset_us", record->clock_offset_us},
                            {"stages", stages(*record)}};
}

boost::json::object AlarmCommands::describe(const ledger::Record& record) const {
  boost::json::object object = to_json(record.header);
  object["box"] = record.box;
  object["position"] = record.position;
  object["stored_us"] = record.stored_us;
  object["state"] = "stored";
  return object;
}

boost::json::array AlarmCommands::stages(const ledger::Record& record) const {
  boost::json::array list{
      {{"stage", "accepted"}, {"time_us", record.header.accepted_us}, {"clock", "box"}},
      {{"stage", "spooled"}, {"time_us", record.header.spooled_us}, {"clock", "box"}},
      {{"stage", "stored"}, {"time_us", record.stored_us}, {"clock", "centre"}},
  };
  const Result<std::vector<ledger::StageMark>> marks = ledger_.stages(record.header.id);
  if (marks.has_error()) return list;
  for (const ledger::StageMark& mark : *marks)
    list.push_back({{"stage", name_of(mark.stage)},
                    {"time_us", mark.time_us},
                    {"clock", "centre"},
                    {"outlet", mark.outlet},
                    {"text", scrub_utf8(mark.text)}});
  return list;
}

}  // namespace alarmwire::receiver
