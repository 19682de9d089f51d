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

constexpr std::size_t shown_word_bytes_max = 10;  // of a line that is no command

// What devices ask for, beside ours; any other word behind AUTH may be a password.
constexpr std::array<std::string_view, 10> known_mechanisms{
    "PLAIN",   "LOGIN",       "CRAM-MD5",    "DIGEST-MD5",    "NTLM",
    "XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-1", "SCRAM-SHA-256", "GSSAPI"};

std::string_view first_word(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t"));
}

std::string shown_auth(std::string_view argument) {
  const std::string_view mechanism = first_word(argument);
  const bool known =
      std::any_of(known_mechanisms.begin(), known_mechanisms.end(),
                  [&](std::string_view name) { return equal_ignoring_case(name, mechanism); });
  if (!known) return argument.empty() ? "AUTH" : "AUTH (hidden)";
  return "AUTH " + std::string(mechanism) + (mechanism == argument ? "" : " (hidden)");
}

std::string shown_unknown(std::string_view line, bool auth_seen) {
  const std::string_view word = first_word(line);
  const bool is_word =
      !auth_seen && !word.empty() && word.size() <= shown_word_bytes_max &&
      std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!is_word) return "(" + std::to_string(line.size()) + " bytes that are no command)";
  return std::string(word) + (word.size() < line.size() ? " (hidden)" : "");
}

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

std::string shown_command(std::string_view line, bool auth_seen) {
  line = trim(line);
  const Command command = parse_command(line);
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::mail:
    case Verb::rcpt:
      return std::string(line);
    case Verb::auth:
      return shown_auth(command.argument);
    case Verb::unknown:
      return shown_unknown(line, auth_seen);
    default:
      return std::string(first_word(line));
  }
}

bool is_http(std::string_view line) {
  constexpr std::array<std::string_view, 7> methods{"GET ",    "POST ",    "HEAD ",   "PUT ",
                                                    "DELETE ", "OPTIONS ", "CONNECT "};
  return std::any_of(methods.begin(), methods.end(),
                     [&](std::string_view method) { return line.starts_with(method); });
}

}  // namespace alarmwire::smtp
