// [smtp], [smtp.limits], [smtp.tls], [[smtp.user]] and [[smtp.listener]] of the box's
// configuration, and the door's keys of a [[device]] (docs/configuration.md lists them). Values;
// start-up and SIGHUP.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "edge/smtp/intake.hpp"
#include "edge/smtp/limits.hpp"
#include "edge/smtp/network.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t listeners_max = 32;
inline constexpr std::size_t users_max = 10'000;
inline constexpr std::size_t user_bytes_max = 255;
inline constexpr std::size_t password_bytes_max = 1024;
inline constexpr std::size_t certificate_names_max = 100;
// OpenSSL's levels: 2 is Debian's default; 1 lets SHA-1 and 1024-bit Diffie-Hellman in; 0 TLS 1.0
// and 1.1 as well.
inline constexpr int tls_level_default = 2;

struct ListenerConfig {
  std::string name = "lan";
  std::string address = "0.0.0.0";
  std::uint16_t port = 25;
  std::string hostname;  // in the greeting; empty: the door's
  ReplyMode reply = ReplyMode::assured;
  std::chrono::milliseconds ack_wait{5000};  // for whoever implements Intake
  std::vector<Network> allowed;              // empty: everybody
  TlsMode tls = TlsMode::offered;
  int tls_level = tls_level_default;
  AuthMode auth = AuthMode::optional;
  bool auth_in_clear = true;

  bool is_legacy() const { return tls != TlsMode::off && tls_level < tls_level_default; }
  bool allows(const AddressBytes& peer) const;
};

// The box's certificate: one of its own making, or files.
struct TlsConfig {
  std::string directory;           // of its own CA; empty: TLS is not available without own files
  std::string certificate_file;    // PEM, the chain behind it
  std::string key_file;            // PEM
  std::vector<std::string> names;  // beside the host names of door and listeners
  std::vector<std::string> addresses;  // beside those that are listened on
};

// What the door remembers of its devices over a restart.
struct MemoryConfig {
  std::string file;                                                // empty: nothing is remembered
  std::chrono::milliseconds pause_min = std::chrono::minutes(10);  // between two writes
};

// Ports 25 and 587 with STARTTLS, 465 with TLS from the first byte.
std::vector<ListenerConfig> default_listeners();

struct Config {
  std::string hostname = "edge.internal";
  std::vector<std::string> zones{"internal"};
  Limits limits;
  TlsConfig tls;
  MemoryConfig memory;
  std::shared_ptr<const Credentials> credentials;
  std::vector<ListenerConfig> listeners = default_listeners();

  // What the sessions of a listener share.
  SessionSettings session_settings(const ListenerConfig& listener) const;
};

// Reads `smtp` of the root table; problems are recorded there.
Config parse_config(config::Table& root);

// The door's keys of one [[device]] table.
DeviceOptions parse_device_options(config::Table& device);

}  // namespace alarmwire::smtp
