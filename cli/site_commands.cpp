#include "cli/site_commands.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

#include "cli/json_view.hpp"
#include "cli/render.hpp"
#include "common/files.hpp"
#include "common/text.hpp"
#include "provisioning/site_table.hpp"

namespace alarmwire::cli {
namespace {

using provisioning::SiteDocument;
using provisioning::SiteRow;

constexpr const char* document_name = "alarmwire.toml";

std::string about(const std::string& site, const std::string& name) {
  return "For the Alarmwire box of " + (site.empty() ? "one site" : site) +
         (name.empty() ? "" : ", " + name) + ". It holds a ticket: treat it like a key.";
}

std::optional<provisioning::PortSettings> port_of(const std::string& address, int vlan) {
  if (address.empty()) return {};
  return provisioning::PortSettings{address, vlan};
}

// As the words on the command line are called.
std::string option_of(std::string_view field) {
  std::string option(field);
  std::replace(option.begin(), option.end(), '_', '-');
  return "--" + option;
}

Result<SiteDocument> document_of(const SiteWish& wish) {
  SiteDocument document;
  const auto text = read_file(wish.ticket_file, provisioning::ticket_file_bytes_max);
  if (!text) return text.error();
  const Result<provisioning::Ticket> ticket = parse_ticket_file(*text);
  if (!ticket) return ticket.error();
  document.ticket = *ticket;
  const auto bad = [](std::string why) { return Failure(Errc::invalid_argument, std::move(why)); };
  if (wish.lan.empty() && wish.lan_vlan != 0) return bad("--lan-vlan means nothing without --lan");
  if (wish.uplink.empty() && wish.uplink_vlan != 0)
    return bad("--uplink-vlan means nothing without --uplink");
  document.network = {port_of(wish.lan, wish.lan_vlan), port_of(wish.uplink, wish.uplink_vlan),
                      wish.gateway, wish.dns};
  std::string problems;
  for (const auto& [field, why] : problems_of(document.network, needs_dns(*ticket)))
    problems += (problems.empty() ? "" : "; ") + option_of(field) + ": " + why;
  if (!problems.empty()) return bad(problems);
  for (const std::string& text_of_device : wish.devices) {
    auto device = provisioning::parse_site_device(text_of_device);
    const std::string why =
        device ? why_not(*device, document.devices) : "wanted is NAME=ADDRESS or NAME=MAC";
    if (!why.empty()) return bad("--device " + text_of_device + ": " + why);
    document.devices.push_back(std::move(*device));
  }
  return document;
}

// --- many ---

struct Prepared {
  SiteRow row;
  std::string path;
};

Result<std::vector<Prepared>> read_table(const SitesWish& wish) {
  const Result<std::string> bytes = read_file(wish.table, provisioning::table_bytes_max);
  if (!bytes) return bytes.error();
  auto rows = provisioning::parse_site_table(*bytes, wish.table);
  if (!rows) return rows.error();
  std::vector<Prepared> sites;
  std::string there;
  for (SiteRow& row : *rows) {
    const std::string path = wish.folder + "/" + row.site + "/" + document_name;
    std::error_code error;
    const bool exists = std::filesystem::exists(std::filesystem::symlink_status(path, error));
    if (exists && wish.skip_existing) continue;
    if (exists)
      there += (there.empty() ? "" : "\n") + wish.table + ":" + std::to_string(row.line) +
               ":1: " + path + " is there already";
    sites.push_back({std::move(row), path});
  }
  if (!there.empty())
    return Failure(Errc::exists, there + "\n--skip-existing leaves such rows out");
  return sites;
}

// What only the centre knows: whether it would make this ticket, and how it is reached.
Result<std::string> why_not(const Context& context, const SitesWish& wish, const SiteRow& row) {
  TicketWish ticket = wish.ticket;
  ticket.site = row.site;
  auto request = ticket_request(ticket);
  if (!request) return request.error();
  (*request)["only_check"] = true;
  const auto answer = ask_as_user(context, std::move(*request));
  if (answer.has_error()) {  // its "no", or that it cannot be reached
    if (!answer.error().is(Errc::invalid_argument)) return answer.error();
    return answer.error().diagnostics;
  }
  const auto problems = problems_of(row.document.network, JsonView(*answer).flag("needs_dns"));
  if (problems.empty()) return std::string();
  return std::string(problems.front().field) + ": " + problems.front().why;
}

Status ask_beforehand(const Context& context, const SitesWish& wish,
                      const std::vector<Prepared>& sites) {
  std::string problems;
  std::size_t count = 0;
  for (const auto& [row, path] : sites) {
    const Result<std::string> why = why_not(context, wish, row);
    if (!why) return why.error();
    if (why->empty() || ++count > provisioning::table_problems_max) continue;
    problems += (problems.empty() ? "" : "\n") + wish.table + ":" + std::to_string(row.line) +
                ":1: " + *why;
  }
  if (problems.empty()) return {};
  return Failure(Errc::invalid_argument, problems);
}

// One problem a line, for people.
int fail_with_problems(const Context& context, const Failure& failure) {
  constexpr const char* outcome = "no ticket was made";
  const bool is_unreached = !failure.is(Errc::invalid_argument) && !failure.is(Errc::exists);
  if (context.json || is_unreached) return context.fail(failure);
  std::istringstream lines(failure.diagnostics);
  for (std::string line; std::getline(lines, line);) context.err << printable(line) << "\n";
  return context.fail(daemon::exit_failed, outcome);
}

// So that a folder that cannot be written is known before the first ticket.
Status make_folders(const std::vector<Prepared>& sites) {
  for (const auto& [row, path] : sites) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    if (Status made = make_directories(folder); !made) return made;
    if (::access(folder.c_str(), W_OK) != 0) return errno_failure(errno, folder);
  }
  return {};
}

// One ticket, and its document on disk; a ticket whose document cannot be written is revoked.
Result<boost::json::object> make_one(const Context& context, const SitesWish& wish,
                                     const Prepared& site) {
  TicketWish ticket_wish = wish.ticket;
  ticket_wish.site = site.row.site;
  ticket_wish.name = site.row.name;
  auto request = ticket_request(ticket_wish);
  if (!request) return request.error();
  const auto answer = ask_as_user(context, std::move(*request));
  if (answer.has_error()) return answer.error();
  const JsonView made(*answer);
  const auto write = [&]() -> Status {
    const Result<provisioning::Ticket> ticket = provisioning::parse_ticket(made.text("text"));
    if (!ticket) return ticket.error();
    SiteDocument document = site.row.document;
    document.ticket = *ticket;
    const Result<std::string> text =
        format_site_document(document, about(site.row.site, site.row.name));
    if (!text) return text.error();
    return write_file_atomically(site.path, *text, 0600);
  };
  if (const Status written = write(); !written) {
    const auto revoked =
        ask_as_user(context, {{"command", "ticket-revoke"}, {"ticket", made.whole("ticket")}});
    return Failure(written.error().code,
                   written.error().diagnostics +
                       (revoked.has_error() ? "; revoke ticket " : "; revoked was its ticket ") +
                       std::to_string(made.whole("ticket")));
  }
  return boost::json::object{{"site", site.row.site},
                             {"file", site.path},
                             {"ticket", made.whole("ticket")},
                             {"expires_us", made.whole("expires_us")}};
}

}  // namespace

