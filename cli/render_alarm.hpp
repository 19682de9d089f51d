// Alarms as people read them: in a list, one whole, and its way in milliseconds.
#pragma once

#include <ostream>
#include <string>

#include "cli/json_view.hpp"
#include "common/clock.hpp"

namespace alarmwire::cli {

void render_alarms(std::ostream& out, const JsonView& alarms, bool colour);
void render_alarm_line(std::ostream& out, const JsonView& alarm, bool colour);  // for `tail`
// `head`: the start of the raw mail; its header lines are shown.
void render_alarm(std::ostream& out, const JsonView& alarm, std::string_view head, bool colour);
// Every stage on the centre's clock: the box's times are moved by clock_offset_us. That is an
// estimate, so a stage may seem to come before the one above it: it is shown at the time of that
// one, and said so.
void render_trace(std::ostream& out, const JsonView& trace);

}  // namespace alarmwire::cli
