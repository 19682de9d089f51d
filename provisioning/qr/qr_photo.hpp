// Reading the text of a QR code from a photo that somebody gave us: PNG or JPEG.
//
// A photo is a stranger's: it is opened by a child process that may use photo_memory_bytes_max, a
// few seconds of one core, no file, no network and no other program, and that hands back at most
// photo_text_bytes_max. Whatever happens to it, the caller gets a reason. Large photos are made
// smaller while they are read; rotated, blurred and skewed ones are tried hard.
// Thread-safety: call it where the process has one thread (it forks).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.hpp"

namespace alarmwire::qr {

inline constexpr std::size_t photo_bytes_max = 24 * 1024 * 1024;
inline constexpr std::uint64_t photo_pixels_max = 120'000'000;  // of the file's promise
inline constexpr std::uint32_t photo_side_pixels_max = 20'000;
inline constexpr std::uint64_t read_pixels_max = 6'000'000;  // after making it smaller
inline constexpr std::uint64_t photo_memory_bytes_max = 512ULL * 1024 * 1024;
inline constexpr int photo_seconds_max = 20;
inline constexpr std::size_t photo_text_bytes_max = 4096;

// Errc::not_found: no code in it; Errc::invalid_argument: no photo we read; Errc::full: too large;
// Errc::timed_out; Errc::corrupt: the child broke on it.
Result<std::string> read_photo(std::string_view bytes);

}  // namespace alarmwire::qr
