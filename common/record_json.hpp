// A record as the control socket shows it (docs/control.md): the same object on box and centre.
// Bytes from devices become valid UTF-8: what is not is shown as U+FFFD.
// Thread-safety: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "common/record.hpp"

namespace alarmwire {

// id, kind, lane, device, device_address, from, to, size, accepted_us, spooled_us, repeats, and the
// fault fields if any.
boost::json::object to_json(const RecordHeader& header);
// Everything the envelope says, for `alarm show`.
boost::json::object envelope_to_json(std::string_view envelope_bytes);

}  // namespace alarmwire
