// Which folders a confined daemon (confine.hpp) may still read, so that an error about another one
// says what mends it. Thread-safety: remember_reach() once, before there are threads.
#pragma once

#include <string>
#include <vector>

namespace alarmwire {

void remember_reach(std::vector<std::string> folders);

// Words to put behind "permission denied"; "" where the confinement is not the reason.
std::string why_out_of_reach(const std::string& path);

}  // namespace alarmwire
