// What `alarmwire doctor` and `alarmwire setup` look at on this machine. A check says what it saw,
// and what mends it. Nothing is changed. Thread-safety: the main thread (children are started).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "common/daemon.hpp"
#include "common/error.hpp"
#include "tunnel/address.hpp"

namespace alarmwire::cli {

enum class Verdict : std::uint8_t {
  good,
  note,  // alarms get through, but somebody should look
  bad,   // alarms do not get through, or will not for long
};

struct Check {
  std::string about;
  Verdict verdict = Verdict::good;
  std::string seen;
  std::string advice;  // "" when good
};

inline constexpr double disk_used_note = 0.80;
inline constexpr std::uint64_t disk_free_least_bytes = 64ull << 20;

Check check_clock();
// The file system of `directory`, or of the folder where it would be made.
Check check_disk(const std::string& about, const std::string& directory);
// The rule alone, for tests.
Check judge_disk(const std::string& about, const std::string& place, double used_ratio,
                 std::uint64_t free_bytes, bool read_only);
// Is there a WireGuard, of the kernel or wireguard-go?
Check check_wireguard();
// Can a centre listen there, or does ours already (`ours`: alarmwire-tunnel runs)?
Check check_udp_port(std::uint16_t port, bool ours);
// By the program's own --check-config.
Check check_config_for(const std::string& role, const std::string& file);
Check check_account(const std::string& name);
Check check_name(const tunnel::EndpointName& endpoint);
// Connects and waits for 220. `tls`: from the first byte on; the certificate is not judged.
Check check_greeting(const std::string& about, const std::string& host, std::uint16_t port,
                     bool tls);

// The worst of them.
Verdict worst_of(const std::vector<Check>& checks);
// 0 good, 3 note, 1 bad.
daemon::ExitCode exit_code_of(Verdict verdict);
void render_checks(std::ostream& out, const std::vector<Check>& checks, bool colour);
boost::json::object to_json(const std::vector<Check>& checks);

}  // namespace alarmwire::cli
