// Reading what a control request says: strangers' JSON, so every question has an answer.
// Thread-safety: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "common/ids.hpp"

namespace alarmwire::control {

std::string text_of(const boost::json::object& request, std::string_view name);  // "" if absent
std::uint64_t number_of(const boost::json::object& request, std::string_view name,
                        std::uint64_t otherwise);
bool flag_of(const boost::json::object& request, std::string_view name);  // false if absent
Result<AlarmId> alarm_id_of(const boost::json::object& request);          // "id"

}  // namespace alarmwire::control
