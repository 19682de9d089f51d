// The answer to "status", "outlets" and "boxes" as people read it (docs/control.md has
// the fields).
#pragma once

#include <ostream>

#include "cli/json_view.hpp"
#include "common/clock.hpp"

namespace alarmwire::cli {

// Of a box or of the centre, by its "role".
void render_status(std::ostream& out, const JsonView& status, WallTimeUs now_us, bool colour);
// Of the answer to "certificate".
void render_certificate(std::ostream& out, const JsonView& certificate, WallTimeUs now_us);
void render_outlets(std::ostream& out, const JsonView& outlets, WallTimeUs now_us, bool colour);
void render_boxes(std::ostream& out, const JsonView& boxes, WallTimeUs now_us, bool colour);

}  // namespace alarmwire::cli
