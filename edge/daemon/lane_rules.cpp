#include "edge/daemon/lane_rules.hpp"

#include <algorithm>

namespace alarmwire::edge {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == std::string_view::npos;
}

LaneRules LaneRules::parse(config::Table& root) {
  std::vector<LaneRule> rules;
  for (config::Table& table : root.tables("lane")) {
    LaneRule rule;
    rule.recipient = table.string("recipient", "");
    rule.device = table.string("device", "");
    rule.routine = table.choice("lane", 0, {"alarm", "routine"}) == 1;
    if (rule.recipient.empty() && rule.device.empty())
      table.problem("lane", "a rule needs a recipient or a device pattern");
    rules.push_back(std::move(rule));
  }
  return LaneRules(std::move(rules));
}

bool LaneRules::is_routine(const Envelope& envelope, std::string_view recipient) const {
  for (const LaneRule& rule : rules_) {
    const bool fits = (rule.recipient.empty() || matches(rule.recipient, recipient)) &&
                      (rule.device.empty() || matches(rule.device, envelope.device));
    if (fits) return rule.routine;
  }
  return false;
}

Lane LaneRules::lane_of(const Envelope& envelope, std::uint64_t size, bool link_is_up) const {
  const bool routine =
      !envelope.recipients.empty() &&
      std::all_of(envelope.recipients.begin(), envelope.recipients.end(),
                  [&](const std::string& recipient) { return is_routine(envelope, recipient); });
  if (routine) return Lane::routine;
  return link_is_up && size <= live_alarm_bytes_max ? Lane::live_alarm : Lane::alarm;
}

}  // namespace alarmwire::edge