int make_site_config(const Context& context, const SiteWish& wish) {
  const Result<SiteDocument> document = document_of(wish);
  if (!document)
    return context.fail(
        document.error().is(Errc::invalid_argument) ? daemon::exit_usage : daemon::exit_failed,
        document.error().diagnostics);
  const Result<std::string> text = format_site_document(*document, about("", ""));
  if (!text) return context.fail(daemon::exit_failed, text.error().diagnostics);
  if (context.json)
    context.print_json("site-config/1", boost::json::object{{"toml", *text}});
  else
    context.out << *text;
  return daemon::exit_ok;
}

int make_site_configs(const Context& context, const SitesWish& wish) {
  const auto sites = read_table(wish);
  if (!sites) return fail_with_problems(context, sites.error());
  if (const Status asked = ask_beforehand(context, wish, *sites); !asked)
    return fail_with_problems(context, asked.error());
  if (const Status made = make_folders(*sites); !made)
    return context.fail(daemon::exit_failed, made.error().diagnostics);
  std::size_t count = 0;
  for (const Prepared& site : *sites) {
    const auto made = make_one(context, wish, site);
    if (!made)
      return context.fail(daemon::exit_failed, site.row.site + ": " + made.error().diagnostics,
                          std::to_string(count) + " of " + std::to_string(sites->size()) +
                              " sites are done. Mend it, and say the same with --skip-existing");
    ++count;
    if (context.json)
      context.print_json("site-config/1", *made);
    else
      context.out << site.row.site << "  " << site.path << "  ticket "
                  << made->at("ticket").as_int64() << ", expires "
                  << local_time(made->at("expires_us").as_int64(), false) << "\n";
  }
  return daemon::exit_ok;
}

}  // namespace alarmwire::cli
