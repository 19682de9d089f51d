// Landlock (landlock(7)) by its system calls: Debian 12 has no library for it, and its headers are
// older than what kernels may offer. Private to confine. Thread-safety: the calling thread only.
#pragma once

#include "common/confine.hpp"

namespace alarmwire::confine {

// The kernel's version, 0 where it has none; then restricts the calling thread and all it will
// make. no_new_privs must be set.
Result<int> restrict_by_landlock(const Policy& policy);

// The first version that knows TCP ports.
inline constexpr int landlock_with_ports = 4;

}  // namespace alarmwire::confine
