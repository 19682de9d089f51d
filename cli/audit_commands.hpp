// `audit …` at the centre: who did what with tickets and boxes, and when.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace alarmwire::cli {

// A line each, oldest first; with --json an object each.
int list_audit(const Context& context);
// The same as CSV (RFC 4180), or with --json as objects, into a file or stdout. Then the chain is
// checked: 1 when a line is not as it was written.
int export_audit(const Context& context, const std::string& file);
int check_audit(const Context& context);

}  // namespace alarmwire::cli
