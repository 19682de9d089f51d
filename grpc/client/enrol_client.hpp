// The box's end of enrolment: one call to the centre, on a connection of its own.
//
// Thread-safety: one thread; `done` comes from a thread of gRPC's, exactly once, at the latest
// after enrol_call_within. One call at a time. A client that goes
// cancels the call under way and waits for its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/error.hpp"
#include "grpc/proto/enrol.hpp"

namespace alarmwire::link {

inline constexpr std::chrono::seconds enrol_call_within{5};

class EnrolClient {
 public:
  using Done = std::function<void(const Result<v1::EnrolAnswer>& answer)>;

  static std::unique_ptr<EnrolClient> make(const std::string& address, std::uint16_t port);
  virtual ~EnrolClient() = default;
  virtual void enrol(const v1::EnrolRequest& request, Done done) = 0;
};

}  // namespace alarmwire::link
