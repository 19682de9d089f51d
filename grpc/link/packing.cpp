#include "grpc/link/packing.hpp"

#include <zstd.h>

#include <memory>

#include "grpc/proto/frames.hpp"

namespace alarmwire::link {
namespace {

constexpr int level = 1;
constexpr std::size_t worth_one_in = 16;  // bytes saved, at least

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Some hundred KiB each, and needed for a moment: one for each thread, not one for each stream.
ZSTD_CCtx* compressor() {
  static thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  return context.get();
}

ZSTD_DCtx* decompressor() {
  static thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

std::optional<std::string> pack(std::string_view data) {
  if (data.size() < packed_from_bytes || compressor() == nullptr) return std::nullopt;
  // Whatever does not fit in here is not worth it: the compressor gives up by itself.
  std::string packed(data.size() - data.size() / worth_one_in, '\0');
  const std::size_t size = ZSTD_compressCCtx(compressor(), packed.data(), packed.size(),
                                             data.data(), data.size(), level);
  if (ZSTD_isError(size) != 0) return std::nullopt;
  packed.resize(size);
  return packed;
}

std::optional<std::string> unpack(std::string_view packed, std::size_t size) {
  if (size == 0 || size > frame_bytes_max || decompressor() == nullptr) return std::nullopt;
  std::string data(size, '\0');
  const std::size_t got =
      ZSTD_decompressDCtx(decompressor(), data.data(), data.size(), packed.data(), packed.size());
  if (ZSTD_isError(got) != 0 || got != size) return std::nullopt;
  return data;
}

}  // namespace alarmwire::link
