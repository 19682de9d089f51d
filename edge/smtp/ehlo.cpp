#include "edge/smtp/ehlo.hpp"

#include <algorithm>

#include "edge/smtp/auth.hpp"
#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

std::string line_of(Extension extension, const EhloFacts& facts) {
  std::string line(extension_names.at(static_cast<std::size_t>(extension)));
  if (extension == Extension::size) line += " " + std::to_string(facts.message_bytes);
  if (extension == Extension::limits) line += " RCPTMAX=" + std::to_string(facts.recipients);
  if (extension == Extension::auth) line += " " + std::string(auth_mechanisms);
  return line;
}

}  // namespace

std::optional<Extension> extension_from(std::string_view name) {
  const auto found =
      std::find_if(extension_names.begin(), extension_names.end(),
                   [&](std::string_view known) { return equal_ignoring_case(known, name); });
  if (found == extension_names.end()) return {};
  return static_cast<Extension>(found - extension_names.begin());
}

ExtensionSet ExtensionSet::all() {
  ExtensionSet set;
  for (std::size_t i = 0; i < extension_names.size(); ++i) set.add(static_cast<Extension>(i));
  return set;
}

std::string ehlo_reply(const EhloFacts& facts) {
  std::string reply;
  std::string line =
      std::string(facts.hostname) + " greets [" + std::string(facts.peer_address) + "]";
  const auto next = [&](std::string text) {
    reply += "250-" + line + "\r\n";
    line = std::move(text);
  };
  for (std::size_t i = 0; i < extension_names.size(); ++i) {
    const auto extension = static_cast<Extension>(i);
    if (!facts.shown.has(extension)) continue;
    next(line_of(extension, facts));
    if (extension == Extension::auth) next("AUTH=" + std::string(auth_mechanisms));
  }
  return reply + "250 " + line + "\r\n";
}

}  // namespace alarmwire::smtp
