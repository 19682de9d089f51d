// A ticket: the one-time right to enrol a box, as text short enough for a small QR code.
//
//   ALARMWIRE:0407…            upper case letters and digits only: a QR code's alphanumeric mode
//
// Behind the name stand these bytes in Crockford's Base32 (no I, L, O, U), padded with zero bits:
//   0       version, 1
//   1..16   the secret: the only part that is one
//   17..48  the centre's WireGuard public key
//   49..53  bytes 1..5 of the installation's prefix (the first is fd)
//   then 1 to 4 endpoints: a kind byte (4: IPv4, 6: IPv6, 128 + n: a name of n bytes), the address
//   or name, two bytes of port, the higher first
//   last 3  the first bytes of SHA-256 over all before
//
// Reading forgives what hands and eyes do: blanks, line ends, dashes, lower case, O for 0, I and L
// for 1, a missing name in front; and a keyboard or scanner of another layout than the machine's
// (German against US: Y and Z exchanged, other signs for colon and dash), where the checksum then
// holds. It never forgives a wrong character: the checksum tells.
// Thread-safety: values and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "tunnel/address.hpp"
#include "tunnel/bootstrap.hpp"

namespace alarmwire::provisioning {

inline constexpr std::size_t ticket_endpoints_max = 4;
inline constexpr std::size_t ticket_name_bytes_max = 100;   // of a host name
inline constexpr std::size_t ticket_text_bytes_max = 4096;  // of what people give us as a ticket
// Of a file with a ticket: what programs wrap around the text, up to two bytes a character.
inline constexpr std::size_t ticket_file_bytes_max = 2 * ticket_text_bytes_max + 2;

struct Ticket {
  tunnel::TicketSecret secret;
  tunnel::PublicKey centre;
  tunnel::Prefix prefix;
  std::vector<tunnel::EndpointName> endpoints;

  bool operator==(const Ticket&) const = default;
};

// Errc::invalid_argument: no endpoint, too many, or a name too long.
Result<std::string> format_ticket(const Ticket& ticket);
// Errc::invalid_argument with what is wrong, for the person who typed or scanned it. The text of
// the ticket is not in it.
Result<Ticket> parse_ticket(std::string_view text);

// The centre is known by names only: the box has to ask a DNS server.
bool needs_dns(const Ticket& ticket);

}  // namespace alarmwire::provisioning
