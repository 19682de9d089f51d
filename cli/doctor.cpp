#include "cli/doctor.hpp"

#include <array>
#include <filesystem>

#include "cli/json_view.hpp"
#include "cli/mail_client.hpp"
#include "common/config.hpp"
#include "tunnel/config.hpp"

namespace alarmwire::cli {
namespace {

constexpr std::array<const char*, 2> default_configs{"/etc/alarmwire/edge.toml",
                                                     "/etc/alarmwire/receiver.toml"};
constexpr WallTimeUs certificate_note_us = 14ll * 86'400 * 1'000'000;

struct Outlet {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;  // from the first byte
};

// What the checks need of the configuration; it is judged as a whole by the daemons' own check.
struct Facts {
  std::string role;  // edge, receiver
  std::string user;
  std::string socket;
  std::string store_about;
  std::string store;  // the folder that alarms lie in
  std::vector<Outlet> outlets;
  tunnel::Settings tunnel;
};

Facts facts_of(config::Table root) {
  Facts facts;
  facts.tunnel = tunnel::read_settings(root, tunnel::KeyFiles::leave);
  const bool edge = facts.tunnel.role == tunnel::Role::box;
  facts.role = edge ? "edge" : "receiver";
  config::Table own = root.table(facts.role);
  facts.user = own.string("user", "alarmwire-" + facts.role);
  facts.socket = own.string("control_socket", "/run/alarmwire/" + facts.role + ".sock");
  const std::string state = own.string("state_directory", "/var/lib/alarmwire/" + facts.role);
  facts.store_about = edge ? "spool" : "ledger";
  facts.store = root.table(facts.store_about).string("directory", state + "/" + facts.store_about);
  for (config::Table outlet : root.tables("outlet")) {
    const bool smtps = outlet.string("tls", "none") == "smtps";
    facts.outlets.push_back(
        {outlet.string("name", "ebues"), outlet.string("host", ""),
         static_cast<std::uint16_t>(outlet.integer("port", smtps ? 465 : 25, 1, 65535)), smtps});
  }
  return facts;
}

Check verdict_of(const JsonView& status) {
  const std::string verdict = status.text("verdict");
  const std::string reason = status.text("verdict_reason");
  Check check{"daemon", Verdict::good, verdict + (reason.empty() ? "" : ": " + reason), ""};
  if (verdict != "green") {
    check.verdict = verdict == "amber" ? Verdict::note : Verdict::bad;
    check.advice = "alarmwire status says more; the runbook has an entry for each fault";
  }
  return check;
}

void examine_door(const JsonView& status, std::vector<Check>& checks) {
  for (const JsonView& listener : status.at("door").at("listeners").items())
    checks.push_back(check_greeting(
        "door " + listener.text("name"), loopback_for(listener.text("address")),
        static_cast<std::uint16_t>(listener.whole("port")), listener.text("tls") == "implicit"));
}

void examine_certificate(const Context& context, std::vector<Check>& checks) {
  const auto answer = ask(context, {{"command", "certificate"}});
  if (answer.has_error()) return;  // the door has none
  const JsonView certificate(*answer);
  if (!certificate.flag("available")) return;
  const WallTimeUs left_us = certificate.whole("valid_until_us") - wall_now_us();
  Check check{"certificate", Verdict::good,
              "valid for " + std::to_string(left_us / (86'400ll * 1'000'000)) + " days", ""};
  if (left_us < certificate_note_us) {
    check.verdict = left_us <= 0 ? Verdict::bad : Verdict::note;
    if (left_us <= 0) check.seen = "no longer valid: devices that check it send nothing";
    check.advice = certificate.flag("own_authority")
                       ? "is the clock right? The box renews it itself"
                       : "put a new one into smtp.tls.certificate_file";
  }
  checks.push_back(std::move(check));
}

// True: alarmwire-tunnel answers.
bool examine_tunnel(const Facts& facts, std::vector<Check>& checks) {
  auto client = control::Client::connect(facts.tunnel.control_socket);
  const auto status = client.has_error() ? Result<boost::json::value>(client.error())
                                         : client->call({{"command", "status"}}, answer_within);
  if (status.has_error()) {
    checks.push_back({"alarmwire-tunnel", Verdict::bad, status.error().diagnostics,
                      "systemctl status alarmwire-tunnel, and journalctl -u alarmwire-tunnel"});
    return false;
  }
  const JsonView view(*status);
  checks.push_back(
      {"alarmwire-tunnel", Verdict::good, view.text("backend") + ", " + view.text("address"), ""});
  return true;
}

void examine_daemon(const Context& context, const Facts& facts, std::vector<Check>& checks) {
  Context asked = context;
  if (asked.socket.empty()) asked.socket = facts.socket;
  const auto answer = ask(asked, {{"command", "status"}});
  if (answer.has_error()) {
    const std::string unit = "alarmwire-" + facts.role;
    checks.push_back({unit, Verdict::bad, answer.error().diagnostics,
                      "systemctl status " + unit + ", and journalctl -u " + unit});
    return;
  }
  const JsonView status(*answer);
  checks.push_back(verdict_of(status));
  if (facts.role != "edge") return;
  examine_door(status, checks);
  examine_certificate(asked, checks);
}

void examine_names(const Facts& facts, std::vector<Check>& checks) {
  for (const tunnel::PeerSettings& peer : facts.tunnel.peers)
    for (const tunnel::EndpointName& endpoint : peer.endpoints)
      checks.push_back(check_name(endpoint));
}

void examine_outlets(const Facts& facts, std::vector<Check>& checks) {
  for (const Outlet& outlet : facts.outlets)
    checks.push_back(check_greeting("outlet " + outlet.name, outlet.host, outlet.port, outlet.tls));
  if (facts.role == "receiver" && facts.outlets.empty())
    checks.push_back({"outlet", Verdict::note, "none: alarms are stored and go nowhere",
                      "an [[outlet]] for EBÜS, see the configuration reference"});
}

}  // namespace

std::vector<Check> examine(const Context& context, const std::string& config_file) {
  std::vector<Check> checks{check_clock(), check_wireguard()};
  Result<config::Reader> reader = config::load(config_file);
  if (reader.has_error()) {
    checks.push_back({"configuration", Verdict::bad, reader.error().diagnostics,
                      "alarmwire setup makes one for a centre"});
    return checks;
  }
  const Facts facts = facts_of(reader->root());
  for (const std::string& role : {facts.role, std::string("tunnel")})
    checks.push_back(check_config_for(role, config_file));
  checks.push_back(check_account(facts.user));
  checks.push_back(check_disk(facts.store_about, facts.store));
  const bool tunnel_runs = examine_tunnel(facts, checks);
  if (facts.tunnel.role == tunnel::Role::centre)
    checks.push_back(check_udp_port(facts.tunnel.listen_port, tunnel_runs));
  examine_names(facts, checks);
  examine_daemon(context, facts, checks);
  examine_outlets(facts, checks);
  return checks;
}

int doctor(const Context& context, const DoctorWish& wish) {
  std::string file = wish.config_file;
  std::error_code error;
  for (const char* const candidate : default_configs)
    if (file.empty() && std::filesystem::exists(candidate, error)) file = candidate;
  if (file.empty())
    return context.fail(
        daemon::exit_config,
        "there is neither /etc/alarmwire/edge.toml nor /etc/alarmwire/receiver.toml",
        "say --config FILE; alarmwire setup makes one for a centre");
  const std::vector<Check> checks = examine(context, file);
  if (context.json)
    context.print_json("doctor/1", to_json(checks));
  else
    render_checks(context.out, checks, context.colour);
  return exit_code_of(worst_of(checks));
}

}  // namespace alarmwire::cli
