#include "receiver/sites/address.hpp"

#include <algorithm>

namespace alarmwire::sites {
namespace {

constexpr std::size_t label_bytes_max = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Less than RFC 5322's atext on purpose: '%', '!', '/', '|' and the like are routes, paths or
// commands to some mail system.
bool is_local_char(char c) {
  return is_letter_or_digit(c) || c == '.' || c == '_' || c == '+' || c == '=' || c == '-';
}

bool is_local_part(std::string_view text) {
  if (text.empty() || text.size() > local_part_bytes_max) return false;
  if (text.front() == '.' || text.back() == '.' || text.front() == '-') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), is_local_char);
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > label_bytes_max) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > domain_bytes_max) return false;
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::string Address::folded() const {
  return to_lower(local) + "@" + domain;
}

std::optional<Address> parse_address(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (!is_local_part(local) || !is_domain(domain)) return std::nullopt;
  return Address{std::string(local), to_lower(domain)};
}

}  // namespace alarmwire::sites
