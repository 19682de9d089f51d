// The door itself: listens, and runs a session for each connection on an io_context.
//
// Promises: greets at once (no DNS, no delay); sheds load with 421; a slow or dead peer ends at its
// limits; what an idle session holds is a few KiB (the read buffer is shared); an error of one
// connection never touches another. What the sessions promise stands in session.hpp.
// Thread-safety: everything on the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "edge/smtp/certificate.hpp"
#include "edge/smtp/config.hpp"
#include "edge/smtp/device_table.hpp"
#include "edge/smtp/dialogue_log.hpp"
#include "edge/smtp/identity.hpp"
#include "edge/smtp/inherited.hpp"
#include "edge/smtp/intake.hpp"

namespace alarmwire::smtp {

struct ListenerStatus {
  std::string name;
  std::string address;
  std::uint16_t port = 0;
  ReplyMode reply = ReplyMode::assured;
  TlsMode tls = TlsMode::offered;
  AuthMode auth = AuthMode::optional;
  bool legacy_tls = false;  // old, weak TLS is let in: shown as a warning
};

struct DoorSnapshot {
  std::string hostname;
  std::vector<std::string> zones;
  std::vector<ListenerStatus> listeners;
  std::size_t sessions = 0;
  std::uint64_t accepted = 0;          // mails answered 250
  std::uint64_t lost = 0;              // mails begun and not answered 250
  std::uint64_t refused_sessions = 0;  // by a limit or a network
  std::vector<Device> devices;
  Identity certificate;  // without its keys; without names: TLS is not available
};

class Door {
 public:
  // Opens every listener, on an inherited socket where one has its name or its address and port.
  // `intake` must outlive the door; without a directory nobody is known. Fails when one listener
  // cannot be opened.
  static Result<std::unique_ptr<Door>> open(boost::asio::io_context& context, const Config& config,
                                            Intake& intake,
                                            std::shared_ptr<DeviceDirectory> directory,
                                            const std::vector<InheritedSocket>& inherited = {});
  // Ends all sessions as stop() does at its deadline.
  virtual ~Door() = default;

  // SIGHUP: names, zones, limits, networks, TLS, users and reply modes hold for new sessions.
  // Listeners are matched by name; Errc::unsupported (the rest is applied) when one came, went or
  // moved: that takes a restart.
  virtual Status reconfigure(const Config& config, std::shared_ptr<DeviceDirectory> directory) = 0;

  // No new connections; idle sessions hear 421 at once, open mails may finish until `patience` ran
  // out, then everything is closed. `done` comes once, never from inside the call.
  virtual void stop(std::chrono::milliseconds patience, std::function<void()> done) = 0;

  virtual DoorSnapshot snapshot() const = 0;

  // The last dialogues of the device with this name or address, oldest first, then those that go
  // on.
  virtual std::vector<Dialogue> dialogues(std::string_view device) const = 0;
};

}  // namespace alarmwire::smtp
