// Which lane may send the next frame: the highest that is ready, but for every fifteen bytes of a
// higher lane one byte is owed to the lower ones, so that a long burst cannot starve them.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "common/ids.hpp"
#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

inline constexpr std::size_t higher_bytes_per_lower_byte = 15;

class LanePicker {
 public:
  // `frame_bytes`: what each lane would send next; 0: nothing, or no credit.
  std::optional<std::size_t> pick(const std::array<std::size_t, lane_count>& frame_bytes);

 private:
  std::size_t owed_bytes_ = 0;  // at most one frame
  std::size_t turn_ = 0;        // round-robin among the lower lanes
};

}  // namespace alarmwire::link
