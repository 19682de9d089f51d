#include "cli/daemon_commands.hpp"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <sstream>

#include "cli/json_view.hpp"
#include "cli/render.hpp"
#include "cli/render_status.hpp"
#include "common/files.hpp"
#include "common/pem.hpp"

namespace alarmwire::cli {
namespace {

using Render = void (*)(std::ostream&, const JsonView&, WallTimeUs, bool);

int exit_code_of(const JsonView& status) {
  const std::string verdict = status.text("verdict");
  if (verdict == "green") return daemon::exit_ok;
  return verdict == "amber" || verdict == "red" ? daemon::exit_degraded : daemon::exit_unknown;
}

// Asks `command`, shows the list under `key`.
int show_list(const Context& context, std::string_view command, std::string_view key,
              std::string_view schema, Render render) {
  const auto result = ask(context, {{"command", command}});
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json(schema, *result);
  } else {
    render(context.out, JsonView(*result).at(key), wall_now_us(), context.colour);
  }
  return daemon::exit_ok;
}

// Ctrl-C ends a watch as it should end, between two looks.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals_, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~Interrupts() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  bool came_within(std::chrono::seconds time) const {
    const timespec wait{time.count(), 0};
    int signal = -1;
    do {
      signal = ::sigtimedwait(&signals_, nullptr, &wait);
    } while (signal < 0 && errno == EINTR);
    return signal > 0;
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

std::size_t rows_of_terminal() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

}  // namespace

int show_status(const Context& context) {
  const auto result = ask(context, {{"command", "status"}});
  if (result.has_error()) return context.fail(result.error());
  const JsonView status(*result);
  if (context.json) {
    context.print_json("status/1", *result);
  } else {
    render_status(context.out, status, wall_now_us(), context.colour);
  }
  return exit_code_of(status);
}

int watch_status(const Context& context) {
  const Interrupts interrupts;
  if (context.is_terminal && !context.json) context.out << "\x1b[2J";
  do {
    // Drawn aside first: the screen must not flicker while a slow daemon is asked.
    std::ostringstream page;
    std::ostream& complaints = context.json ? context.err : page;
    show_status({page, complaints, context.json, context.colour, context.socket});
    if (context.json)
      context.out << page.str();
    else if (context.is_terminal)
      context.out << in_place(page.str(), rows_of_terminal());
    else
      context.out << page.str() << "\n";
    context.out << std::flush;
  } while (context.out && !interrupts.came_within(watch_every));
  return daemon::exit_ok;
}

int show_certificate(const Context& context) {
  const auto result = ask(context, {{"command", "certificate"}});
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("certificate/1", *result);
  } else {
    render_certificate(context.out, JsonView(*result), wall_now_us());
  }
  return daemon::exit_ok;
}

int export_certificate(const Context& context, bool der, const std::string& file) {
  const auto result = ask(context, {{"command", "certificate"}});
  if (result.has_error()) return context.fail(result.error());
  // Not JsonView::text(): that is for a terminal, and would show line ends as \n.
  const boost::json::object* const object = result->if_object();
  const boost::json::value* const found = object ? object->if_contains("ca_pem") : nullptr;
  const std::string pem(found && found->is_string() ? found->get_string().c_str() : "");
  const std::optional<std::string> bytes = der ? der_of(pem) : pem;
  if (!bytes || bytes->empty()) {
    return context.fail(daemon::exit_failed,
                        "the box has no authority of its own: its certificate comes from files, "
                        "export the authority that signed them");
  }
  if (file.empty()) {
    context.out << *bytes << std::flush;
    return daemon::exit_ok;
  }
  if (const Status written = write_file_atomically(file, *bytes, 0644); written.has_error())
    return context.fail(daemon::exit_failed, written.error().diagnostics);
  if (context.json) {
    context.print_json("certificate/1", *result);
  } else {
    context.err << "written to " << file << "; fingerprint (SHA-256) "
                << JsonView(*result).text("ca_fingerprint") << "\n";
  }
  return daemon::exit_ok;
}

int list_outlets(const Context& context) {
  return show_list(context, "outlets", "outlets", "outlets/1", render_outlets);
}

int test_outlet(const Context& context, const std::string& name) {
  const auto result =
      ask(context, {{"command", "outlet-test"}, {"name", name}}, outlet_test_within);
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("outlet-test/1", *result);
  } else {
    const JsonView answer(*result);
    context.out << "test mail taken: " << answer.text("reply") << answer.text() << "\n";
  }
  return daemon::exit_ok;
}

int drop_outlet(const Context& context, const std::string& name) {
  const auto result = ask(context, {{"command", "outlet-drop"}, {"name", name}});
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("outlet-drop/1", *result);
  } else {
    context.out << JsonView(*result).whole("dropped")
                << " given up at this outlet; the alarms stay in the ledger\n";
  }
  return daemon::exit_ok;
}

int retry_outlet(const Context& context, const std::string& name, const std::string& box) {
  boost::json::object request{{"command", "outlet-retry"}, {"name", name}};
  if (!box.empty()) request["box"] = box;
  const auto result = ask(context, request);
  if (result.has_error()) return context.fail(result.error());
  if (context.json) {
    context.print_json("outlet-retry/1", *result);
  } else {
    context.out << JsonView(*result).whole("retried") << " waiting again\n";
  }
  return daemon::exit_ok;
}

}  // namespace alarmwire::cli
