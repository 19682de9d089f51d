// Commands about the box's devices: which there are, what they said last and what is wrong with
// them, what to type into one, and a test mail through the door.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace alarmwire::cli {

int list_devices(const Context& context);
int show_device(const Context& context, const std::string& name);
int show_dialogues(const Context& context, const std::string& name);
int show_settings(const Context& context, const std::string& name, const std::string& maker);

}  // namespace alarmwire::cli
