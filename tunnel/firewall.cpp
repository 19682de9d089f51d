#include "tunnel/firewall.hpp"

#include "tunnel/device.hpp"
#include "tunnel/process.hpp"

namespace alarmwire::tunnel::firewall {
namespace {

constexpr const char* nft_path = "/usr/sbin/nft";

std::string set_of(const std::vector<std::uint16_t>& ports) {
  std::string text;
  for (const std::uint16_t port : ports) text += (text.empty() ? "" : ", ") + std::to_string(port);
  return "{ " + text + " }";
}

std::string port_rules(const Rules& rules) {
  if (rules.allow_tcp_ports.empty()) return {};
  return "    ip6 daddr " + rules.own_address.to_string() + " tcp dport " +
         set_of(rules.allow_tcp_ports) + " ct state new accept\n";
}

std::string more_ports_chain(const Rules& rules) {
  if (rules.more_listen_ports.empty()) return {};
  return "  chain more_ports {\n    type nat hook prerouting priority dstnat; policy accept;\n"
         "    iifname != \"" +
         rules.interface + "\" fib daddr type local udp dport " + set_of(rules.more_listen_ports) +
         " redirect to :" + std::to_string(rules.listen_port) + "\n  }\n";
}

std::string ports_text(const Guarded& guarded) {
  const std::string link = std::to_string(guarded.link_port);
  if (guarded.enrolment_port == 0) return link;
  return "{ " + link + ", " + std::to_string(guarded.enrolment_port) + " }";
}

std::string bootstrap_set(const Rules& rules) {
  if (rules.bootstrap.empty()) return {};
  std::string text = "  set bootstrap {\n    type ipv6_addr\n    elements = { ";
  for (std::size_t i = 0; i < rules.bootstrap.size(); ++i)
    text += (i > 0 ? ", " : "") + rules.bootstrap[i].to_string();
  return text + " }\n  }\n";
}

std::string bootstrap_rules(const Rules& rules) {
  if (rules.bootstrap.empty()) return {};
  return "    ip6 saddr @bootstrap ip6 daddr " + rules.own_address.to_string() + " tcp dport " +
         std::to_string(rules.enrolment_port) +
         " ct state new accept\n"
         "    ip6 saddr @bootstrap counter drop\n";
}

// Who may not begin a connection cannot reach anybody: so only first packets are looked at, and the
// door's connections need not be tracked. Refused, not dropped: the caller knows at once. Asked is
// "is it he": packets of the kernel itself have no user, and "is it another" would be false too.
// The kernel's WireGuard sends his data on in his name; nobody without CAP_NET_ADMIN sets a mark.
std::string guard_chains(const Rules& rules) {
  if (!rules.guarded) return {};
  const Guarded& guarded = *rules.guarded;
  std::string text = "  chain of_guarded {\n";
  text += "    meta l4proto tcp tcp flags & (syn | ack) != syn accept\n";
  text += "    oifname \"" + rules.interface + "\" ip6 daddr " + guarded.centre.to_string() +
          " tcp dport " + ports_text(guarded) + " accept\n";
  text += "    meta mark " + std::to_string(outer_packet_mark) + " accept\n";
  text += "    counter reject\n  }\n";
  text += "  chain guarded {\n    type filter hook output priority filter - 1; policy accept;\n";
  return text + "    meta skuid " + std::to_string(guarded.uid) + " jump of_guarded\n  }\n";
}

}  // namespace

std::string table_name(const std::string& interface) {
  return "alarmwire_" + interface;
}

std::string removal(const std::string& interface) {
  // Declaring it first makes the deletion succeed whether it was there or not.
  const std::string table = "table inet " + table_name(interface);
  return table + " {}\ndelete " + table + "\n";
}

std::string ruleset(const Rules& rules) {
  const std::string prefix = rules.prefix.to_string();
  const std::string own = rules.own_address.to_string();
  const std::string link = "\"" + rules.interface + "\"";
  std::string text = removal(rules.interface);
  text += "table inet " + table_name(rules.interface) + " {\n";
  text += bootstrap_set(rules);
  text += "  chain from_tunnel {\n";
  text += "    ip6 saddr != " + prefix + " counter drop\n";
  text += "    ct state established,related accept\n";
  text += "    ct state invalid counter drop\n";
  text += bootstrap_rules(rules);
  text += port_rules(rules);
  // Errors make path MTU and refused ports known; a few pings serve people who search a fault.
  text +=
      "    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded,"
      " parameter-problem } accept\n";
  text += "    icmpv6 type echo-request limit rate 20/second accept\n";
  text += "    counter drop\n  }\n";
  text += "  chain input {\n    type filter hook input priority filter; policy accept;\n";
  text += "    iifname " + link + " jump from_tunnel\n";
  text += "    iifname " + link + " accept\n";
  text += "    iifname \"lo\" ip6 saddr " + own + " accept\n";
  text += "    ip6 daddr " + prefix + " counter drop\n";
  text += "    ip6 saddr " + prefix + " counter drop\n  }\n";
  text += "  chain forward {\n    type filter hook forward priority filter; policy accept;\n";
  text += "    iifname " + link + " counter drop\n";
  text += "    oifname " + link + " counter drop\n";
  text += "    ip6 daddr " + prefix + " counter drop\n";
  text += "    ip6 saddr " + prefix + " counter drop\n  }\n";
  text += "  chain output {\n    type filter hook output priority filter; policy accept;\n";
  text += "    oifname " + link + " ip6 saddr " + own + " ip6 daddr " + prefix + " accept\n";
  text += "    oifname " + link + " counter drop\n";
  text += "    oifname \"lo\" accept\n";
  text += "    ip6 daddr " + prefix + " counter drop\n";
  text += "    ip6 saddr " + prefix + " counter drop\n  }\n";
  text += more_ports_chain(rules);
  text += guard_chains(rules);
  return text + "}\n";
}

Status apply(const std::string& text) {
  const Result<process::Outcome> outcome =
      process::run({nft_path, "-f", "-"}, text, std::chrono::milliseconds(nft_wait_ms));
  if (!outcome) return outcome.error();
  if (outcome->exit_code == 0) return {};
  const bool is_denied = outcome->output.find("not permitted") != std::string::npos;
  return Failure(is_denied ? Errc::denied : Errc::io, "nft said: " + outcome->output);
}

}  // namespace alarmwire::tunnel::firewall
