// A page of metrics for Prometheus: values in, its text format out. Each metric is declared once,
// as a constant, and stands in docs/metrics.md under the same name (tests/house compares).
// Thread-safety: one thread at a time. Source: Prometheus' text exposition format 0.0.4.
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace alarmwire::metrics {

struct Metric {
  enum Type : unsigned char { gauge, counter };
  const char* name;  // with its unit: _seconds, _bytes; a counter ends in _total
  Type type;
  const char* help;
};

using Labels = std::vector<std::pair<const char*, std::string>>;

class MetricPage {
 public:
  // A value twice under the same labels is the caller's mistake. Label values of strangers become
  // well-formed UTF-8.
  void add(const Metric& metric, double value, const Labels& labels = {});
  // In the order in which the metrics came first.
  std::string text() const;

 private:
  std::vector<prometheus::MetricFamily> families_;
  std::map<std::string, std::size_t> places_;
};

// Seconds from `then_us` to `now_us`; 0 where the clock went back.
double age_seconds(std::int64_t then_us, std::int64_t now_us);

}  // namespace alarmwire::metrics
