// Commands that show or steer a running daemon: status, boxes, outlets, the
// certificate.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace alarmwire::cli {

inline constexpr std::chrono::seconds watch_every{1};

int show_status(const Context& context);
// Until SIGINT or SIGTERM, which end it well. On a terminal in place, else one page after the
// other; with --json one object a line.
int watch_status(const Context& context);
int show_certificate(const Context& context);
// The box's CA, for import into devices; to `file`, or to stdout where that is empty.
int export_certificate(const Context& context, bool der, const std::string& file);
int list_outlets(const Context& context);
int test_outlet(const Context& context, const std::string& name);
int drop_outlet(const Context& context, const std::string& name);
int retry_outlet(const Context& context, const std::string& name, const std::string& box);

}  // namespace alarmwire::cli
