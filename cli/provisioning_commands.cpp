#include "cli/provisioning_commands.hpp"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <iostream>

#include "cli/json_view.hpp"
#include "cli/render.hpp"
#include "cli/render_status.hpp"
#include "common/clock.hpp"
#include "common/files.hpp"
#include "provisioning/plain_text.hpp"
#include "provisioning/qr/label_sheet.hpp"
#include "provisioning/qr/qr_code.hpp"
#include "provisioning/qr/qr_photo.hpp"
#include "provisioning/ticket.hpp"

namespace alarmwire::cli {
namespace {

// Who did it, for the journal: the person behind sudo, if any.
std::string user_name() {
  const char* const sudo = std::getenv("SUDO_USER");
  if (sudo != nullptr && *sudo != '\0') return sudo;
  const passwd* const entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(::getuid());
}

// "90m", "12h", "7d" → seconds; 0: not understood.
std::int64_t seconds_in(const std::string& text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string unit(end, text.data() + text.size());
  if (error != std::errc() || count <= 0 || count > 1'000'000) return 0;
  return unit == "s"   ? count
         : unit == "m" ? count * 60
         : unit == "h" ? count * 3600
         : unit == "d" ? count * 86'400
                       : 0;
}

// Asks, and shows the answer by `render`, or as JSON.
template <typename Render>
int show(const Context& context, const Result<boost::json::value>& answer, std::string_view schema,
         Render render) {
  if (answer.has_error()) return context.fail(answer.error());
  if (context.json)
    context.print_json(schema, *answer);
  else
    render(JsonView(*answer));
  return daemon::exit_ok;
}

std::string deadline_in_words(WallTimeUs time_us) {
  const WallTimeUs now = wall_now_us();
  if (time_us <= now) return "over since " + local_time(time_us, false);
  return local_time(time_us, false) + " (in " + span_in_words(time_us - now) + ")";
}

void render_tickets(const Context& context, const JsonView& tickets) {
  Table table(
      {">TICKET", "SITE", "STATE", "APPROVE", "EXPIRES", "MADE BY", "USED", ">REFUSED", "NAME"});
  for (const JsonView& ticket : tickets.items())
    table.row({std::to_string(ticket.whole("ticket")), ticket.text("site"), ticket.text("state"),
               ticket.text("approve"), local_time(ticket.whole("expires_us"), false),
               ticket.text("created_by"), or_dash(local_time(ticket.whole("used_us"), false)),
               std::to_string(ticket.whole("refusals")), ticket.text("name")});
  table.print(context.out, "", context.colour);
}

void render_ticket(const Context& context, const JsonView& ticket) {
  context.out << "Ticket    " << ticket.whole("ticket") << ", " << ticket.text("state")
              << "\nSite      " << ticket.text("site") << ", " << ticket.text("name")
              << "\nExpires   " << deadline_in_words(ticket.whole("expires_us")) << "\nApproval  "
              << ticket.text("approve") << "\nMade      "
              << local_time(ticket.whole("created_us"), false) << " by "
              << ticket.text("created_by") << "\n";
  if (ticket.whole("used_us") != 0)
    context.out << "Used      " << local_time(ticket.whole("used_us"), false) << " by the key "
                << ticket.text("used_by") << "\n";
  if (ticket.whole("refusals") != 0)
    context.out << "Refused   " << ticket.whole("refusals") << " times\n";
}

void render_box(const Context& context, const JsonView& box) {
  context.out << "Box       " << box.text("id") << ", " << box.text("name") << "\nState     "
              << box.text("state") << "\nWords     " << box.text("words") << "\nKey       "
              << box.text("public_key") << "\nAddress   " << box.text("tunnel_address")
              << "\nEnrolled  " << local_time(box.whole("enrolled_us"), false) << " by ticket "
              << box.whole("ticket") << "\n";
  if (box.whole("approved_us") != 0)
    context.out << "Approved  " << local_time(box.whole("approved_us"), false) << " by "
                << box.text("approved_by") << "\n";
  if (box.whole("revoked_us") != 0)
    context.out << "Revoked   " << local_time(box.whole("revoked_us"), false) << "\n";
  if (const JsonView next = box.at("replacement"); !next.text("state").empty())
    context.out << "Replaced  by the box of ticket " << next.whole("ticket") << " ("
                << next.text("state") << "), as soon as that is connected; its words\n          "
                << next.text("words") << "\n";
  if (!box.text("key_change").empty())
    context.out << "New key   " << box.text("key_change")
                << "; the box changes over by itself while it is connected\n";
  if (box.text("state") == "pending")
    context.out << "\nCompare the six words with those at the box, by telephone. The same? Then:\n"
                   "  alarmwire box approve "
                << box.text("id") << "\nNot the same? It is somebody else's box:\n"
                << "  alarmwire box revoke " << box.text("id") << "\n";
}

void render_waiting(const Context& context, const JsonView& boxes) {
  Table table({"WAITS FOR APPROVAL", "SINCE", "SIX WORDS", "NAME"});
  for (const JsonView& box : boxes.items())
    if (box.at("replacement").text("state") == "pending")
      table.row(
          {box.text("id"), "", box.at("replacement").text("words"), "in place of the box there"});
    else if (box.text("state") == "pending")
      table.row({box.text("id"), age_in_words(box.whole("enrolled_us"), wall_now_us()),
                 box.text("words"), box.text("name")});
  if (table.empty()) return;
  context.out << "\n";
  table.print(context.out, "  ", context.colour);
}

Status write_picture(const std::string& file, const Result<std::string>& bytes) {
  if (bytes.has_error()) return bytes.error();
  return write_file_atomically(file, *bytes, 0600);  // a ticket is a secret
}

// What was asked for beside the terminal.
Status write_pictures(const TicketWish& wish, const JsonView& ticket, const std::string& text,
                      const qr::Code& code) {
  if (!wish.png_file.empty())
    if (Status done = write_picture(wish.png_file, qr::to_png(code)); done.has_error()) return done;
  if (wish.label_file.empty()) return {};
  const qr::Label label{ticket.text("site"), ticket.text("name"),
                        local_time(ticket.whole("expires_us"), false), text};
  return write_picture(wish.label_file, qr::to_label_sheet({label}, wish.label_place));
}

void render_fresh_ticket(const Context& context, const JsonView& ticket, const std::string& text,
                         const qr::Code& code, const TicketWish& wish) {
  context.out << qr::to_terminal(code, context.colour) << text << "\n\n";
  render_ticket(context, ticket);
  if (!wish.png_file.empty()) context.out << "Picture   " << wish.png_file << "\n";
  if (!wish.label_file.empty()) context.out << "Label     " << wish.label_file << "\n";
  context.out << "\nAt the box: alarmwire enrol (reads the ticket from stdin, --ticket-file or a "
                 "photo, --qr).\nWho has the ticket can enrol one box. It is not shown again.\n";
}

// --- at the box ---

// A keyboard or a scanner at the box. A slip of either costs another try only.
Result<provisioning::Ticket> ticket_from_terminal(const Context& context) {
  std::string text;
  while (true) {
    if (!context.json) context.err << "Type or scan the ticket, then Enter: " << std::flush;
    if (!std::getline(std::cin, text)) return Failure(Errc::closed, "no ticket was given");
    Result<provisioning::Ticket> ticket = provisioning::parse_ticket(text);
    if (ticket || context.json) return ticket;
    context.err << "This cannot be used: " << ticket.error().diagnostics << "\n";
  }
}

Result<provisioning::Ticket> ticket_from_stdin(const Context& context) {
  if (::isatty(STDIN_FILENO) == 1) return ticket_from_terminal(context);
  std::string text;
  char c = 0;
  while (text.size() <= provisioning::ticket_file_bytes_max && std::cin.get(c)) text += c;
  return parse_ticket_file(text);
}

Result<provisioning::Ticket> ticket_of(const Context& context, const EnrolWish& wish) {
  if (!wish.photo_file.empty()) {
    const Result<std::string> photo = read_file(wish.photo_file, qr::photo_bytes_max);
    const Result<std::string> text = photo ? qr::read_photo(*photo) : photo;
    if (!text) return text.error();
    return provisioning::parse_ticket(*text);
  }
  if (wish.ticket_file.empty() || wish.ticket_file == "-") return ticket_from_stdin(context);
  const auto text = read_file(wish.ticket_file, provisioning::ticket_file_bytes_max);
  if (!text) return text.error();
  return parse_ticket_file(*text);
}

// Prints what is new of each state; says at the end how it went.
class Progress {
 public:
  explicit Progress(const Context& context) : context_(context) {}

