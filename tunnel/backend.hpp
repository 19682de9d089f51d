// Which backend drives the tunnel: the kernel if it can, else wireguard-go. Only "no such device
// type" falls back; a missing permission is an error, whichever backend was meant.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tunnel/device.hpp"

namespace alarmwire::tunnel {

enum class Backend : std::uint8_t { automatic, kernel, userspace };

// A created device without peers.
Result<std::unique_ptr<TunnelDevice>> open_device(Backend wanted, const std::string& interface);

// The rule alone, for tests: `first` is created; only Errc::unsupported tries `second`.
Result<std::unique_ptr<TunnelDevice>> first_that_works(std::unique_ptr<TunnelDevice> first,
                                                       std::unique_ptr<TunnelDevice> second);

}  // namespace alarmwire::tunnel
