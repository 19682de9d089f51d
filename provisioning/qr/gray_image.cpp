#include "provisioning/qr/gray_image.hpp"

#include <cstdio>
#include <cstring>
#include <string>

#include "provisioning/qr/qr_photo.hpp"
// These two want <cstdio> before them.
#include <jpeglib.h>
#include <png.h>

namespace alarmwire::qr {
namespace {

Status check_size(std::uint64_t width, std::uint64_t height) {
  if (width == 0 || height == 0) return Failure(Errc::invalid_argument, "an empty picture");
  if (width > photo_side_pixels_max || height > photo_side_pixels_max ||
      width * height > photo_pixels_max)
    return Failure(Errc::full, "the picture has too many pixels");
  return {};
}

// How many pixels become one, in each direction.
std::uint32_t shrink_for(std::uint64_t width, std::uint64_t height) {
  std::uint32_t factor = 1;
  while ((width / factor) * (height / factor) > read_pixels_max) ++factor;
  return factor;
}

// Collects rows of gray pixels and means over factor x factor of them.
class Shrinker {
 public:
  Shrinker(std::uint32_t width, std::uint32_t height, std::uint32_t factor)
      : factor_(factor), sums_(width / factor, 0) {
    image_.width = static_cast<int>(width / factor);
    image_.height = static_cast<int>(height / factor);
    image_.pixels.reserve(sums_.size() * (height / factor));
  }
  void row(const std::uint8_t* gray) {
    if (image_.pixels.size() >= sums_.size() * static_cast<std::size_t>(image_.height)) return;
    for (std::size_t x = 0; x < sums_.size(); ++x)
      for (std::uint32_t i = 0; i < factor_; ++i) sums_[x] += gray[x * factor_ + i];
    if (++rows_ < factor_) return;
    rows_ = 0;
    for (std::uint32_t& sum : sums_) {
      image_.pixels.push_back(static_cast<std::uint8_t>(sum / (factor_ * factor_)));
      sum = 0;
    }
  }
  GrayImage take() {
    image_.pixels.resize(sums_.size() * static_cast<std::size_t>(image_.height), 255);
    return std::move(image_);
  }

 private:
  const std::uint32_t factor_;
  std::uint32_t rows_ = 0;
  std::vector<std::uint32_t> sums_;
  GrayImage image_;
};

// --- PNG: libpng gives rows, except of an interlaced file, which is read whole in 8-bit gray ---

struct PngSource {
  std::string_view left;
};

void png_read_from(png_structp png, png_bytep out, png_size_t bytes) {
  auto* const source = static_cast<PngSource*>(png_get_io_ptr(png));
  if (bytes > source->left.size()) png_error(png, "the file ends early");
  std::memcpy(out, source->left.data(), bytes);
  source->left.remove_prefix(bytes);
}

[[noreturn]] void png_throw(png_structp, png_const_charp why) {
  throw std::string(why);
}
void png_hush(png_structp, png_const_charp) {}

struct PngReader {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, png_throw, png_hush);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

Result<GrayImage> read_png(std::string_view bytes) {
  PngReader reader;
  if (reader.info == nullptr) return Failure(Errc::io, "libpng has no memory");
  PngSource source{bytes};
  png_set_read_fn(reader.png, &source, png_read_from);
  png_set_user_limits(reader.png, photo_side_pixels_max, photo_side_pixels_max);
  png_set_chunk_malloc_max(reader.png, 4 * 1024 * 1024);
  png_read_info(reader.png, reader.info);
  const std::uint32_t width = png_get_image_width(reader.png, reader.info);
  const std::uint32_t height = png_get_image_height(reader.png, reader.info);
  if (Status fits = check_size(width, height); !fits) return fits.error();
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_color_16 white{};
  white.red = white.green = white.blue = white.gray = 255;
  png_set_background(reader.png, &white, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
  if ((png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_COLOR) != 0)
    png_set_rgb_to_gray(reader.png, PNG_ERROR_ACTION_NONE, PNG_RGB_TO_GRAY_DEFAULT,
                        PNG_RGB_TO_GRAY_DEFAULT);
  const int passes = png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  if (row_bytes != width) return Failure(Errc::invalid_argument, "a PNG of an odd kind");
  std::vector<png_byte> rows(row_bytes * (passes > 1 ? height : 1));
  Shrinker shrinker(width, height, shrink_for(width, height));
  for (int pass = 0; pass < passes; ++pass)
    for (std::uint32_t y = 0; y < height; ++y) {
      png_byte* const row = rows.data() + (passes > 1 ? y * row_bytes : 0);
      png_read_row(reader.png, row, nullptr);
      if (pass + 1 == passes) shrinker.row(row);
    }
  return shrinker.take();
}

// --- JPEG ---

[[noreturn]] void jpeg_throw(j_common_ptr state) {
  char text[JMSG_LENGTH_MAX];
  state->err->format_message(state, text);
  throw std::string(text);
}
void jpeg_hush(j_common_ptr, int) {}

struct JpegReader {
  jpeg_error_mgr errors{};
  jpeg_decompress_struct state{};
  JpegReader() {
    state.err = jpeg_std_error(&errors);
    errors.error_exit = jpeg_throw;
    errors.emit_message = jpeg_hush;
    jpeg_create_decompress(&state);
  }
  ~JpegReader() { jpeg_destroy_decompress(&state); }
};

Result<GrayImage> read_jpeg(std::string_view bytes) {
  JpegReader reader;
  auto& state = reader.state;
  jpeg_mem_src(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&state, TRUE);
  if (Status fits = check_size(state.image_width, state.image_height); !fits) return fits.error();
  state.out_color_space = JCS_GRAYSCALE;
  // The decoder itself makes it smaller by eighths, for nothing.
  state.scale_denom = 8;
  state.scale_num = 8;
  while (state.scale_num > 1 && static_cast<std::uint64_t>(state.image_width) * state.image_height *
                                        state.scale_num * state.scale_num / 64 >
                                    read_pixels_max)
    --state.scale_num;
  jpeg_start_decompress(&state);
  if (state.output_components != 1) return Failure(Errc::invalid_argument, "a JPEG of an odd kind");
  const std::uint32_t width = state.output_width;
  const std::uint32_t height = state.output_height;
  std::vector<JSAMPLE> row(width);
  Shrinker shrinker(width, height, shrink_for(width, height));
  while (state.output_scanline < height) {
    JSAMPROW rows[] = {row.data()};
    if (jpeg_read_scanlines(&state, rows, 1) != 1) break;
    shrinker.row(row.data());
  }
  return shrinker.take();
}

}  // namespace

Result<GrayImage> decode_image(std::string_view bytes) {
  try {
    if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return read_png(bytes);
    if (bytes.starts_with("\xff\xd8\xff")) return read_jpeg(bytes);
  } catch (const std::string& why) {  // thrown through libpng or libjpeg
    return Failure(Errc::invalid_argument, "the picture is damaged: " + why);
  }
  return Failure(Errc::invalid_argument, "this is neither a PNG nor a JPEG picture");
}

}  // namespace alarmwire::qr
