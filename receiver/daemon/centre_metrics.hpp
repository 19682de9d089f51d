// The centre's figures as pages of metrics (docs/metrics.md). Pure. Thread-safety: pure functions.
#pragma once

#include <string>

#include "common/metrics_server.hpp"
#include "receiver/daemon/centre_status.hpp"

namespace alarmwire::receiver {

// The centre as a whole: as many lines with ten thousand boxes as with one.
std::string metrics_of(const CentreFigures& figures);
// Each box by its id.
std::string box_metrics_of(const CentreFigures& figures);
// What is answered at a path: /metrics, /metrics/boxes where `has_boxes`, /livez, /readyz.
metrics::Answer answer_at(const std::string& path, bool has_boxes, const CentreFigures& figures);

}  // namespace alarmwire::receiver
