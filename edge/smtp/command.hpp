// One command line cut into verb and argument (RFC 5321 4.1.1). Case and surplus blanks do not
// matter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace alarmwire::smtp {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  rset,
  noop,
  quit,
  vrfy,
  help,
  auth,
  starttls,
  not_offered,  // a command of SMTP that this door does not have: EXPN, BDAT, ETRN, …
  unknown,
};

struct Command {
  Verb verb = Verb::unknown;
  std::string_view argument;  // views the line
};

// `line` without its line end.
Command parse_command(std::string_view line);

// The line as people may see it: without what may be a password. What AUTH carries never shows, nor
// does a line that is no command once `auth_seen`: it may be a password that came too late.
std::string shown_command(std::string_view line, bool auth_seen);

// The first line of a peer that came to the wrong port: "GET / HTTP/1.1".
bool is_http(std::string_view line);

}  // namespace alarmwire::smtp
