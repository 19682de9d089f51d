// `alarmwire config make`: prepares alarmwire.toml for boxes at sites without phone or browser; one
// from a ticket that is there already, or many from a table, with the tickets made here.
#pragma once

#include <string>
#include <vector>

#include "cli/provisioning_commands.hpp"

namespace alarmwire::cli {

struct SiteWish {
  std::string ticket_file;
  std::string lan;  // "dhcp", "192.168.10.2/24"
  int lan_vlan = 0;
  std::string uplink;
  int uplink_vlan = 0;
  std::string gateway;
  std::vector<std::string> dns;
  std::vector<std::string> devices;  // "gate=192.168.10.21"
};
// To stdout; no daemon is asked.
int make_site_config(const Context& context, const SiteWish& wish);

struct SitesWish {
  std::string table;   // CSV: provisioning/site_table.hpp
  std::string folder;  // gets SITE/alarmwire.toml for each row
  bool skip_existing = false;
  TicketWish ticket;  // what all have in common
};
// No ticket is made before all rows, the centre's word on each and the folder are found right.
// Stops at the first failure after that; what is made until then stays, and is told.
int make_site_configs(const Context& context, const SitesWish& wish);

}  // namespace alarmwire::cli
