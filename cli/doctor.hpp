// `alarmwire doctor`: all that a box or a centre needs, looked at in one go, any time.
#pragma once

#include <string>
#include <vector>

#include "cli/checks.hpp"
#include "cli/context.hpp"

namespace alarmwire::cli {

struct DoctorWish {
  std::string config_file;  // "": what stands in /etc/alarmwire
};

// Exit code: 0 all good, 3 something to look at, 1 something is bad, 78 no configuration.
int doctor(const Context& context, const DoctorWish& wish);

// The checks alone, for setup too. `context.socket`: in place of the configured control socket.
std::vector<Check> examine(const Context& context, const std::string& config_file);

}  // namespace alarmwire::cli
