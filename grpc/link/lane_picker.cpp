#include "grpc/link/lane_picker.hpp"

#include <algorithm>

namespace alarmwire::link {

std::optional<std::size_t> LanePicker::pick(
    const std::array<std::size_t, lane_count>& frame_bytes) {
  std::size_t top = 0;
  while (top < lane_count && frame_bytes[top] == 0) ++top;
  if (top == lane_count) return std::nullopt;
  for (std::size_t i = 1; i <= lane_count; ++i) {
    const std::size_t lower = (turn_ + i) % lane_count;
    if (lower <= top || frame_bytes[lower] == 0) continue;
    if (owed_bytes_ >= std::min(frame_bytes[lower], frame_bytes_max)) {
      owed_bytes_ -= std::min(frame_bytes[lower], frame_bytes_max);
      turn_ = lower;
      return lower;
    }
    const std::size_t earned =
        std::max<std::size_t>(frame_bytes[top] / higher_bytes_per_lower_byte, 1);
    owed_bytes_ = std::min(owed_bytes_ + earned, frame_bytes_max);
    break;
  }
  return top;
}

}  // namespace alarmwire::link