  void show(const boost::json::value& item) {
    const JsonView state(item);
    step_ = state.text("step");
    if (context_.json) {
      context_.print_json("enrol/1", item);
      context_.out.flush();
      return;
    }
    if (words_ != state.text("words")) {
      words_ = state.text("words");
      context_.out << "words     " << words_ << "\n";
    }
    const std::string line =
        step_ + std::string(10 - std::min<std::size_t>(9, step_.size()), ' ') + state.text("text");
    if (line != line_) context_.out << line << "\n";
    if (line != line_ && !state.text("advice").empty())
      context_.out << "          " << state.text("advice") << "\n";
    line_ = line;
    context_.out.flush();
  }

  int exit_code() const {
    if (step_ == "done") return daemon::exit_ok;
    if (step_ == "refused") return daemon::exit_failed;
    return context_.fail(
        daemon::exit_unknown, "the daemon has ended the answer",
        "The enrolment goes on by itself, and alarmwire enrol with the same ticket "
        "shows how.");
  }

 private:
  const Context& context_;
  std::string step_;
  std::string words_;
  std::string line_;
};

}  // namespace

Result<boost::json::value> ask_as_user(const Context& context, boost::json::object request) {
  request["by"] = user_name();
  return ask(context, request);
}

Result<provisioning::Ticket> parse_ticket_file(std::string_view bytes) {
  const Result<std::string> text = provisioning::plain_text(bytes);
  if (!text) return text.error();
  return provisioning::parse_ticket(*text);
}

Result<boost::json::object> ticket_request(const TicketWish& wish) {
  boost::json::object request{
      {"command", "ticket-create"}, {"site", wish.site}, {"replaces", wish.replaces}};
  if (!wish.name.empty()) request["name"] = wish.name;
  if (!wish.approve.empty()) request["approve"] = wish.approve;
  if (!wish.expires.empty()) {
    const std::int64_t seconds = seconds_in(wish.expires);
    if (seconds == 0)
      return Failure(Errc::invalid_argument, "--expires is of the form 90m, 12h or 7d");
    request["expires_s"] = seconds;
  }
  boost::json::array endpoints;
  for (const std::string& endpoint : wish.endpoints)
    endpoints.push_back(boost::json::string(endpoint));
  request["endpoints"] = std::move(endpoints);
  return request;
}

int create_ticket(const Context& context, const TicketWish& wish) {
  auto request = ticket_request(wish);
  if (!request) return context.fail(daemon::exit_usage, request.error().diagnostics);
  const auto answer = ask_as_user(context, std::move(*request));
  if (answer.has_error()) return context.fail(answer.error());
  const std::string text = JsonView(*answer).text("text");
  const Result<qr::Code> code = qr::encode(text);
  if (code.has_error()) return context.fail(code.error());
  if (const Status written = write_pictures(wish, JsonView(*answer), text, *code);
      written.has_error())
    return context.fail(daemon::exit_failed, written.error().diagnostics);
  return show(context, answer, "ticket/1", [&](const JsonView& ticket) {
    render_fresh_ticket(context, ticket, text, *code, wish);
  });
}

int list_tickets(const Context& context) {
  return show(context, ask(context, {{"command", "tickets"}}), "tickets/1",
              [&](const JsonView& answer) { render_tickets(context, answer.at("tickets")); });
}

int show_ticket(const Context& context, std::int64_t number) {
  return show(context, ask(context, {{"command", "ticket"}, {"ticket", number}}), "ticket/1",
              [&](const JsonView& ticket) { render_ticket(context, ticket); });
}

int revoke_ticket(const Context& context, std::int64_t number) {
  return show(context, ask_as_user(context, {{"command", "ticket-revoke"}, {"ticket", number}}),
              "ticket/1", [&](const JsonView& ticket) { render_ticket(context, ticket); });
}

int list_boxes(const Context& context) {
  auto boxes = ask(context, {{"command", "boxes"}});
  if (boxes.has_error()) return context.fail(boxes.error());
  const auto enrolled = ask(context, {{"command", "enrolled"}});
  if (enrolled.has_error()) return context.fail(enrolled.error());
  if (context.json) {
    boxes->get_object()["enrolled"] = enrolled->at("boxes");
    context.print_json("boxes/1", *boxes);
    return daemon::exit_ok;
  }
  render_boxes(context.out, JsonView(*boxes).at("boxes"), wall_now_us(), context.colour);
  render_waiting(context, JsonView(*enrolled).at("boxes"));
  return daemon::exit_ok;
}

int show_box(const Context& context, const std::string& id) {
  return show(context, ask(context, {{"command", "box"}, {"box", id}}), "box/1",
              [&](const JsonView& box) { render_box(context, box); });
}

int change_box(const Context& context, const std::string& verb, const std::string& id) {
  return show(context, ask_as_user(context, {{"command", "box-" + verb}, {"box", id}}), "box/1",
              [&](const JsonView& box) { render_box(context, box); });
}

int rename_box(const Context& context, const std::string& id, const std::string& name) {
  return show(context,
              ask_as_user(context, {{"command", "box-rename"}, {"box", id}, {"name", name}}),
              "box/1", [&](const JsonView& box) { render_box(context, box); });
}

int enrol(const Context& context, const EnrolWish& wish) {
  const Result<provisioning::Ticket> ticket = ticket_of(context, wish);
  if (!ticket) return context.fail(daemon::exit_failed, ticket.error().diagnostics);
  const Result<std::string> text = provisioning::format_ticket(*ticket);
  if (!text) return context.fail(daemon::exit_failed, text.error().diagnostics);
  Result<control::Client> client = connect(context);
  if (client.has_error()) return context.fail(client.error());
  Progress progress(context);
  const Status status =
      client->stream({{"command", "enrol"}, {"ticket", *text}, {"anew", wish.anew}},
                     [&](const boost::json::value& item) {
                       progress.show(item);
                       return context.out.good();
                     });
  if (status.has_error()) return context.fail(status.error());
  return progress.exit_code();
}

}  // namespace alarmwire::cli
