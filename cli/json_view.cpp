#include "cli/json_view.hpp"

#include <boost/json/serialize.hpp>
#include <limits>

#include "common/text.hpp"

namespace alarmwire::cli {

JsonView JsonView::at(std::string_view key) const {
  const auto* const object = value_ != nullptr ? value_->if_object() : nullptr;
  const auto* const found = object != nullptr ? object->if_contains(key) : nullptr;
  return found != nullptr ? JsonView(*found) : JsonView();
}

std::vector<JsonView> JsonView::items() const {
  std::vector<JsonView> views;
  const auto* const array = value_ != nullptr ? value_->if_array() : nullptr;
  if (array == nullptr) return views;
  for (const boost::json::value& item : *array) views.emplace_back(item);
  return views;
}

std::vector<std::pair<std::string, JsonView>> JsonView::fields() const {
  std::vector<std::pair<std::string, JsonView>> views;
  const auto* const object = value_ != nullptr ? value_->if_object() : nullptr;
  if (object == nullptr) return views;
  for (const auto& [key, value] : *object)
    views.emplace_back(printable({key.data(), key.size()}), JsonView(value));
  return views;
}

std::string JsonView::text() const {
  if (!is_there()) return {};
  if (const auto* const string = value_->if_string(); string != nullptr)
    return printable({string->data(), string->size()});
  if (value_->is_number() || value_->is_bool()) return boost::json::serialize(*value_);
  return {};
}

std::optional<double> JsonView::number() const {
  if (!is_there() || !value_->is_number()) return std::nullopt;
  boost::system::error_code inexact;
  const double number = value_->to_number<double>(inexact);
  return inexact ? std::nullopt : std::optional<double>(number);
}

std::int64_t JsonView::whole() const {
  if (!is_there() || !value_->is_number()) return 0;
  boost::system::error_code inexact;
  const auto number = value_->to_number<std::int64_t>(inexact);
  if (!inexact) return number;
  return value_->is_uint64() ? std::numeric_limits<std::int64_t>::max() : 0;
}

bool JsonView::flag() const {
  return is_there() && value_->is_bool() && value_->get_bool();
}

}  // namespace alarmwire::cli
