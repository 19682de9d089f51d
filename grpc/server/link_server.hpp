// The centre's gRPC end: accepts the boxes' streams, moves frames, and nothing else.
//
// It takes a TCP socket that is bound and listening already (the daemon binds it to the tunnel's
// interface), accepts by itself, and hands the connections to gRPC, which so keeps the peer's
// address. Channel settings: keepalive 5 s / 3 s, pings accepted every second, frames up to
// message_bytes_max.
//
// Thread-safety: LinkServer and LinkStream may be called from any thread. A StreamHandler is called
// from gRPC's threads, one call at a time for one stream: post to your executor and return.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/error.hpp"
#include "grpc/link/session.hpp"
#include "grpc/proto/frames.hpp"

namespace alarmwire::link {

inline constexpr int message_bytes_max = 80 * 1024;       // a larger one ends the stream
inline constexpr std::size_t frames_unconsumed_max = 32;  // then the stream is not read on
inline constexpr int streams_per_connection_max = 4;

// One box's stream, for writing. Keep it as long as you like; calls after the end do nothing.
class LinkStream {
 public:
  virtual ~LinkStream() = default;
  // One at a time: the next one only after on_write_done().
  virtual void write(const v1::CentreFrame& frame) = 0;
  virtual void consumed() = 0;  // one frame of on_frame() has been worked off
  // Ends the stream with a gRPC status made from the code (stopped: UNAVAILABLE, protocol:
  // INVALID_ARGUMENT, version: FAILED_PRECONDITION, fenced: ABORTED, denied: PERMISSION_DENIED …).
  // A write still outstanding goes first, for at most a second; then the stream is cancelled.
  virtual void close(CloseCode code, const std::string& reason) = 0;
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void on_frame(v1::BoxFrame frame) = 0;
  virtual void on_write_done() = 0;
  virtual void on_closed(const std::string& reason) = 0;  // the last call, exactly once
};

struct LinkServerConfig {
  int listen_fd = -1;  // bound and listening; the server owns and closes it
  std::size_t memory_bytes_max = 128 * 1024 * 1024;  // gRPC's resource quota
};

class LinkServer {
 public:
  // Called for each stream that opens, from a gRPC thread. `peer_address`: "fd00::1", without port.
  // A null handler refuses the stream (PERMISSION_DENIED). Must not block.
  using OnOpen = std::function<std::shared_ptr<StreamHandler>(const std::string& peer_address,
                                                              std::uint64_t stream_id,
                                                              std::shared_ptr<LinkStream> stream)>;

  static Result<std::unique_ptr<LinkServer>> start(const LinkServerConfig& config, OnOpen on_open);
  virtual ~LinkServer() = default;  // stop(0 ms) if not stopped
  // No new streams from here on; streams still open after `grace` are cancelled. Blocks until all
  // on_closed() calls have returned, at most about grace + 1 s.
  virtual void stop(std::chrono::milliseconds grace) = 0;
  virtual std::size_t streams() const = 0;
};

// A listening TCP socket for tests and simple set-ups; port 0: any. `device`: bind to this
// interface (SO_BINDTODEVICE), "" for none.
Result<int> listen_tcp(const std::string& address, std::uint16_t port, const std::string& device);
std::uint16_t local_port(int fd);

}  // namespace alarmwire::link
