// The box's figures as a page of metrics (docs/metrics.md). Pure. Thread-safety: pure functions.
#pragma once

#include <string>

#include "common/metrics_server.hpp"
#include "edge/status/box_status.hpp"

namespace alarmwire::status {

std::string metrics_of(const BoxFigures& figures);
// What is answered at a path: /metrics, /livez, /readyz.
metrics::Answer answer_at(const std::string& path, const BoxFigures& figures);

}  // namespace alarmwire::status
