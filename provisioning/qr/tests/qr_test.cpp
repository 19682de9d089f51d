#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "provisioning/qr/gray_image.hpp"
#include "provisioning/qr/qr_code.hpp"
#include "provisioning/qr/qr_photo.hpp"
// It wants <cstdio> before it.
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

namespace alarmwire::qr {
namespace {

using ::testing::HasSubstr;

// As long as a ticket with a name in it; a real one is tried in the e2e tests.
const std::string ticket_text =
    "ALARMWIRE:040G2081040G20810G5H6JP0R3GE7AYXXQ5B2TQXXBTJVVNAEB55JN8BGNDA9MN8HRG3RFEXAMPLEXXX7"
    "Q2WNS0S0ZK8M4T6R1D5C3B7A9E0F2G4H6J8";

// A photo of a code lying on a table: `shade` gives gray 0..1 at a place in the code's own
// modules; the camera sees it turned, small or large, through a lens.
struct Camera {
  int width = 900;
  int height = 700;
  double degrees = 0;
  double scale = 8;  // pixels a module
  double tilt = 0;   // perspective: the far edge is so much smaller
  int blur = 0;      // pixels around
  double noise = 0;  // standard deviation, of 255
  double light = 1;  // brightness of the right edge against the left
};

std::uint8_t shade_at(const Code& code, const Camera& camera, double px, double py) {
  const double angle = camera.degrees * 3.14159265 / 180;
  const double x = px - camera.width / 2.0;
  const double y = py - camera.height / 2.0;
  const double depth = 1 + camera.tilt * y / camera.height;
  const double u = (std::cos(angle) * x + std::sin(angle) * y) / camera.scale / depth;
  const double v = (-std::sin(angle) * x + std::cos(angle) * y) / camera.scale / depth;
  const double half = code.size / 2.0;
  const auto mx = static_cast<int>(std::floor(u + half));
  const auto my = static_cast<int>(std::floor(v + half));
  const bool paper = mx >= -4 && my >= -4 && mx < code.size + 4 && my < code.size + 4;
  const double gray = !paper ? 130 : code.at(mx, my) ? 40 : 225;
  return static_cast<std::uint8_t>(gray * (1 + (camera.light - 1) * px / camera.width));
}

GrayImage take_photo(const Code& code, const Camera& camera) {
  GrayImage sharp{camera.width, camera.height, {}};
  for (int y = 0; y < camera.height; ++y)
    for (int x = 0; x < camera.width; ++x) sharp.pixels.push_back(shade_at(code, camera, x, y));
  GrayImage photo = sharp;
  std::mt19937 generator(7);
  std::normal_distribution<double> noise(0, camera.noise + 1e-9);
  for (int y = 0; y < camera.height; ++y)
    for (int x = 0; x < camera.width; ++x) {
      double sum = 0;
      int count = 0;
      for (int dy = -camera.blur; dy <= camera.blur; ++dy)
        for (int dx = -camera.blur; dx <= camera.blur; ++dx) {
          const int sx = x + dx, sy = y + dy;
          if (sx < 0 || sy < 0 || sx >= camera.width || sy >= camera.height) continue;
          sum += sharp.pixels[static_cast<std::size_t>(sy * camera.width + sx)];
          ++count;
        }
      const double gray = sum / count + (camera.noise > 0 ? noise(generator) : 0);
      photo.pixels[static_cast<std::size_t>(y * camera.width + x)] =
          static_cast<std::uint8_t>(std::clamp(gray, 0.0, 255.0));
    }
  return photo;
}

std::string as_png(const GrayImage& image) {
  png_image out{};
  out.version = PNG_IMAGE_VERSION;
  out.width = static_cast<png_uint_32>(image.width);
  out.height = static_cast<png_uint_32>(image.height);
  out.format = PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = 0;
  png_image_write_to_memory(&out, nullptr, &bytes, 0, image.pixels.data(), 0, nullptr);
  std::string png(bytes, '\0');
  png_image_write_to_memory(&out, png.data(), &bytes, 0, image.pixels.data(), 0, nullptr);
  return png;
}

std::string as_jpeg(const GrayImage& image, int quality) {
  jpeg_compress_struct state{};
  jpeg_error_mgr errors{};
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char* memory = nullptr;
  unsigned long bytes = 0;
  jpeg_mem_dest(&state, &memory, &bytes);
  state.image_width = static_cast<JDIMENSION>(image.width);
  state.image_height = static_cast<JDIMENSION>(image.height);
  state.input_components = 1;
  state.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, quality, TRUE);
  jpeg_start_compress(&state, TRUE);
  while (state.next_scanline < state.image_height) {
    auto* row = const_cast<JSAMPROW>(
        image.pixels.data() + static_cast<std::size_t>(state.next_scanline) * state.image_width);
    jpeg_write_scanlines(&state, &row, 1);
  }
  jpeg_finish_compress(&state);
  std::string jpeg(reinterpret_cast<char*>(memory), bytes);
  jpeg_destroy_compress(&state);
  std::free(memory);
  return jpeg;
}

class QrTest : public ::testing::Test {
 protected:
  const Code code_ = encode(ticket_text).value();
  std::string read(const Camera& camera) const {
    const Result<std::string> text = read_photo(as_jpeg(take_photo(code_, camera), 85));
    return text ? *text : "(" + text.error().diagnostics + ")";
  }
};

TEST_F(QrTest, OurOwnPngIsRead) {
  EXPECT_EQ(read_photo(to_png(code_).value()).value(), ticket_text);
}

TEST_F(QrTest, TicketsAreSmallCodes) {
  EXPECT_LE(encode(std::string(113, 'A')).value().size, 37);
}

TEST_F(QrTest, PhotosFromTheHandAreRead) {
  Camera camera;
  EXPECT_EQ(read(camera), ticket_text) << "straight";
  for (const double degrees : {7.0, 33.0, 90.0, 145.0, 180.0, 271.0}) {
    camera.degrees = degrees;
    EXPECT_EQ(read(camera), ticket_text) << degrees << " degrees";
  }
}

TEST_F(QrTest, BlurredNoisyShadedAndTiltedPhotosAreRead) {
  Camera blurred;
  blurred.blur = 3;
  EXPECT_EQ(read(blurred), ticket_text) << "blurred";
  Camera noisy;
  noisy.noise = 25;
  EXPECT_EQ(read(noisy), ticket_text) << "noisy";
  Camera shaded;
  shaded.light = 0.35;
  EXPECT_EQ(read(shaded), ticket_text) << "half in the shadow";
  Camera tilted;
  tilted.tilt = 0.25;
  tilted.degrees = 12;
  EXPECT_EQ(read(tilted), ticket_text) << "from the side";
  Camera all;
  all.blur = 2;
  all.noise = 12;
  all.light = 0.6;
  all.degrees = 21;
  EXPECT_EQ(read(all), ticket_text) << "all of it";
}

TEST_F(QrTest, LargePhotosAreMadeSmaller) {
  Camera camera;
  camera.width = 4000;
  camera.height = 3000;
  camera.scale = 25;
  const GrayImage photo = take_photo(code_, camera);
  EXPECT_EQ(read_photo(as_jpeg(photo, 80)).value(), ticket_text);
  EXPECT_EQ(read_photo(as_png(photo)).value(), ticket_text);
  const GrayImage small = decode_image(as_jpeg(photo, 80)).value();
  EXPECT_LE(static_cast<std::uint64_t>(small.width) * small.height, read_pixels_max);
}

TEST_F(QrTest, AWhitePictureHasNoCodeAndSaysSo) {
  const GrayImage white{300, 200, std::vector<std::uint8_t>(60'000, 255)};
  const Result<std::string> text = read_photo(as_png(white));
  ASSERT_FALSE(text);
  EXPECT_TRUE(text.error().is(Errc::not_found));
}

TEST_F(QrTest, CutAndDirtyPicturesEndWithAReason) {
  const std::string png = to_png(code_).value();
  const std::string jpeg = as_jpeg(take_photo(code_, Camera()), 60);
  std::mt19937 random(3);
  for (const std::string& whole : {png, jpeg})
    for (int round = 0; round < 25; ++round) {
      std::string dirty = whole.substr(0, 1 + random() % whole.size());
      for (int i = 0; i < 6; ++i) dirty[random() % dirty.size()] = static_cast<char>(random());
      const Result<std::string> text = read_photo(dirty);
      EXPECT_TRUE(text ? *text == ticket_text : !text.error().diagnostics.empty());
    }
  EXPECT_FALSE(read_photo(""));
  EXPECT_FALSE(read_photo("GIF89a, which we do not read"));
}

// The head of a PNG that promises a picture of 1 TiB.
TEST_F(QrTest, APromiseOfTooManyPixelsIsRefusedUnread) {
  std::string huge = to_png(code_).value();
  for (const int at : {16, 20}) {
    huge[static_cast<std::size_t>(at)] = 0x00;
    huge[static_cast<std::size_t>(at) + 1] = 0x0f;
  }
  const std::uint32_t crc =
      static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(huge.data()) + 12, 17));
  for (int i = 0; i < 4; ++i)
    huge[29 + static_cast<std::size_t>(i)] = static_cast<char>(crc >> (24 - 8 * i));
  EXPECT_FALSE(read_photo(huge));
  EXPECT_TRUE(read_photo(std::string(photo_bytes_max + 1, 'x')).error().is(Errc::full));
}

TEST_F(QrTest, TheTerminalShowsAFrameAndNoStrayBytes) {
  const std::string colour = to_terminal(code_, true);
  const std::string plain = to_terminal(code_, false);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), '\n'), (code_.size + 8 + 1) / 2);
  EXPECT_THAT(colour, HasSubstr("\x1b[30;107m"));
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace alarmwire::qr
