#include "receiver/daemon/alarm_commands.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <set>
#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "common/mail_head.hpp"
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

using HandOvers = std::vector<std::pair<std::string, ledger::HandOver>>;

// What a person must know first: an alarm that is stuck at one outlet is stuck.
std::string_view state_of(const HandOvers& hand_overs) {
  using State = ledger::HandOverState;
  if (hand_overs.empty()) return "stored";  // no outlet has to do with it
  for (const State state : {State::parked, State::refused, State::waiting})
    for (const auto& [outlet, hand_over] : hand_overs)
      if (hand_over.state == state) return to_string(state);
  return "handed over";
}

boost::json::object hand_overs_to_json(const HandOvers& hand_overs) {
  boost::json::object object;
  for (const auto& [outlet, hand_over] : hand_overs)
    object[outlet] = {{"state", to_string(hand_over.state)},
                      {"tries", hand_over.tries},
                      {"changed_us", hand_over.changed_us},
                      {"text", scrub_utf8(hand_over.text)}};
  return object;
}

}  // namespace

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
                  watchers_.push_back(std::move(responder));
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
  boost::asio::post(context_, [this, record] { show_to_watchers(record); });
}

void AlarmCommands::show_to_watchers(const ledger::Record& record) {
  std::erase_if(watchers_, [](const auto& watcher) { return watcher->is_gone(); });
  if (watchers_.empty()) return;
  if (behind_ >= records_behind_max) {
    for (const auto& watcher : watchers_) watcher->error("too many alarms at once: start again");
    watchers_.clear();
    return;
  }
  ++behind_;
  boost::asio::post(readers_, [this, record, watchers = watchers_] {
    const Result<boost::json::object> described = describe(record);
    boost::json::object object = described.has_value() ? *described : to_json(record.header);
    add_subject(object, record);
    for (const auto& watcher : watchers) watcher->item(object);
    boost::asio::post(context_, [this] { --behind_; });
  });
}

Result<boost::json::value> AlarmCommands::alarms(const boost::json::object& request) const {
  const auto limit = static_cast<std::size_t>(
      std::min<std::uint64_t>(control::number_of(request, "limit", 50), listed_alarms_max));
  const BoxId box = control::text_of(request, "box");
  if (const Status known = must_know(box); known.has_error()) return known.error();
  const Records records =
      control::flag_of(request, "waiting") ? waiting(box, limit) : newest(request, box, limit);
  if (records.has_error()) return records.error();
  boost::json::array list;
  for (const ledger::Record& record : *records) {
    Result<boost::json::object> object = describe(record);
    if (object.has_error()) return object.error();
    if (list.size() < listed_subjects_max) add_subject(*object, record);
    list.push_back(std::move(*object));
  }
  return boost::json::value{{"alarms", std::move(list)}};
}

Status AlarmCommands::must_know(const BoxId& box) const {
  if (box.empty() || is_ours_(box)) return {};
  const Result<std::vector<ledger::Cursor>> cursors = ledger_.cursors(box);
  if (cursors.has_error()) return cursors.error();
  if (!cursors->empty()) return {};  // gone, but not what it delivered
  return Failure(Errc::not_found, "there is no box '" + box + "'; alarmwire box list shows them");
}

AlarmCommands::Records AlarmCommands::newest(const boost::json::object& request, const BoxId& box,
                                             std::size_t limit) const {
  ledger::ListFilter filter;
  if (!box.empty()) filter.box = box;
  filter.limit = limit;
  filter.before = static_cast<ledger::Position>(control::number_of(request, "before", 0));
  return ledger_.list(filter);
}

// Parked ones first: they go no further without a person. Each kind from its oldest on. Also what
// an outlet that is no longer configured has left behind.
AlarmCommands::Records AlarmCommands::waiting(const BoxId& box, std::size_t limit) const {
  const Result<std::vector<ledger::Owed>> owed = ledger_.owed();
  if (owed.has_error()) return owed.error();
  std::vector<ledger::Record> records;
  std::set<ledger::Position> seen;
  for (const auto state : {ledger::HandOverState::parked, ledger::HandOverState::waiting}) {
    std::set<ledger::Position> found;
    for (const ledger::Owed& at : *owed) {
      const auto of_outlet = positions(at.outlet, state, box, limit);
      if (of_outlet.has_error()) return of_outlet.error();
      found.insert(of_outlet->begin(), of_outlet->end());
    }
    for (const ledger::Position position : found) {
      if (records.size() == limit) return records;
      if (!seen.insert(position).second) continue;
      Result<ledger::Record> record = ledger_.at(position);
      if (record.has_error() && record.error().is(Errc::not_found)) continue;  // retention
      if (record.has_error()) return record.error();
      records.push_back(std::move(*record));
    }
  }
  return records;
}

Result<std::vector<ledger::Position>> AlarmCommands::positions(const std::string& outlet,
                                                               ledger::HandOverState state,
                                                               const BoxId& box,
                                                               std::size_t limit) const {
  std::vector<ledger::Position> found;
  ledger::Position after = 0;
  for (std::size_t read = 0; read < waiting_rows_read_max;) {
    const auto page = ledger_.hand_overs(outlet, state, after, ledger::read_limit_max);
    if (page.has_error()) return page.error();
    for (const ledger::HandOver& row : *page) {
      if (found.size() == limit) return found;
      if (box.empty() || row.box == box) found.push_back(row.position);
      after = row.position;
    }
    read += page->size();
    if (page->size() < ledger::read_limit_max) break;
  }
  return found;
}

Result<boost::json::value> AlarmCommands::alarm(const boost::json::object& request) const {
  const Result<AlarmId> id = control::alarm_id_of(request);
  if (id.has_error()) return id.error();
  const Result<ledger::Record> record = ledger_.find(*id);
  if (record.has_error()) return record.error();
  Result<boost::json::object> object = describe(*record);
  if (object.has_error()) return object.error();
  add_subject(*object, *record);
  (*object)["envelope"] = envelope_to_json(record->header.envelope);
  (*object)["hash"] = to_hex(view(record->header.hash));
  (*object)["stages"] = stages(*record);
  (*object)["clock_offset_us"] = record->clock_offset_us;
  return boost::json::value(std::move(*object));
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

Result<boost::json::object> AlarmCommands::describe(const ledger::Record& record) const {
  const Result<HandOvers> hand_overs = ledger_.hand_overs_of(record.position);
  if (hand_overs.has_error()) return hand_overs.error();
  boost::json::object object = to_json(record.header);
  object["box"] = record.box;
  object["position"] = record.position;
  object["stored_us"] = record.stored_us;
  object["state"] = state_of(*hand_overs);
  object["hand_over"] = hand_overs_to_json(*hand_overs);
  return object;
}

// A mail whose bytes cannot be read is still shown.
void AlarmCommands::add_subject(boost::json::object& object, const ledger::Record& record) const {
  if (record.header.size == 0) return;  // a fault has no body
  const Result<std::string> head = ledger_.body(record.position, 0, mail_head_bytes_max);
  if (head.has_error()) return;
  if (std::string subject = subject_of(*head); !subject.empty())
    object["subject"] = std::move(subject);
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
