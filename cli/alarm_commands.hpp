// Commands about alarms: list, show, tail, trace.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.hpp"

namespace alarmwire::cli {

struct AlarmList {
  std::string box;
  std::int64_t limit = 20;
  bool waiting = false;
};

int list_alarms(const Context& context, const AlarmList& wanted);
int show_alarm(const Context& context, const std::string& id);
int write_raw_alarm(const Context& context, const std::string& id);  // the bytes as received
int tail_alarms(const Context& context);  // each alarm as it comes, until interrupted
int trace_alarm(const Context& context, const std::string& id);

}  // namespace alarmwire::cli
