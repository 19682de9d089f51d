#include "edge/status/page/config.hpp"

namespace alarmwire::page {

Config read_config(config::Table table) {
  Config config;
  config.address = table.string("address", "");
  config.port = static_cast<std::uint16_t>(table.integer("port", default_port, 1, 65'535));
  if (!config.address.empty() && !smtp::parse_address(config.address))
    table.problem("address", "an IP address of the box in its LAN is wanted, like 192.168.1.2");
  if (config.address.empty() && table.exists())
    table.problem("address", "[page] needs the box's address in its LAN");
  for (const std::string& text : table.strings("allowed", {})) {
    const auto network = smtp::Network::parse(text);
    if (network)
      config.allowed.push_back(*network);
    else
      table.problem("allowed", "\"" + text + "\" is no network, say 192.168.1.0/24 or fd00::/8");
  }
  return config;
}

}  // namespace alarmwire::page
