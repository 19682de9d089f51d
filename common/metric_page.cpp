#include "common/metric_page.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>

#include "common/text.hpp"

namespace alarmwire::metrics {

void MetricPage::add(const Metric& metric, double value, const Labels& labels) {
  const auto [place, is_new] = places_.emplace(metric.name, families_.size());
  if (is_new) {
    prometheus::MetricFamily family;
    family.name = metric.name;
    family.help = metric.help;
    family.type = metric.type == Metric::counter ? prometheus::MetricType::Counter
                                                 : prometheus::MetricType::Gauge;
    families_.push_back(std::move(family));
  }
  prometheus::ClientMetric entry;
  for (const auto& [name, text] : labels) entry.label.push_back({name, scrub_utf8(text)});
  (metric.type == Metric::counter ? entry.counter.value : entry.gauge.value) = value;
  families_[place->second].metric.push_back(std::move(entry));
}

std::string MetricPage::text() const {
  return prometheus::TextSerializer().Serialize(families_);
}

double age_seconds(std::int64_t then_us, std::int64_t now_us) {
  return static_cast<double>(std::max<std::int64_t>(now_us - then_us, 0)) / 1e6;
}

}  // namespace alarmwire::metrics
