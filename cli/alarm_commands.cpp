#include "cli/alarm_commands.hpp"

#include "cli/json_view.hpp"
#include "cli/render_alarm.hpp"
#include "common/base64.hpp"

namespace alarmwire::cli {
namespace {

// One piece of the raw bytes; "" at the end.
Result<std::string> body_piece(control::Client& client, const std::string& id,
                               std::uint64_t offset) {
  const auto answer =
      client.call({{"command", "alarm-body"}, {"id", id}, {"offset", offset}}, answer_within);
  if (answer.has_error()) return answer.error();
  const auto* const object = answer->if_object();
  const auto* const data = object != nullptr ? object->if_contains("data_base64") : nullptr;
  if (data == nullptr || !data->is_string()) return Failure(Errc::io, "the answer has no data");
  const auto bytes = from_base64({data->get_string().data(), data->get_string().size()});
  if (!bytes) return Failure(Errc::io, "the answer's data is no base64");
  return *bytes;
}

}  // namespace

int list_alarms(const Context& context, const AlarmList& wanted) {
  boost::json::object request{{"command", "alarms"}, {"limit", wanted.limit}};
  if (!wanted.box.empty()) request["box"] = wanted.box;
  if (wanted.waiting) request["waiting"] = true;
  const auto result = ask(context, request);
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("alarms/1", *result);
  } else {
    render_alarms(context.out, JsonView(*result).at("alarms"), context.colour);
  }
  return daemon::exit_ok;
}

int show_alarm(const Context& context, const std::string& id) {
  Result<control::Client> client = connect(context);
  if (client.has_error()) return context.fail(client.error());
  const auto result = client->call({{"command", "alarm"}, {"id", id}}, answer_within);
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("alarm/1", *result);
    return daemon::exit_ok;
  }
  const JsonView alarm(*result);
  std::string head;
  if (alarm.whole("size") > 0) {
    const Result<std::string> piece = body_piece(*client, id, 0);
    if (piece.has_error()) return context.fail(piece.error());
    head = *piece;
  }
  render_alarm(context.out, alarm, head, context.colour);
  return daemon::exit_ok;
}

int write_raw_alarm(const Context& context, const std::string& id) {
  Result<control::Client> client = connect(context);
  if (client.has_error()) return context.fail(client.error());
  std::uint64_t offset = 0;
  while (true) {
    const Result<std::string> piece = body_piece(*client, id, offset);
    if (piece.has_error()) return context.fail(piece.error());
    if (piece->empty()) break;
    offset += piece->size();
    if (!context.out.write(piece->data(), static_cast<std::streamsize>(piece->size()))) break;
  }
  context.out.flush();
  return context.out ? daemon::exit_ok : daemon::exit_failed;
}

int tail_alarms(const Context& context) {
  Result<control::Client> client = connect(context);
  if (client.has_error()) return context.fail(client.error());
  const Status status =
      client->stream({{"command", "tail"}}, [&context](const boost::json::value& alarm) {
        if (context.json) {
          context.print_json("alarm/1", alarm);
          context.out.flush();
        } else {
          render_alarm_line(context.out, JsonView(alarm), context.colour);
        }
        return context.out.good();
      });
  if (status.has_error()) return context.fail(status.error());
  if (!context.out) return daemon::exit_ok;  // the reader had enough: `| head`
  return context.fail(daemon::exit_unknown, "the daemon has ended the stream");
}

int trace_alarm(const Context& context, const std::string& id) {
  const auto result = ask(context, {{"command", "trace"}, {"id", id}});
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("trace/1", *result);
  } else {
    render_trace(context.out, JsonView(*result));
  }
  return daemon::exit_ok;
}

}  // namespace alarmwire::cli
