#include "cli/checks.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/json/array.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "cli/local_commands.hpp"
#include "cli/mail_client.hpp"
#include "cli/render.hpp"
#include "common/account.hpp"
#include "common/clock.hpp"
#include "common/text.hpp"
#include "tunnel/process.hpp"
#include "tunnel/resolver.hpp"

namespace alarmwire::cli {
namespace {

constexpr std::chrono::seconds greeting_within{5};
constexpr std::chrono::seconds program_within{20};
// 2026-01-01: older than this program no right clock can be.
constexpr WallTimeUs clock_floor_us = 1'767'225'600'000'000;

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "good";
    case Verdict::note:
      return "note";
    case Verdict::bad:
      return "bad";
  }
  return "";
}

const char* colour_of(Verdict verdict) {
  return verdict == Verdict::good ? "\x1b[32m" : verdict == Verdict::note ? "\x1b[33m" : "\x1b[31m";
}

bool runs(const std::vector<std::string>& words) {
  const auto outcome = tunnel::process::run(words, "", program_within);
  return outcome.has_value() && outcome->exit_code == 0;
}

bool is_in_search_path(const std::string& program) {
  for (const char* const folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"})
    if (::access((folder + program).c_str(), X_OK) == 0) return true;
  return false;
}

// The nearest folder above that is there.
std::filesystem::path existing(std::filesystem::path place) {
  std::error_code error;
  while (!std::filesystem::exists(place, error) && place.has_relative_path())
    place = place.parent_path();
  return place.empty() ? std::filesystem::path("/") : place;
}

Result<std::vector<tunnel::Endpoint>> resolve(const tunnel::EndpointName& name) {
  boost::asio::io_context context;
  tunnel::Resolver resolver(context);
  std::optional<Result<std::vector<tunnel::Endpoint>>> answer;
  resolver.resolve(name, [&](Result<std::vector<tunnel::Endpoint>> found) {
    answer.emplace(std::move(found));
    context.stop();
  });
  context.run();
  if (!answer) return Failure(Errc::timed_out, "no answer");
  return *answer;
}

}  // namespace

Check check_clock() {
  Check check{"clock", Verdict::good, "kept by a time service", ""};
  if (wall_now_us() < clock_floor_us) {
    check.verdict = Verdict::bad;
    check.seen = "it says " + local_time(wall_now_us(), false) + ", which cannot be";
    check.advice = "set it; times of alarms would be wrong, and certificates not yet valid";
    return check;
  }
  timex state{};
  const bool known = ::adjtimex(&state) >= 0;
  if (!known || (state.status & STA_UNSYNC) != 0) {
    check.verdict = Verdict::note;
    check.seen = "no time service keeps it right";
    check.advice = "install chrony, or check its servers: chronyc sources";
  }
  return check;
}

Check judge_disk(const std::string& about, const std::string& place, double used_ratio,
                 std::uint64_t free_bytes, bool read_only) {
  const std::string free = bytes_in_words(static_cast<std::int64_t>(free_bytes)) + " free";
  Check check{
      about, Verdict::good,
      place + ": " + free + ", " + std::to_string(static_cast<int>(used_ratio * 100)) + " % used",
      ""};
  if (read_only || free_bytes < disk_free_least_bytes) {
    check.verdict = Verdict::bad;
    if (read_only) check.seen = place + ": its file system is read-only";
    check.advice = read_only ? "look into the kernel's log for why, and at the disk's health"
                             : "make room: without it no alarm can be stored";
  } else if (used_ratio >= disk_used_note) {
    check.verdict = Verdict::note;
    check.advice = "make room, or enlarge the disk, before it is full";
  }
  return check;
}

Check check_disk(const std::string& about, const std::string& directory) {
  struct statvfs info {};
  const std::string place = existing(directory).string();
  if (::statvfs(place.c_str(), &info) != 0)
    return {about, Verdict::bad, place + ": " + std::strerror(errno), "is the disk mounted?"};
  const auto blocks = static_cast<double>(std::max<fsblkcnt_t>(info.f_blocks, 1));
  return judge_disk(about, directory, 1.0 - static_cast<double>(info.f_bavail) / blocks,
                    static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize,
                    (info.f_flag & ST_RDONLY) != 0);
}

Check check_wireguard() {
  const bool kernel = ::access("/sys/module/wireguard", F_OK) == 0 ||
                      runs({"/usr/bin/env", "modprobe", "--dry-run", "--quiet", "wireguard"});
  if (kernel) return {"wireguard", Verdict::good, "the kernel has it", ""};
  const bool go = is_in_search_path("wireguard-go");
  if (go && ::access("/dev/net/tun", F_OK) == 0)
    return {"wireguard", Verdict::good, "not in the kernel; wireguard-go is installed", ""};
  return {"wireguard", Verdict::bad,
          go ? "not in the kernel, and wireguard-go finds no /dev/net/tun"
             : "neither in the kernel nor as wireguard-go",
          go ? "load the module tun, or boot a kernel with WireGuard"
             : "apt install wireguard-go, or boot a kernel with WireGuard"};
}

