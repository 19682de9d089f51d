// A channel from a box to its centre: a literal address, no proxy, no retries of gRPC's own, a dead
// path noticed within 8 s. Only the .cpp files of this folder include it.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace alarmwire::link {

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, std::uint16_t port,
                                            std::chrono::milliseconds connect_timeout,
                                            std::size_t message_bytes_max);

}  // namespace alarmwire::link
