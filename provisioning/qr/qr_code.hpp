// Tickets as QR codes: in the terminal, and as a PNG for mail and paper.
// Thread-safety: values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace alarmwire::qr {

inline constexpr int quiet_modules = 4;       // ISO/IEC 18004: the white frame that belongs to it
inline constexpr int png_module_pixels = 10;  // a ticket becomes about 450 x 450

struct Code {
  int size = 0;            // modules a side
  std::vector<bool> dark;  // row by row

  bool at(int x, int y) const;  // false outside
};

// Error correction level M, or better where the size stays the same.
Result<Code> encode(std::string_view text);
// Two modules a character, in the frame's white. `colour`: black on white by terminal codes, which
// every scanner reads; without it white are the block characters, for terminals with dark paper.
std::string to_terminal(const Code& code, bool colour);
Result<std::string> to_png(const Code& code);  // the file's bytes

}  // namespace alarmwire::qr
