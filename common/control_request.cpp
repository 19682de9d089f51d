#include "common/control_request.hpp"

#include <boost/json/value.hpp>

namespace alarmwire::control {

std::string text_of(const boost::json::object& request, std::string_view name) {
  const boost::json::value* value = request.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::uint64_t number_of(const boost::json::object& request, std::string_view name,
                        std::uint64_t otherwise) {
  const boost::json::value* value = request.if_contains(name);
  if (value == nullptr || !value->is_number()) return otherwise;
  boost::system::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  return error ? otherwise : number;
}

bool flag_of(const boost::json::object& request, std::string_view name) {
  const boost::json::value* value = request.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

Result<AlarmId> alarm_id_of(const boost::json::object& request) {
  const std::optional<AlarmId> id = AlarmId::parse(text_of(request, "id"));
  if (!id) return Failure(Errc::invalid_argument, "id: not an alarm id");
  return *id;
}

}  // namespace alarmwire::control
