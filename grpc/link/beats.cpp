#include "grpc/link/beats.hpp"

#include <algorithm>

namespace alarmwire::link {

namespace {

std::int64_t us_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
}

constexpr std::int64_t echo_age_us_max = 3600ll * 1000 * 1000;

}  // namespace

void Beats::start(std::chrono::milliseconds interval, Now now) {
  interval_ = interval;
  last_heard_ = now.steady;
  next_ = side_ == Side::box ? now.steady : now.steady + interval;  // the box begins
}

void Beats::on_beat(const v1::Beat& beat, Now now) {
  if (echo_number_ == 0) next_ = now.steady;
  echo_number_ = beat.number();
  echo_time_us_ = beat.time_us();
  echo_heard_ = now.steady;
  if (beat.echo_number() == 0 || beat.echo_age_us() < 0 || beat.echo_age_us() > echo_age_us_max) {
    return;
  }
  const auto ours = std::find_if(sent_.begin(), sent_.end(), [&](const Sent& sent) {
    return sent.number == beat.echo_number();
  });
  if (ours == sent_.end()) return;
  const std::int64_t rtt_us = us_between(ours->at.steady, now.steady) - beat.echo_age_us();
  if (rtt_us < 0) return;
  // Their clock at the middle of the way back, against ours.
  const std::int64_t theirs_minus_ours = beat.time_us() + rtt_us / 2 - now.wall_us;
  sample(rtt_us, side_ == Side::box ? theirs_minus_ours : -theirs_minus_ours);
  sent_.erase(sent_.begin(), ours + 1);
}

v1::Beat Beats::make(Now now) {
  v1::Beat beat;
  beat.set_number(++number_);
  beat.set_time_us(now.wall_us);
  if (echo_number_ != 0) {
    beat.set_echo_number(echo_number_);
    beat.set_echo_time_us(echo_time_us_);
    beat.set_echo_age_us(us_between(echo_heard_, now.steady));
  }
  sent_.push_back({number_, now});
  if (sent_.size() > beats_remembered_max) sent_.pop_front();
  next_ = now.steady + interval_;
  return beat;
}

SteadyTime Beats::deadline(bool may_write) const {
  if (!is_started()) return SteadyTime::max();
  return may_write ? std::min(next_, silent_at()) : silent_at();
}

void Beats::sample(std::int64_t rtt_us, std::int64_t offset_us) {
  samples_.push_back({rtt_us, offset_us});
  if (samples_.size() > clock_samples_max) samples_.pop_front();
}

std::optional<ClockReading> Beats::clock() const {
  const auto best = std::min_element(
      samples_.begin(), samples_.end(),
      [](const ClockReading& a, const ClockReading& b) { return a.rtt_us < b.rtt_us; });
  if (best == samples_.end()) return std::nullopt;
  return *best;
}

}  // namespace alarmwire::link
