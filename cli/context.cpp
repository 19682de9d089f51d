#include "cli/context.hpp"

#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>

#include "common/text.hpp"

namespace alarmwire::cli {
namespace {

constexpr std::array<const char*, 2> default_sockets{"/run/alarmwire/edge.sock",
                                                     "/run/alarmwire/receiver.sock"};

Failure no_daemon() {
  std::string tried;
  for (const char* const path : default_sockets)
    tried += std::string(tried.empty() ? "" : " and ") + path;
  return {Errc::closed, "no daemon answers at " + tried +
                            "; start alarmwire-edge or alarmwire-receiver, or say --socket PATH"};
}

}  // namespace

int Context::fail(daemon::ExitCode exit_code, std::string_view message,
                  std::string_view advice) const {
  if (json) {
    boost::json::object object{{"schema", "error/1"},
                               {"error", scrub_utf8(std::string(message))},
                               {"exit_code", static_cast<int>(exit_code)}};
    if (!advice.empty()) object["advice"] = scrub_utf8(std::string(advice));
    err << boost::json::serialize(object) << "\n";
    return exit_code;
  }
  err << "error: " << printable(message) << "\n";
  if (!advice.empty()) err << printable(advice) << "\n";
  return exit_code;
}

int Context::fail(const Failure& failure) const {
  // The daemon's own "no" comes as invalid_argument; everything else means we did not reach it.
  return fail(failure.is(Errc::invalid_argument) ? daemon::exit_failed : daemon::exit_unknown,
              failure.diagnostics);
}

void Context::print_json(std::string_view schema, const boost::json::value& result) const {
  boost::json::object object{{"schema", schema}};
  if (const auto* const fields = result.if_object(); fields != nullptr) {
    for (const auto& [key, value] : *fields) object[key] = value;
  } else {
    object["result"] = result;
  }
  out << boost::json::serialize(object) << "\n";
}

Result<control::Client> connect(const Context& context) {
  if (!context.socket.empty()) return control::Client::connect(context.socket);
  for (const char* const path : default_sockets) {
    Result<control::Client> client = control::Client::connect(path);
    if (client.has_value()) return client;
    // "There, but not for you" must not be told as "not there".
    if (client.error().code.value() == EACCES)
      return Failure(Errc::denied,
                     client.error().diagnostics + "; only root and the group alarmwire may ask");
  }
  return no_daemon();
}

Result<boost::json::value> ask(const Context& context, const boost::json::object& request,
                               std::chrono::milliseconds timeout) {
  Result<control::Client> client = connect(context);
  if (client.has_error()) return client.error();
  return client->call(request, timeout);
}

}  // namespace alarmwire::cli
