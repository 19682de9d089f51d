// The messages of enrolment as C++ types (generated from enrol.proto).
// Include this, never the generated header: it would not pass our warnings.
#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "grpc/proto/enrol.pb.h"
#pragma GCC diagnostic pop

namespace alarmwire::link {

inline constexpr std::uint32_t enrolment_major = 1;
inline constexpr std::size_t enrolment_message_bytes_max = 4096;

}  // namespace alarmwire::link
