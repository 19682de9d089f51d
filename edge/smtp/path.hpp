// The arguments of MAIL and RCPT: the address, and the ESMTP parameters behind it
// (RFC 5321 4.1.1.2, 4.1.1.3, 4.1.2; RFC 1870 SIZE; RFC 6152 BODY; RFC 6531 SMTPUTF8).
//
// Taken as devices write it, not only as the grammar has it; what was off is told as quirks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

struct PathArgument {
  std::string address;          // without brackets and source route; empty for <> and for nothing
  std::string_view parameters;  // the rest of the line
  QuirkSet quirks;
};

// `argument`: what stands behind MAIL or RCPT; `keyword`: "FROM" or "TO". Nothing if the keyword is
// missing, or the address has control bytes or is longer than path_bytes_max.
std::optional<PathArgument> parse_path(std::string_view argument, std::string_view keyword);

// What stands behind the last '@', without a dot at the end; empty if there is none.
std::string_view domain_of(std::string_view address);

// Is the domain one of the zones or below one? Zones are lower case.
bool in_zones(std::string_view domain, const std::vector<std::string>& zones);

struct MailParameters {
  std::optional<std::uint64_t> size;  // a number beyond 64 bit reads as the largest
  bool body_8bit = false;
  bool smtputf8 = false;
  QuirkSet quirks;
};
MailParameters parse_mail_parameters(std::string_view parameters);

// RCPT takes NOTIFY and ORCPT (RFC 3461) and forgets them; anything else is a quirk.
QuirkSet check_rcpt_parameters(std::string_view parameters);

}  // namespace alarmwire::smtp
