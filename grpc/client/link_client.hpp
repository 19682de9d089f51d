// The box's gRPC end: keeps a stream to the centre, moves frames, and nothing else.
//
// One attempt at a time: connect(), then write() at once (gRPC holds the frame until the transport
// is there); on_closed() ends the attempt, also when it never connected. The driver above decides
// when to try again (ReconnectDelay). Channel settings: keepalive 5 s / 3 s also without calls,
// reconnect backoff 200 ms … 5 s, no proxies, no service configuration from DNS.
//
// Thread-safety: LinkClient may be called from any thread. A ClientHandler is called from gRPC's
// threads, one call at a time: post to your executor and return.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "common/error.hpp"
#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

struct LinkClientConfig {
  std::string address;  // an IPv6 or IPv4 literal, e.g. "fd00::1"
  std::uint16_t port = 0;
  std::chrono::milliseconds connect_timeout{5000};
};

// Calls carry the number of the attempt they belong to, as given by connect(): what a driver has
// given up on may still report.
class ClientHandler {
 public:
  virtual ~ClientHandler() = default;
  virtual void on_frame(std::uint64_t attempt, v1::CentreFrame frame) = 0;
  virtual void on_write_done(std::uint64_t attempt) = 0;
  // Exactly once per attempt, the last call. `reason`: the other side's words, or the transport's.
  virtual void on_closed(std::uint64_t attempt, const std::string& reason) = 0;
};

class LinkClient {
 public:
  static std::unique_ptr<LinkClient> make(const LinkClientConfig& config, ClientHandler& handler);
  // Cancels and waits until the last on_closed() has returned. The handler must outlive it.
  virtual ~LinkClient() = default;
  // Gives up the attempt before, if any, and does not wait for gRPC's own backoff.
  virtual std::uint64_t connect() = 0;
  virtual void write(std::uint64_t attempt, const v1::BoxFrame& frame) = 0;  // one outstanding
  virtual void consumed(std::uint64_t attempt) = 0;  // one frame of on_frame() was worked off
  // Half-closes after the outstanding write and waits for the centre's end, at most a second.
  virtual void finish(std::uint64_t attempt) = 0;
  virtual void cancel(std::uint64_t attempt) = 0;
  virtual void reset_backoff() = 0;  // the path is back (new handshake)
  // Our own address changed: the next attempt begins with a connection of its own.
  virtual void leave_connection() = 0;
};

// How long to wait before the next attempt: 100 ms first, doubling, at most 2 s, with jitter (50 to
// 100 % of it), so that a thousand boxes do not come back in step.
class ReconnectDelay {
 public:
  explicit ReconnectDelay(std::uint64_t seed) : random_(seed) {}
  std::chrono::milliseconds next();
  void reset() { tries_ = 0; }

 private:
  std::mt19937_64 random_;
  unsigned tries_ = 0;
};

}  // namespace alarmwire::link
