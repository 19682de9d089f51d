#include "grpc/link/write_ahead.hpp"

#include <algorithm>

#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

namespace {

constexpr std::size_t marks_per_bound = 4;  // also: frames, where they are small
constexpr std::size_t frame_data_bytes_least = 4 * 1024;

}  // namespace

void WriteAhead::start(std::chrono::microseconds round_trip) {
  is_started_ = true;
  quickest_ = round_trip;
}

bool WriteAhead::may_write(bool is_urgent) const {
  return !is_started_ || ahead() < (is_urgent ? 2 * bound_ : bound_);
}

std::size_t WriteAhead::frame_data_bytes_max() const {
  if (!is_started_) return chunk_data_bytes_max;
  return std::clamp(bound_ / marks_per_bound, frame_data_bytes_least, chunk_data_bytes_max);
}

void WriteAhead::wrote(std::size_t bytes) {
  written_ += bytes;
}

// Whenever may_write() says no, a Mark is on its way: what has none is less than the bound.
bool WriteAhead::is_mark_due() const {
  return is_started_ && (is_asked_ || written_ - marked_ >= bound_ / marks_per_bound);
}

std::uint64_t WriteAhead::mark(SteadyTime now) {
  is_asked_ = false;
  marked_ = written_;
  sent_.push_back({++last_number_, now, written_, ahead()});
  return last_number_;
}

bool WriteAhead::on_mark(std::uint64_t number, SteadyTime now) {
  if (number > last_number_) return false;
  while (!sent_.empty() && sent_.front().number <= number) {
    const Sent sent = sent_.front();
    sent_.pop_front();
    reached_ = sent.written;
    if (sent.number == number) learn(sent, now);
  }
  return true;
}

void WriteAhead::learn(const Sent& sent, SteadyTime now) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - sent.at);
  quickest_ = std::min(quickest_, took);
  // The line carries at least `ahead` in this time: what it carries in the aimed one may be ahead.
  const std::chrono::microseconds aim = quickest_ + queue_aim;
  const double part = static_cast<double>(aim.count()) / static_cast<double>(took.count() + 1);
  const double fitting =
      std::clamp(static_cast<double>(sent.ahead) * part, static_cast<double>(ahead_bytes_min),
                 static_cast<double>(ahead_bytes_max));
  const auto bytes = static_cast<std::size_t>(fitting);
  bound_ = took > aim ? std::min(bound_, bytes) : std::max(bound_, bytes);
}

}  // namespace alarmwire::link
