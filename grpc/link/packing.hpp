// Makes the bytes of a mail smaller for the line: most of an alarm is a picture in Base64, which
// carries three bytes in four. Each frame's data is packed by itself (zstd, level 1), so that a
// record can be taken up anywhere.
//
// Offsets, sizes and credit always count the bytes as they were before. Thread-safety: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace alarmwire::link {

inline constexpr std::size_t packed_from_bytes = 256;  // less is sent as it is

// Nothing where it does not pay.
std::optional<std::string> pack(std::string_view data);
// Exactly `size` bytes, at most frame_bytes_max; nothing when `packed` is anything else.
std::optional<std::string> unpack(std::string_view packed, std::size_t size);

}  // namespace alarmwire::link
