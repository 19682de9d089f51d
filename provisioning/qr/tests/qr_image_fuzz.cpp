// Any picture: decoding ends, within the size that was promised.
#include <cstdlib>

#include "provisioning/qr/gray_image.hpp"
#include "provisioning/qr/qr_photo.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire::qr;
  const auto image = decode_image({reinterpret_cast<const char*>(data), size});
  if (!image) return 0;
  const auto pixels = static_cast<std::uint64_t>(image->width) * image->height;
  if (pixels != image->pixels.size() || pixels > read_pixels_max) std::abort();
  return 0;
}