Check check_udp_port(std::uint16_t port, bool ours) {
  const std::string about = "UDP port " + std::to_string(port);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  const int probe = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int bound = ::bind(probe, reinterpret_cast<const sockaddr*>(&any), sizeof any);
  const int reason = errno;
  if (probe >= 0) ::close(probe);
  if (bound == 0) {
    if (!ours) return {about, Verdict::good, "free", ""};
    return {about, Verdict::bad, "alarmwire-tunnel runs, but does not listen there",
            "systemctl restart alarmwire-tunnel, and read its log"};
  }
  if (ours && reason == EADDRINUSE) return {about, Verdict::good, "alarmwire-tunnel listens", ""};
  return {about, Verdict::bad,
          reason == EADDRINUSE ? "another program has it" : std::strerror(reason),
          "ss -lunp shows which; stop it, or choose another tunnel.listen_port"};
}

Check check_config_for(const std::string& role, const std::string& file) {
  const std::string about = "config of " + role;
  const auto outcome = tunnel::process::run(
      {"/usr/bin/env", program_of(role), "--config", file, "--check-config"}, "", program_within);
  if (outcome.has_error())
    return {about, Verdict::bad, outcome.error().diagnostics, "is the package installed?"};
  if (outcome->exit_code == daemon::exit_ok) return {about, Verdict::good, file, ""};
  return {about, Verdict::bad, outcome->output, "alarmwire config check " + file};
}

Check check_account(const std::string& name) {
  const std::string about = "account " + name;
  const Result<Account> account = find_account(name);
  if (account.has_value()) return {about, Verdict::good, "is there", ""};
  return {about, Verdict::bad, account.error().diagnostics, "systemd-sysusers makes it"};
}

Check check_name(const tunnel::EndpointName& endpoint) {
  const std::string about = "name " + endpoint.host;
  if (endpoint.literal()) return {about, Verdict::good, "an address", ""};
  const auto found = resolve(endpoint);
  if (found.has_value() && !found->empty())
    return {about, Verdict::good, found->front().to_string(), ""};
  return {about, Verdict::bad,
          found.has_error() ? found.error().diagnostics : std::string("has no address"),
          "check the DNS server of this machine: getent ahosts " + endpoint.host};
}

Check check_greeting(const std::string& about, const std::string& host, std::uint16_t port,
                     bool tls) {
  const std::string where = host + " port " + std::to_string(port);
  const auto bad = [&](const std::string& seen) {
    return Check{about, Verdict::bad, where + ": " + seen,
                 "is it running, and does a firewall on the way let this port through?"};
  };
  const auto found = resolve({host, port});
  if (found.has_error() || found->empty())
    return bad(found.has_error() ? found.error().diagnostics : "the name has no address");
  MailClient client(greeting_within);
  const auto address = tunnel::EndpointName::parse(found->front().to_string());
  const Status connected = client.connect(address ? address->host : host, port);
  if (connected.has_error()) return bad(connected.error().diagnostics);
  if (tls)
    if (const Status secured = client.start_tls("", host); secured.has_error())
      return bad(secured.error().diagnostics);
  const Result<std::string> greeting = client.reply();
  if (greeting.has_error()) return bad(greeting.error().diagnostics);
  if (!greeting->starts_with("220")) return bad("it says " + printable(*greeting, 120));
  return {about, Verdict::good, where + ": " + printable(*greeting, 120), ""};
}

Verdict worst_of(const std::vector<Check>& checks) {
  Verdict worst = Verdict::good;
  for (const Check& check : checks) worst = std::max(worst, check.verdict);
  return worst;
}

daemon::ExitCode exit_code_of(Verdict verdict) {
  if (verdict == Verdict::good) return daemon::exit_ok;
  return verdict == Verdict::note ? daemon::exit_degraded : daemon::exit_failed;
}

void render_checks(std::ostream& out, const std::vector<Check>& checks, bool colour) {
  std::size_t width = 0;
  for (const Check& check : checks) width = std::max(width, check.about.size());
  for (const Check& check : checks) {
    std::string mark = word(check.verdict);
    mark.resize(4, ' ');
    if (colour) mark = colour_of(check.verdict) + mark + "\x1b[0m";
    out << mark << "  " << check.about << std::string(width - check.about.size(), ' ') << "  "
        << printable(check.seen) << "\n";
    if (check.verdict != Verdict::good && !check.advice.empty())
      out << std::string(6 + width, ' ') << "  -> " << printable(check.advice) << "\n";
  }
}

boost::json::object to_json(const std::vector<Check>& checks) {
  boost::json::array list;
  for (const Check& check : checks)
    list.push_back(boost::json::object{{"about", check.about},
                                       {"verdict", word(check.verdict)},
                                       {"seen", scrub_utf8(check.seen)},
                                       {"advice", check.advice}});
  return {{"verdict", word(worst_of(checks))}, {"checks", std::move(list)}};
}

}  // namespace alarmwire::cli
