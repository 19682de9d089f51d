// The command `alarmwire`: words in, exit code out. Noun first, then verb: `alarmwire alarm list`.
//
// Promises: what was asked for goes to `out`, messages to `err`; every command knows --json.
// Exit codes: 0 ok, 1 failed, 2 usage, 3 degraded, 4 the daemon cannot be reached, 78
// configuration.
#pragma once

#include <ostream>

namespace alarmwire::cli {

int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace alarmwire::cli
