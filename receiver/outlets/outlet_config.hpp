// The `[[outlet]]` tables of the configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "receiver/outlets/compose.hpp"

namespace alarmwire::outlets {

inline constexpr std::size_t outlets_max = 16;
inline constexpr std::size_t connections_max = 16;

enum class Tls : std::uint8_t { none, starttls, smtps };

struct SmtpConfig {
  std::string name = "ebues";
  std::string host = "127.0.0.1";
  std::uint16_t port = 25;
  Tls tls = Tls::none;
  std::string ca_file;  // empty: the system's
  bool verify = true;
  std::string username;  // empty: no AUTH
  std::string password;
  std::string ehlo_name = "alarmwire.internal";
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds total_timeout{30'000};  // of one mail; large ones get more
  std::chrono::milliseconds warm_every{30'000};     // NOOP on an idle connection; 0: never
  std::size_t connections = 4;
  std::chrono::milliseconds stalled_after{60'000};  // the far side unreachable: then it is a fault
  sites::Language language = sites::Language::de;
  SubjectMarks marks;  // which marks go into the subject; default: none
  std::chrono::milliseconds late_after{60'000};
  std::string test_address;  // the only one that tests are sent to; empty: tests stay here

  std::string target() const;  // "10.0.0.5:25", "[::1]:25"
  bool operator==(const SmtpConfig&) const = default;
};

// What an outlet takes from the centre unless it says otherwise.
struct OutletDefaults {
  std::string hostname;  // empty: the machine's own
  sites::Language language = sites::Language::de;
};

// Problems are recorded in the tables (file:line:col); the answer counts only if the reader's
// finish() is ok. Reads password files.
std::vector<SmtpConfig> read_outlets(config::Table root, const OutletDefaults& defaults = {});

}  // namespace alarmwire::outlets
