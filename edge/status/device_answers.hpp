// The box's answers about devices (docs/control.md): the list, dialogues with the doctor's
// findings, and what to type into a device. Pure. Thread-safety: pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "edge/smtp/dialogue_log.hpp"
#include "edge/status/box_status.hpp"

namespace alarmwire::status {

inline constexpr std::size_t dialogues_shown_max = 50;  // the last ones

// Those that were heard, then those that are only configured. `device`: its name or address; empty:
// all.
boost::json::array describe_devices(const BoxFigures& figures, std::string_view device = {});
boost::json::array describe_dialogues(const std::vector<smtp::Dialogue>& dialogues);
// What to type into a device of this name, known or not; `maker`: one of maker_names(), or empty.
boost::json::object describe_settings(const BoxFigures& figures, const std::string& device,
                                      std::string_view maker);

std::string_view name_of(smtp::ReplyMode mode);
std::string_view name_of(smtp::TlsMode mode);
std::string_view name_of(smtp::AuthMode mode);

}  // namespace alarmwire::status
