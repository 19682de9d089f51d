#include "edge/smtp/path.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "edge/smtp/limits.hpp"
#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

constexpr std::size_t none = std::string_view::npos;

// The first of `wanted` outside a quoted string; if a quote is never closed, quotes do not count.
std::size_t find_unquoted(std::string_view text, std::string_view wanted) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      quoted = !quoted;
    } else if (quoted && text[i] == '\\') {
      ++i;
    } else if (!quoted && wanted.find(text[i]) != none) {
      return i;
    }
  }
  return quoted ? text.find_first_of(wanted) : none;
}

// Skips "FROM:" and the blanks around it.
bool skip_keyword(std::string_view& text, std::string_view keyword, QuirkSet& quirks) {
  if (!starts_ignoring_case(text, keyword)) return false;
  text.remove_prefix(keyword.size());
  const bool blank = !text.empty() && is_blank(text.front());
  text = trim(text);
  if (text.starts_with(':')) {
    if (blank) quirks.add(Quirk::blank_before_colon);
    text = trim(text.substr(1));
    return true;
  }
  quirks.add(Quirk::no_colon);
  return blank || text.empty() || text.starts_with('<');
}

// Cuts the address off the front of `text`, which keeps the rest.
std::string_view cut_address(std::string_view& text, QuirkSet& quirks) {
  const std::size_t open = find_unquoted(text, "<");
  if (open != none) {
    if (open > 0) quirks.add(Quirk::display_name);
    text.remove_prefix(open + 1);
    const std::size_t close = find_unquoted(text, ">");
    if (close != none) {
      const std::string_view address = trim(text.substr(0, close));
      text = trim(text.substr(close + 1));
      return address;
    }
    text = trim(text);
  }
  if (!text.empty()) quirks.add(Quirk::no_brackets);
  const std::size_t end = std::min(find_unquoted(text, " \t"), text.size());
  std::string_view address = text.substr(0, end);
  text = trim(text.substr(end));
  if (address.ends_with('>')) address.remove_suffix(1);
  return address;
}

template <typename Take>
void for_each_parameter(std::string_view parameters, Take take) {
  parameters = trim(parameters);
  while (!parameters.empty()) {
    const std::size_t end = std::min(parameters.find_first_of(" \t"), parameters.size());
    const std::string_view word = parameters.substr(0, end);
    const std::size_t equals = word.find('=');
    take(word.substr(0, equals), equals == none ? std::string_view{} : word.substr(equals + 1));
    parameters = trim(parameters.substr(end));
  }
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return {};
  if (error == std::errc::result_out_of_range) return std::numeric_limits<std::uint64_t>::max();
  return size;
}

}  // namespace

std::optional<PathArgument> parse_path(std::string_view argument, std::string_view keyword) {
  PathArgument result;
  if (!skip_keyword(argument, keyword, result.quirks)) return {};
  std::string_view address = cut_address(argument, result.quirks);
  result.parameters = argument;
  if (address.starts_with('@')) {  // a source route is to be ignored: RFC 5321 4.1.1.3, appendix C
    const std::size_t colon = address.find(':');
    if (colon != none) address.remove_prefix(colon + 1);
  }
  if (has_control_bytes(address) || address.size() > path_bytes_max) return {};
  if (!is_utf8(address)) result.quirks.add(Quirk::not_utf8);
  result.address = clean(address, 2 * path_bytes_max);
  return result;
}

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.ends_with('"') ? none : address.rfind('@');
  if (at == none) return {};
  address.remove_prefix(at + 1);
  if (address.ends_with('.')) address.remove_suffix(1);
  return address;
}

bool in_zones(std::string_view domain, const std::vector<std::string>& zones) {
  return std::any_of(zones.begin(), zones.end(), [&](const std::string& zone) {
    if (domain.size() < zone.size()) return false;
    const std::size_t above = domain.size() - zone.size();
    return equal_ignoring_case(domain.substr(above), zone) &&
           (above == 0 || domain[above - 1] == '.');
  });
}

MailParameters parse_mail_parameters(std::string_view parameters) {
  MailParameters result;
  for_each_parameter(parameters, [&](std::string_view name, std::string_view value) {
    if (equal_ignoring_case(name, "SIZE")) {
      result.size = parse_size(value);
      if (!result.size) result.quirks.add(Quirk::unknown_parameter);
    } else if (equal_ignoring_case(name, "BODY")) {
      result.body_8bit = equal_ignoring_case(value, "8BITMIME");
      if (!result.body_8bit && !equal_ignoring_case(value, "7BIT")) {
        result.quirks.add(Quirk::unknown_parameter);
      }
    } else if (equal_ignoring_case(name, "SMTPUTF8")) {
      result.smtputf8 = true;
    } else if (!equal_ignoring_case(name, "RET") && !equal_ignoring_case(name, "ENVID") &&
               !equal_ignoring_case(name, "AUTH")) {
      result.quirks.add(Quirk::unknown_parameter);
    }
  });
  return result;
}

QuirkSet check_rcpt_parameters(std::string_view parameters) {
  QuirkSet quirks;
  for_each_parameter(parameters, [&](std::string_view name, std::string_view) {
    if (!equal_ignoring_case(name, "NOTIFY") && !equal_ignoring_case(name, "ORCPT")) {
      quirks.add(Quirk::unknown_parameter);
    }
  });
  return quirks;
}

}  // namespace alarmwire::smtp
