#include "cli/device_commands.hpp"

#include "cli/json_view.hpp"
#include "cli/render_device.hpp"

namespace alarmwire::cli {
namespace {

using Render = void (*)(std::ostream&, const JsonView&, WallTimeUs, bool);

int answer(const Context& context, const boost::json::object& request, std::string_view key,
           std::string_view schema, Render render) {
  const auto result = ask(context, request);
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json(schema, *result);
  } else {
    render(context.out, key.empty() ? JsonView(*result) : JsonView(*result).at(key), wall_now_us(),
           context.colour);
  }
  return daemon::exit_ok;
}

}  // namespace

int list_devices(const Context& context) {
  return answer(context, {{"command", "devices"}}, "devices", "devices/1", render_devices);
}

int show_device(const Context& context, const std::string& name) {
  return answer(context, {{"command", "devices"}, {"device", name}}, "devices", "devices/1",
                render_device);
}

int show_dialogues(const Context& context, const std::string& name) {
  return answer(context, {{"command", "dialogues"}, {"device", name}}, "dialogues", "dialogues/1",
                render_dialogues);
}

int show_settings(const Context& context, const std::string& name, const std::string& maker) {
  return answer(context, {{"command", "device-settings"}, {"device", name}, {"maker", maker}}, "",
                "device-settings/1", render_settings);
}

}  // namespace alarmwire::cli
