#include "edge/spool/quota.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::uint64_t row_overhead_bytes =
    512;  // columns, index entry, share of a half-full page
constexpr std::uint64_t page_payload_bytes = 4000;  // of 4096, in an overflow page or a leaf
constexpr std::uint64_t page_bytes = 4096;

}  // namespace

std::uint64_t Quota::cost(std::uint64_t payload_bytes) {
  const std::uint64_t bytes = payload_bytes + row_overhead_bytes;
  return (bytes + page_payload_bytes - 1) / page_payload_bytes * page_bytes;
}

std::uint64_t Quota::limit(Lane lane) const {
  return lane == Lane::routine ? bytes_ - bytes_ / 10 : bytes_;
}

bool Quota::admits(Lane lane, std::uint64_t used_bytes, std::uint64_t cost_bytes) const {
  return used_bytes + cost_bytes <= limit(lane);
}

bool FullState::refused(Cause cause) {
  const bool was_full = is_full();
  (cause == Cause::quota ? is_quota_full_ : is_disk_full_) = true;
  return !was_full;
}

bool FullState::wrote(bool quota_has_room, bool disk_has_room) {
  const bool was_full = is_full();
  if (quota_has_room) is_quota_full_ = false;
  if (disk_has_room) is_disk_full_ = false;
  return was_full && !is_full();
}

}  // namespace alarmwire::spool
