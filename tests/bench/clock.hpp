// One clock for all tools of the benchmark: the same in every process and namespace of a machine.
#pragma once

#include <time.h>

#include <cstdint>

namespace alarmwire::bench {

inline std::int64_t now_us() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

}  // namespace alarmwire::bench
