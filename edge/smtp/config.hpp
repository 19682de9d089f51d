// [smtp], [smtp.limits] and [[smtp.listener]] of the box's configuration (docs/smtp.md lists the
// keys). Values; start-up and SIGHUP.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "edge/smtp/intake.hpp"
#include "edge/smtp/limits.hpp"
#include "edge/smtp/network.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t listeners_max = 32;

struct ListenerConfig {
  std::string name = "lan";
  std::string address = "0.0.0.0";
  std::uint16_t port = 25;
  std::string hostname;  // in the greeting; empty: the door's
  ReplyMode reply = ReplyMode::assured;
  std::chrono::milliseconds ack_wait{5000};  // for whoever implements Intake
  std::vector<Network> allowed;              // empty: everybody

  bool allows(const AddressBytes& peer) const;
};

struct Config {
  std::string hostname = "edge.internal";
  std::vector<std::string> zones{"internal"};
  Limits limits;
  std::vector<ListenerConfig> listeners{ListenerConfig{}};

  // What the sessions of a listener share.
  SessionSettings session_settings(const ListenerConfig& listener) const;
};

// Reads `smtp` of the root table; problems are recorded there.
Config parse_config(config::Table& root);

}  // namespace alarmwire::smtp
