#include "edge/smtp/command.hpp"

#include <algorithm>
#include <array>

#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

struct Name {
  std::string_view text;
  Verb verb;
};

constexpr std::array<Name, 17> names{{
    {"EHLO", Verb::ehlo},
    {"HELO", Verb::helo},
    {"MAIL", Verb::mail},
    {"RCPT", Verb::rcpt},
    {"DATA", Verb::data},
    {"RSET", Verb::rset},
    {"NOOP", Verb::noop},
    {"QUIT", Verb::quit},
    {"VRFY", Verb::vrfy},
    {"HELP", Verb::help},
    {"EXPN", Verb::not_offered},
    {"STARTTLS", Verb::starttls},
    {"AUTH", Verb::auth},
    {"BDAT", Verb::not_offered},
    {"ETRN", Verb::not_offered},
    {"TURN", Verb::not_offered},
    {"SEND", Verb::not_offered},
}};

}  // namespace

Command parse_command(std::string_view line) {
  line = trim(line);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  for (const Name& name : names) {
    if (equal_ignoring_case(word, name.text)) {
      return {name.verb, trim(line.substr(word.size()))};
    }
  }
  return {Verb::unknown, {}};
}

bool is_http(std::string_view line) {
  constexpr std::array<std::string_view, 7> methods{"GET ",    "POST ",    "HEAD ",   "PUT ",
                                                    "DELETE ", "OPTIONS ", "CONNECT "};
  return std::any_of(methods.begin(), methods.end(),
                     [&](std::string_view method) { return line.starts_with(method); });
}

}  // namespace alarmwire::smtp
