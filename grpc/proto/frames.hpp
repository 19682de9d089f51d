// The frames of the link as C++ types (generated from link.proto), and their limits.
// Include this, never the generated header: it would not pass our warnings.
#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "grpc/proto/link.pb.h"
#pragma GCC diagnostic pop

namespace alarmwire::link {

inline constexpr std::uint32_t protocol_major = 1;
inline constexpr std::uint32_t protocol_minor = 0;
inline constexpr std::uint32_t protocol_minor_min = 0;  // the oldest still spoken

// Welcome.features: the centre sends Marks back.
inline constexpr const char* feature_marks = "marks";
// Welcome.features: the centre unpacks data.
inline constexpr const char* feature_zstd = "zstd";

// A frame on the wire, envelope included. Everything in a Record but data and envelope takes less
// than frame_overhead_bytes_max.
inline constexpr std::size_t frame_bytes_max = 64 * 1024;
inline constexpr std::size_t frame_overhead_bytes_max = 256;
inline constexpr std::size_t chunk_data_bytes_max = frame_bytes_max - frame_overhead_bytes_max;
// Of Record.receipted; they take their room from the record's data.
inline constexpr std::size_t receipted_outlets_max = 16;
inline constexpr std::size_t outlet_name_bytes_max = 63;

}  // namespace alarmwire::link
