// How fuzz bytes become frames: length (2 bytes, little endian), then that many bytes of a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace alarmwire::link {

inline constexpr int fuzz_frames_max = 64;

template <typename Frame, typename Call>
void for_each_frame(const std::uint8_t* data, std::size_t size, Call call) {
  std::size_t at = 0;
  for (int i = 0; i < fuzz_frames_max && at + 2 <= size; ++i) {
    const std::size_t said = data[at] + 256u * data[at + 1];
    at += 2;
    const std::size_t length = said < size - at ? said : size - at;
    Frame frame;
    if (frame.ParseFromArray(data + at, static_cast<int>(length))) call(std::move(frame));
    at += length;
  }
}

}  // namespace alarmwire::link
