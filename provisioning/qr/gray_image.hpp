// A photo as gray pixels, made smaller while it is read, so that its size is bounded whatever the
// file promises. Runs inside qr_photo's child. Thread-safety: pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace alarmwire::qr {

struct GrayImage {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;
};

Result<GrayImage> decode_image(std::string_view bytes);  // by its first bytes: PNG or JPEG

}  // namespace alarmwire::qr
