#include "cli/app.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "cli/alarm_commands.hpp"
#include "cli/audit_commands.hpp"
#include "cli/context.hpp"
#include "cli/daemon_commands.hpp"
#include "cli/device_commands.hpp"
#include "cli/doctor.hpp"
#include "cli/local_commands.hpp"
#include "cli/provisioning_commands.hpp"
#include "cli/setup.hpp"
#include "cli/site_commands.hpp"
#include "cli/test_mail.hpp"
#include "common/text.hpp"
#include "provisioning/qr/label_sheet.hpp"

namespace alarmwire::cli {
namespace {

constexpr std::int64_t alarms_listed_max = 1000;

// What the words on the command line chose and filled in.
struct Wish {
  std::function<int(const Context&)> action;
  std::string id;
  std::string name;
  std::string box;
  std::string file;
  std::string prefix;
  std::string key;
  std::string role;
  std::string maker;
  AlarmList list;
  TicketWish ticket;
  EnrolWish enrolment;
  SiteWish site;
  SitesWish sites;
  std::int64_t number = 0;
  TestMail test;
  SetupWish setup;
  DoctorWish doctor;
  bool watch = false;
  bool raw = false;
  std::string audit_file;
  std::string certificate_file;  // not `file`: that has the default of a key's
  bool der = false;
};

CLI::App* noun(CLI::App& app, const char* name, const char* about) {
  CLI::App* const sub = app.add_subcommand(name, about);
  sub->require_subcommand(1);
  sub->fallthrough();
  return sub;
}

CLI::App* verb(CLI::App* above, Wish& wish, const char* name, const char* about,
               std::function<int(const Context&)> action) {
  CLI::App* const sub = above->add_subcommand(name, about);
  sub->fallthrough();
  sub->callback([&wish, action = std::move(action)] { wish.action = action; });
  return sub;
}

void add_alarm_commands(CLI::App& app, Wish& wish) {
  CLI::App* const alarm = noun(app, "alarm", "Alarms: mails, faults and their ends");
  CLI::App* const list =
      verb(alarm, wish, "list", "The newest alarms",
           [&](const Context& context) { return list_alarms(context, wish.list); });
  list->add_option("--box", wish.list.box, "Only of this box (at the centre)");
  list->add_option("--limit", wish.list.limit, "How many at most")
      ->check(CLI::Range(std::int64_t{1}, alarms_listed_max))
      ->capture_default_str();
  list->add_flag("--waiting", wish.list.waiting,
                 "Only what waits to go on; at the centre also what is parked");
  CLI::App* const show =
      verb(alarm, wish, "show", "One alarm, its stages and its mail's header",
           [&](const Context& context) {
             return wish.raw ? write_raw_alarm(context, wish.id) : show_alarm(context, wish.id);
           });
  show->add_option("ID", wish.id, "The alarm's id")->required();
  show->add_flag("--raw", wish.raw, "Write the mail's bytes as they were received");
  verb(alarm, wish, "tail", "Each alarm as it comes", tail_alarms);
  verb(alarm, wish, "trace", "The way of an alarm, in milliseconds",
       [&](const Context& context) { return trace_alarm(context, wish.id); })
      ->add_option("ID", wish.id, "The alarm's id")
      ->required();
}

void add_test_mail(CLI::App& app, Wish& wish) {
  TestMail& test = wish.test;
  CLI::App* const sub =
      verb(&app, wish, "test-mail", "Send a test mail through the box's door, as a device would",
           [&](const Context& context) { return send_test_mail(context, test); });
  sub->add_option("--device", test.device, "With this device's sender and recipient");
  sub->add_option("--listener", test.listener, "Through this listener");
  sub->add_option("--security", test.security, "Without it: none where the listener has that")
      ->check(CLI::IsMember({"none", "starttls", "ssl"}));
  sub->add_option("--server", test.server, "The box's address, where it is not the listener's");
  sub->add_option("--to", test.recipient, "Another recipient");
  CLI::Option* const user = sub->add_option("--user", test.user, "Log in as this user");
  sub->add_option("--password-file", test.password_file, "Whose password is its first line")
      ->needs(user);
  user->needs(sub->get_option("--password-file"));
}

void add_device_commands(CLI::App& app, Wish& wish) {
  CLI::App* const device = noun(app, "device", "The box's devices");
  verb(device, wish, "list", "All devices, how they are known and what they sent", list_devices);
  const auto one = [&](const char* name, const char* about,
                       std::function<int(const Context&)> action) {
    CLI::App* const sub = verb(device, wish, name, about, std::move(action));
    sub->add_option("NAME", wish.name, "The device's name or address")->required();
    return sub;
  };
  one("show", "One device: how it is known, counters, last error, quirks",
      [&](const Context& context) { return show_device(context, wish.name); });
  one("dialogue", "What it said last, what is wrong with it, and what mends it",
      [&](const Context& context) { return show_dialogues(context, wish.name); });
  one("settings", "What to type into it", [&](const Context& context) {
    return show_settings(context, wish.name, wish.maker);
  })->add_option("--maker", wish.maker, "With hints for a maker's devices: hikvision, dahua, …");
}

void add_ticket_terms(CLI::App* sub, TicketWish& ticket) {
  sub->add_option("--expires", ticket.expires, "How long it is good: 90m, 12h, 7d");
  sub->add_option("--approve", ticket.approve, "Who lets the box in")
      ->check(CLI::IsMember({"auto", "manual"}));
  sub->add_option("--endpoint", ticket.endpoints,
                  "Where the box finds this centre, HOST:PORT (without: as configured)");
}

void add_ticket_pictures(CLI::App* sub, TicketWish& ticket) {
  sub->add_option("--png", ticket.png_file, "The QR code as a picture; the file to write");
  CLI::Option* const label = sub->add_option(
      "--label-pdf", ticket.label_file, "An A4 sheet with its label, as PDF; the file to write");
  sub->add_option("--label-place", ticket.label_place,
                  "Which of the sheet's eight labels, to use up one that was begun")
      ->check(CLI::Range(1, qr::labels_a_page))
      ->needs(label);
}

void add_box_commands(CLI::App& app, Wish& wish) {
  CLI::App* const box = noun(app, "box", "The centre's boxes");
  verb(box, wish, "list", "All boxes and how they are doing, and who waits for approval",
       list_boxes);
  const auto one = [&](const char* name, const char* about,
                       std::function<int(const Context&)> action) {
    CLI::App* const sub = verb(box, wish, name, about, std::move(action));
    sub->add_option("ID", wish.id, "The box's id")->required();
    return sub;
  };
  one("show", "A box that a ticket enrolled, with its six check words",
      [&](const Context& context) { return show_box(context, wish.id); });
  one("approve", "Let a box in that waits, after its six words were compared",
      [&](const Context& context) { return change_box(context, "approve", wish.id); });
  one("rotate", "Let a box change its key; it stays connected",
      [&](const Context& context) { return change_box(context, "rotate", wish.id); });
  CLI::App* const replace = one(
      "replace", "A ticket for a new box in its place; the old one is out once that is connected",
      [&](const Context& context) {
        wish.ticket.site = wish.id;
        wish.ticket.replaces = true;
        return create_ticket(context, wish.ticket);
      });
  add_ticket_terms(replace, wish.ticket);
  add_ticket_pictures(replace, wish.ticket);
  one("revoke", "Shut a box out; what it delivered stays",
      [&](const Context& context) { return change_box(context, "revoke", wish.id); });
  one("rename", "Another name for people; the id stays",
      [&](const Context& context) { return rename_box(context, wish.id, wish.name); })
      ->add_option("NAME", wish.name, "The new name")
      ->required();
}

// --expires, --approve, --endpoint.
void add_config_make(CLI::App* config, Wish& wish) {
  CLI::App* const make =
      verb(config, wish, "make", "An alarmwire.toml for a stick: ticket, network, devices",
           [&](const Context& context) {
             if (!wish.sites.table.empty()) return make_site_configs(context, wish.sites);
             if (!wish.site.ticket_file.empty()) return make_site_config(context, wish.site);
             return context.fail(daemon::exit_usage, "want --ticket-file FILE or --sites TABLE");
           });
  SiteWish& site = wish.site;
  CLI::Option* const file =
      make->add_option("--ticket-file", site.ticket_file, "The ticket's text; the rest to stdout");
  make->add_option("--lan", site.lan, "The devices' side: dhcp, or like 192.168.10.2/24")
      ->needs(file);
  make->add_option("--lan-vlan", site.lan_vlan, "Its VLAN")->needs(file);
  make->add_option("--uplink", site.uplink, "Towards the centre, where that is another port")
      ->needs(file);
  make->add_option("--uplink-vlan", site.uplink_vlan, "Its VLAN")->needs(file);
  make->add_option("--gateway", site.gateway, "The way out, without DHCP")->needs(file);
  make->add_option("--dns", site.dns, "Servers for names")->needs(file);
  make->add_option("--device", site.devices, "A device, NAME=ADDRESS or NAME=MAC")->needs(file);
  CLI::Option* const table =
      make->add_option("--sites", wish.sites.table, "Many: a table (CSV), one site a row")
          ->excludes(file);
  CLI::Option* const folder = make->add_option("--out", wish.sites.folder,
                                               "The folder that gets SITE/alarmwire.toml for each")
                                  ->needs(table);
  table->needs(folder);
  make->add_flag("--skip-existing", wish.sites.skip_existing, "Leave out sites that are there")
      ->needs(table);
  add_ticket_terms(make, wish.sites.ticket);
  for (const char* const terms : {"--expires", "--approve", "--endpoint"})
    make->get_option(terms)->needs(table);
}

void add_ticket_commands(CLI::App& app, Wish& wish) {
  CLI::App* const ticket = noun(app, "ticket", "The centre's tickets: the right to enrol one box");
  CLI::App* const create =
      verb(ticket, wish, "create", "A new ticket, as text and QR code",
           [&](const Context& context) { return create_ticket(context, wish.ticket); });
  create->add_option("--site", wish.ticket.site, "The id its box will have")->required();
  create->add_option("--name", wish.ticket.name, "The site's name, for people");
  add_ticket_terms(create, wish.ticket);
  add_ticket_pictures(create, wish.ticket);
  verb(ticket, wish, "list", "All tickets and what became of them", list_tickets);
  const auto one = [&](const char* name, const char* about,
                       std::function<int(const Context&)> action) {
    verb(ticket, wish, name, about, std::move(action))
        ->add_option("NUMBER", wish.number, "The ticket's number")
        ->required();
  };
  one("show", "One ticket; not its secret, which nobody has any more",
      [&](const Context& context) { return show_ticket(context, wish.number); });
  one("revoke", "Make a ticket worthless that was not used",
      [&](const Context& context) { return revoke_ticket(context, wish.number); });
  CLI::App* const audit = noun(app, "audit", "Who did what with tickets and boxes, and when");
  verb(audit, wish, "list", "All of it, oldest first", list_audit);
  verb(audit, wish, "export", "All of it as CSV (or --json), and whether it is as it was written",
       [&](const Context& context) { return export_audit(context, wish.audit_file); })
      ->add_option("--out", wish.audit_file, "The file to write; without it stdout");
  verb(audit, wish, "check", "Whether every line is as it was written", check_audit);
  CLI::App* const enrol_verb =
      verb(&app, wish, "enrol", "Enrol this box by a ticket: from stdin, a file or a photo",
           [&](const Context& context) { return enrol(context, wish.enrolment); });
  CLI::Option* const file = enrol_verb->add_option("--ticket-file", wish.enrolment.ticket_file,
                                                   "The ticket's text; - for stdin");
  enrol_verb->add_option("--qr", wish.enrolment.photo_file, "A photo of the code, PNG or JPEG")
      ->excludes(file);
  enrol_verb->add_flag("--anew", wish.enrolment.anew,
                       "Even if this box is enrolled: it gives that up at once");
}

void add_daemon_commands(CLI::App& app, Wish& wish) {
  verb(&app, wish, "status", "How the box or the centre is doing",
       [&](const Context& context) {
         return wish.watch ? watch_status(context) : show_status(context);
       })
      ->add_flag("--watch", wish.watch,
                 "Again every second, until interrupted (Ctrl-C); with --json one object a line");
  add_box_commands(app, wish);
  add_ticket_commands(app, wish);
  add_device_commands(app, wish);
  CLI::App* const certificate = noun(app, "certificate", "What devices need to trust the box");
  verb(certificate, wish, "show", "Names, fingerprints, and how long it is valid",
       show_certificate);
  CLI::App* const export_verb =
      verb(certificate, wish, "export", "The box's own authority, to import into devices",
           [&](const Context& context) {
             return export_certificate(context, wish.der, wish.certificate_file);
           });
  export_verb->add_flag("--der", wish.der, "In DER; without it in PEM");
  export_verb->add_option("--out", wish.certificate_file, "The file to write; without it stdout");
  CLI::App* const outlet = noun(app, "outlet", "The centre's ways out");
  verb(outlet, wish, "list", "All outlets and what waits there", list_outlets);
  verb(outlet, wish, "test", "Send one test mail",
       [&](const Context& context) { return test_outlet(context, wish.name); })
      ->add_option("NAME", wish.name, "The outlet's name")
      ->required();
  CLI::App* const retry =
      verb(outlet, wish, "retry", "Offer parked and refused alarms again",
           [&](const Context& context) { return retry_outlet(context, wish.name, wish.box); });
  retry->add_option("NAME", wish.name, "The outlet's name")->required();
  retry->add_option("--box", wish.box, "Only of this box");
  verb(outlet, wish, "drop", "Give up what an outlet no longer configured has left behind",
       [&](const Context& context) { return drop_outlet(context, wish.name); })
      ->add_option("NAME", wish.name, "The outlet's former name")
      ->required();
}

void add_local_commands(CLI::App& app, Wish& wish) {
  CLI::App* const key = noun(app, "key", "Keys and addresses of the tunnel");
  verb(key, wish, "generate", "Make a private key file; prints the public key",
       [&](const Context& context) { return generate_key(context, wish.file); })
      ->add_option("--out", wish.file, "The private key's file; must not exist")
      ->default_val("alarmwire.key");
  verb(key, wish, "public", "The public key of a private key file",
       [&](const Context& context) { return print_public_key(context, wish.file); })
      ->add_option("FILE", wish.file, "The private key's file")
      ->required();
  verb(key, wish, "prefix", "A random address range for a new installation", print_random_prefix);
  CLI::App* const address =
      verb(key, wish, "address", "The tunnel address of a public key",
           [&](const Context& context) { return print_address(context, wish.prefix, wish.key); });
  address->add_option("--prefix", wish.prefix, "The installation's range, from key prefix")
      ->required();
  address->add_option("PUBLICKEY", wish.key, "The public key")->required();
  CLI::App* const config = noun(app, "config", "Configuration files");
  add_config_make(config, wish);
  CLI::App* const check =
      verb(config, wish, "check", "Say what is wrong with a file",
           [&](const Context& context) { return check_config(context, wish.file, wish.role); });
  check->add_option("FILE", wish.file, "For example /etc/alarmwire/edge.toml")->required();
  check->add_option("--for", wish.role, "Whose file it is, when its name does not say so")
      ->check(CLI::IsMember({"edge", "receiver", "tunnel"}));
}

void add_setup_commands(CLI::App& app, Wish& wish) {
  CLI::App* const setup_verb =
      verb(&app, wish, "setup", "Make a centre: key, range, ports, data folder, EBÜS",
           [&](const Context& context) { return setup(context, wish.setup, std::cin); });
  setup_verb->add_option("--config", wish.setup.answers_file, "The answers, in place of questions");
  setup_verb->add_flag("--no-input", wish.setup.no_input, "Never ask");
  setup_verb->add_flag("--anew", wish.setup.anew, "In place of an earlier setup; the key stays");
  setup_verb->add_option("--folder", wish.setup.folder, "Where the configuration stands")
      ->capture_default_str();
  verb(&app, wish, "doctor", "Look at all that this box or centre needs",
       [&](const Context& context) { return doctor(context, wish.doctor); })
      ->add_option("--config", wish.doctor.config_file,
                   "The daemon's configuration; without it the one in /etc/alarmwire");
}

// The first word that is no command, and the command it was probably meant to be.
std::string suggestion(CLI::App& app, int argc, const char* const* argv) {
  CLI::App* at = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--socket") ++i;
    if (word.starts_with('-')) continue;
    const auto below = at->get_subcommands([](const CLI::App*) { return true; });
    if (below.empty()) return {};
    CLI::App* next = nullptr;
    std::string nearest;
    std::size_t least = 3;
    for (CLI::App* const sub : below) {
      if (sub->get_name() == word) next = sub;
      const std::size_t distance = edit_distance(sub->get_name(), word);
      if (distance < least) {
        least = distance;
        nearest = sub->get_name();
      }
    }
    if (next == nullptr)
      return "no such command: " + printable(word, 100) +
             (nearest.empty() ? "" : ", did you mean " + nearest + "?");
    at = next;
  }
  return {};
}

int report_parse_error(CLI::App& app, const CLI::ParseError& error, int argc,
                       const char* const* argv, Context& context) {
  if (error.get_exit_code() == 0) {  // --help, --version
    app.exit(error, context.out, context.err);
    return daemon::exit_ok;
  }
  // The flag may stand behind the word that is wrong, where the parser has not come to.
  context.json = std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
  const std::string suggested = suggestion(app, argc, argv);
  return context.fail(daemon::exit_usage,
                      suggested.empty() ? printable(error.what(), 400) : suggested,
                      "alarmwire --help says what there is");
}

bool is_terminal(const std::ostream& out) {
  return &out == &std::cout && ::isatty(STDOUT_FILENO) == 1;
}

bool wants_colour(const std::ostream& out) {
  const char* const no_colour = std::getenv("NO_COLOR");
  return is_terminal(out) && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("Alarms of a site's devices, safely to the receiving centre.", "alarmwire");
  Wish wish;
  Context context{out, err, false, wants_colour(out), "", is_terminal(out)};
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("alarmwire ") + ALARMWIRE_VERSION);
  app.add_flag("--json", context.json, "Answer in JSON, with a versioned schema");
  app.add_option("--socket", context.socket,
                 "The daemon's control socket (default: the one running on this machine)")
      ->envname("ALARMWIRE_SOCKET");
  add_daemon_commands(app, wish);
  add_test_mail(app, wish);
  add_alarm_commands(app, wish);
  add_local_commands(app, wish);
  add_setup_commands(app, wish);
  try {
    app.parse(argc, argv);
    return wish.action(context);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(app, error, argc, argv, context);
  } catch (const std::exception& error) {
    return context.fail(daemon::exit_failed, printable(error.what(), 400));
  }
}

}  // namespace alarmwire::cli
