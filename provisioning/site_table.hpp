// A table of sites (CSV), one row a site, for preparing many sticks at once. Columns in any order,
// by the names in the first line: site, name, lan, lan_vlan, uplink, uplink_vlan, gateway, dns,
// devices. Cells are parted by comma, semicolon or tab, as the first line is; quotes as in RFC
// 4180. In `dns` several servers are parted by blanks or semicolons, in `devices` entries like
// gate=192.168.10.21 or gate=00:40:8c:12:34:56 by semicolons or line ends.
// Thread-safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "common/ids.hpp"
#include "provisioning/site_document.hpp"

namespace alarmwire::provisioning {

inline constexpr std::size_t table_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t sites_max = 5000;  // as many unused tickets as the centre keeps
inline constexpr std::size_t table_problems_max = 50;

struct SiteRow {
  std::size_t line = 0;
  BoxId site;
  std::string name;
  SiteDocument document;  // without a ticket
};

// Any bytes. Errc::invalid_argument with all problems, one a line, each as
// file:line:column: field: why.
Result<std::vector<SiteRow>> parse_site_table(std::string_view bytes, const std::string& file);

// "gate=192.168.10.21" or "gate=00:40:8c:12:34:56"; nothing where there is no "=".
std::optional<SiteDevice> parse_site_device(std::string_view text);

}  // namespace alarmwire::provisioning
