// [page] of edge.toml. Thread-safety: values; start-up only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "edge/smtp/network.hpp"

namespace alarmwire::page {

inline constexpr std::uint16_t default_port = 80;

struct Config {
  std::string address;  // "": no page
  std::uint16_t port = default_port;
  std::vector<smtp::Network> allowed;  // empty: private_networks()

  bool is_wanted() const { return !address.empty(); }
};

Config read_config(config::Table table);

}  // namespace alarmwire::page
