// The kernel backend: the embeddable WireGuard library (generic netlink) behind TunnelDevice.
// A session survives this daemon: release() leaves the interface working.
#pragma once

#include <string>

#include "tunnel/device.hpp"

namespace alarmwire::tunnel {

class KernelDevice final : public TunnelDevice {
 public:
  explicit KernelDevice(std::string interface) : interface_(std::move(interface)) {}

  Status create() override;
  Status apply(const DeviceConfig& wanted) override;
  Status set_endpoint(const PublicKey& peer, const Endpoint& endpoint) override;
  Status kick(const PeerConfig& peer) override;
  Result<DeviceStatus> status() override;
  Status destroy() override;
  Status release() override { return {}; }
  std::string_view backend() const override { return "kernel"; }
  std::string version() const override;

 private:
  Status mark();

  std::string interface_;
};

// What an errno of "make a WireGuard link" means: only "no such device type" may fall back.
Failure kernel_create_failure(int error_number, const std::string& interface);

}  // namespace alarmwire::tunnel
