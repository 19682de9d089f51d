// `alarmwire.toml`: all that a box without phone and browser has to be told, on a stick or on its
// boot partition. The centre writes it (`alarmwire config make`), the box reads it:
//
//   ticket = "ALARMWIRE:0407…"
//   [network]            gateway = "192.168.10.1"   dns = ["192.168.10.1"]
//   [network.lan]        address = "192.168.10.2/24"   vlan = 12
//   [network.uplink]     address = "dhcp"
//   [[device]]           name = "gate"   address = "192.168.10.21"   mac = "00:40:8c:12:34:56"
//
// It comes from a stranger's stick: bounded, every key checked, every problem named with its place.
// Thread-safety: values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "provisioning/site_network.hpp"
#include "provisioning/ticket.hpp"

namespace alarmwire::provisioning {

inline constexpr std::size_t site_document_bytes_max = 256 * 1024;
inline constexpr std::size_t site_devices_max = 1000;
inline constexpr std::size_t device_name_bytes_max = 100;

// Known by its address (or network), its MAC, or both.
struct SiteDevice {
  std::string name;
  std::string address;
  std::string mac;

  bool operator==(const SiteDevice&) const = default;
};

struct SiteDocument {
  std::optional<Ticket> ticket;
  NetworkSettings network;
  std::vector<SiteDevice> devices;

  bool operator==(const SiteDocument&) const = default;
};

// Why the device may not stand behind those before it; "": it may. Its MAC becomes the usual form.
std::string why_not(SiteDevice& device, const std::vector<SiteDevice>& before);

enum class TicketIs : std::uint8_t { required, unwanted };
// UTF-8 text (plain_text.hpp). Errc::invalid_argument with all problems, one a line, each as
// name:line:column; the ticket's text is not in it.
Result<SiteDocument> parse_site_document(std::string_view text, const std::string& name,
                                         TicketIs ticket);
// Such that parsing it gives the same again. `about`: for whom it is, a line of a comment.
Result<std::string> format_site_document(const SiteDocument& document, const std::string& about);

}  // namespace alarmwire::provisioning
