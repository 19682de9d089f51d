// Devices as people read them (docs/control.md has the fields): the list, one whole, its dialogues
// with what the doctor says, and what to type into it.
#pragma once

#include <ostream>

#include "cli/json_view.hpp"
#include "common/clock.hpp"

namespace alarmwire::cli {

void render_devices(std::ostream& out, const JsonView& devices, WallTimeUs now_us, bool colour);
void render_device(std::ostream& out, const JsonView& devices, WallTimeUs now_us, bool colour);
void render_dialogues(std::ostream& out, const JsonView& dialogues, WallTimeUs now_us, bool colour);
void render_settings(std::ostream& out, const JsonView& settings, WallTimeUs now_us, bool colour);

// "mac", "unknown"; "silent" for one that was never heard, "-" where an older box does not say.
std::string known_by_in_words(const JsonView& device);

}  // namespace alarmwire::cli
