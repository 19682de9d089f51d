#include "cli/audit_commands.hpp"

#include <functional>
#include <iostream>
#include <sstream>

#include "cli/json_view.hpp"
#include "cli/render.hpp"
#include "cli/render_status.hpp"
#include "common/clock.hpp"
#include "common/files.hpp"

namespace alarmwire::cli {
namespace {

constexpr const char* schema = "audit/1";

// Whole, page by page.
Status each_line(const Context& context,
                 const std::function<void(const boost::json::value&)>& show) {
  std::int64_t after = 0;
  while (true) {
    const auto answer = ask(context, {{"command", "journal"}, {"after", after}});
    if (answer.has_error()) return answer.error();
    const auto& lines = answer->at("journal").as_array();
    if (lines.empty()) return {};
    for (const boost::json::value& line : lines) {
      after = JsonView(line).whole("number");
      show(line);
    }
  }
}

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

std::string csv_row(const JsonView& line) {
  std::string row =
      std::to_string(line.whole("number")) + "," + quoted(to_rfc3339(line.whole("time_us")));
  for (const char* const name : {"who", "what", "about", "before", "after", "chain"})
    row += "," + quoted(line.text(name));
  return row + "\r\n";
}

// To stderr after an export, which holds nothing but lines.
int say_check(const Context& context, std::ostream& out) {
  const auto answer = ask(context, {{"command", "journal-check"}});
  if (answer.has_error()) return context.fail(answer.error());
  const JsonView check(*answer);
  const std::int64_t broken = check.whole("first_broken");
  if (broken != 0)
    return context.fail(daemon::exit_failed,
                        "line " + std::to_string(broken) + " is not as it was written",
                        "Somebody changed boxes.db beside the receiver: compare with an export.");
  if (context.json && &out == &context.out)
    context.print_json("audit-check/1", *answer);
  else if (!context.json)
    out << check.whole("lines") << " lines, each as it was written; the last one's chain is\n"
        << or_dash(check.text("head")) << "\n";
  return daemon::exit_ok;
}

}  // namespace

int list_audit(const Context& context) {
  const Status done = each_line(context, [&](const boost::json::value& value) {
    if (context.json) return context.print_json(schema, value);
    const JsonView line(value);
    context.out << local_time(line.whole("time_us"), false) << "  " << line.text("who") << "  "
                << line.text("what") << "  " << line.text("about") << "  "
                << or_dash(line.text("before")) << " -> " << or_dash(line.text("after")) << "\n";
  });
  return done.has_error() ? context.fail(done.error()) : daemon::exit_ok;
}

int export_audit(const Context& context, const std::string& file) {
  std::ostringstream text;
  Context into{file.empty() ? context.out : text, context.err, context.json, false, context.socket};
  if (!context.json) into.out << "number,time,who,what,about,old,new,chain\r\n";
  const Status done = each_line(context, [&](const boost::json::value& line) {
    if (context.json) return into.print_json(schema, line);
    into.out << csv_row(JsonView(line));
  });
  if (done.has_error()) return context.fail(done.error());
  if (!file.empty())
    if (const Status written = write_file_atomically(file, text.str(), 0600); written.has_error())
      return context.fail(daemon::exit_failed, written.error().diagnostics);
  return say_check(context, context.err);
}

int check_audit(const Context& context) {
  return say_check(context, context.out);
}

}  // namespace alarmwire::cli
