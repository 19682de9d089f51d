// The userspace backend: `wireguard-go -f` as our child and of our user, on a persistent TUN we
// made, told what to do over its UAPI socket.
//
// When the child dies the interface, its address and its routes stay (packets die in it instead of
// leaving in clear); create() then starts a new child. The socket is a path in the file system that
// every network namespace shares: interface names must differ, and we check by SO_PEERCRED that it
// is our own child that answers.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "tunnel/device.hpp"
#include "tunnel/process.hpp"

namespace alarmwire::tunnel {

class UserspaceDevice final : public TunnelDevice {
 public:
  static constexpr std::chrono::milliseconds start_wait{3000};
  static constexpr std::chrono::milliseconds answer_wait{1000};
  static constexpr std::chrono::milliseconds stop_wait{500};

  explicit UserspaceDevice(std::string interface);
  ~UserspaceDevice() override = default;

  Status create() override;
  Status apply(const DeviceConfig& wanted) override;
  Status set_endpoint(const PublicKey& peer, const Endpoint& endpoint) override;
  Status kick(const PeerConfig& peer) override;
  Result<DeviceStatus> status() override;
  Status destroy() override;
  Status release() override;
  int loss_descriptor() const override { return child_ ? child_->exit_descriptor() : -1; }
  std::string_view backend() const override { return "userspace"; }
  std::string version() const override { return version_; }

 private:
  Status check_socket_place() const;
  Status wait_until_serving();
  Result<Descriptor> connect() const;
  Result<std::string> exchange(const std::string& request) const;
  Status set(const std::string& request) const;

  std::string interface_;
  std::string socket_path_;
  std::string version_;
  std::optional<process::Child> child_;
};

}  // namespace alarmwire::tunnel
