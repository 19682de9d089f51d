// Virtual time and seeded chance: everything in a simulation happens on one thread, in an order
// that the seed alone decides.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "grpc/link/session.hpp"

namespace alarmwire::simulation {

class Clockwork {
 public:
  explicit Clockwork(std::uint64_t seed) : random_(seed) {}

  std::int64_t now_us() const { return now_us_; }
  link::Now now(std::int64_t skew_us) const {
    return {SteadyTime(std::chrono::microseconds(now_us_ + start_us)),
            1'700'000'000'000'000 + now_us_ + skew_us};
  }
  static std::int64_t us_of(SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() -
           start_us;
  }
  void after(std::int64_t delay_us, std::function<void()> call) {
    queue_.emplace(std::pair{now_us_ + std::max<std::int64_t>(delay_us, 0), ++order_},
                   std::move(call));
  }
  // Works off what is due until `end_us`.
  void run_until(std::int64_t end_us) {
    while (!queue_.empty() && queue_.begin()->first.first <= end_us) {
      auto node = queue_.extract(queue_.begin());
      now_us_ = node.key().first;
      node.mapped()();
    }
    now_us_ = end_us;
  }

  std::uint64_t number(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(number(static_cast<std::uint64_t>(most - least + 1)));
  }
  bool chance(std::uint64_t one_in) { return number(one_in) == 0; }
  std::string bytes(std::size_t count) {
    std::string text(count, '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }

 private:
  static constexpr std::int64_t start_us = 1'000'000'000;
  std::int64_t now_us_ = 0;
  std::uint64_t order_ = 0;
  std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> queue_;
  std::mt19937_64 random_;
};

}  // namespace alarmwire::simulation
