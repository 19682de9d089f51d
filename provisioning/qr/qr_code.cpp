#include "provisioning/qr/qr_code.hpp"

#include <png.h>

#include <exception>
#include <qrcodegen.hpp>

namespace alarmwire::qr {

bool Code::at(int x, int y) const {
  if (x < 0 || y < 0 || x >= size || y >= size) return false;
  return dark[static_cast<std::size_t>(y) * static_cast<std::size_t>(size) +
              static_cast<std::size_t>(x)];
}

Result<Code> encode(std::string_view text) {
  try {
    const auto made =
        qrcodegen::QrCode::encodeText(std::string(text).c_str(), qrcodegen::QrCode::Ecc::MEDIUM);
    Code code;
    code.size = made.getSize();
    for (int y = 0; y < code.size; ++y)
      for (int x = 0; x < code.size; ++x) code.dark.push_back(made.getModule(x, y));
    return code;
  } catch (const std::exception& error) {
    return Failure(Errc::invalid_argument, std::string("no QR code: ") + error.what());
  }
}

std::string to_terminal(const Code& code, bool colour) {
  std::string text;
  for (int y = -quiet_modules; y < code.size + quiet_modules; y += 2) {
    if (colour) text += "\x1b[30;107m";
    for (int x = -quiet_modules; x < code.size + quiet_modules; ++x) {
      // Ink is what is dark on white paper, and what is white on a dark one.
      const bool upper = code.at(x, y) == colour;
      const bool lower = code.at(x, y + 1) == colour;
      text += upper && lower ? "█" : upper ? "▀" : lower ? "▄" : " ";
    }
    text += colour ? "\x1b[0m\n" : "\n";
  }
  return text;
}

Result<std::string> to_png(const Code& code) {
  const int side = (code.size + 2 * quiet_modules) * png_module_pixels;
  std::vector<png_byte> pixels;
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x)
      pixels.push_back(
          code.at(x / png_module_pixels - quiet_modules, y / png_module_pixels - quiet_modules)
              ? 0
              : 255);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(side);
  image.height = static_cast<png_uint_32>(side);
  image.format = PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = 0;
  if (png_image_write_to_memory(&image, nullptr, &bytes, 0, pixels.data(), 0, nullptr) == 0)
    return Failure(Errc::io, std::string("no PNG: ") + image.message);
  std::string png(bytes, '\0');
  if (png_image_write_to_memory(&image, png.data(), &bytes, 0, pixels.data(), 0, nullptr) == 0)
    return Failure(Errc::io, std::string("no PNG: ") + image.message);
  png.resize(bytes);
  return png;
}

}  // namespace alarmwire::qr
