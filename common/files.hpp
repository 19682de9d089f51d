// Small state files: read whole, written so that a power cut leaves either the old or the new one.
// Thread-safety: all functions may be called from any thread; two writers of one path are the
// caller's mistake.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"

namespace alarmwire {

inline constexpr std::size_t state_file_bytes_max = 16 * 1024 * 1024;

// Errc::not_found when there is none; a file over bytes_max is Errc::invalid_argument.
Result<std::string> read_file(const std::string& path,
                              std::size_t bytes_max = state_file_bytes_max);
// Temporary file beside it (mode as given), fsync, rename, fsync of the directory.
Status write_file_atomically(const std::string& path, std::string_view text, unsigned mode = 0600);

// The folder and those above it, where missing.
Status make_directories(const std::string& path);

// What a daemon writes down before it leaves at once after a disk error, for its next start to
// tell: a note in its state folder. Taking it removes it; nothing where there is none.
void leave_crash_note(const std::string& state_directory, std::string_view reason);
std::optional<std::string> take_crash_note(const std::string& state_directory);
std::string crash_note_path(const std::string& state_directory);

}  // namespace alarmwire
