// The box's state in one object, for `alarmwire status` and whoever polls it (docs/control.md).
// Pure: figures go in, JSON and a verdict come out. Thread-safety: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fault_book.hpp"
#include "edge/smtp/listener_asio.hpp"
#include "edge/spool/spool.hpp"
#include "edge/uplink/uplink.hpp"

namespace alarmwire::status {

// A record that waits longer than this while the link is up is a sign that something holds it.
inline constexpr WallTimeUs waiting_too_long_us = 60'000'000;

// A new link has this long until its first acknowledgement.
inline constexpr WallTimeUs first_acknowledgement_us = 20'000'000;

struct BoxFigures {
  std::optional<boost::json::object> tunnel;  // alarmwire-tunnel's answer; empty: it is silent
  uplink::LinkStatus link;
  spool::Snapshot spool;
  smtp::DoorSnapshot door;
  std::shared_ptr<const std::vector<smtp::DeviceEntry>> devices;  // as configured; may be null
  std::vector<FaultBook::Open> faults;
  std::chrono::seconds acknowledged_within{};  // what makes the box green; 0: it is not asked
  std::int64_t uptime_s = 0;
  WallTimeUs now_us = 0;
};

// green: the stream is up, what was sent is acknowledged, nothing waits too long; amber: the tunnel
// stands without a stream, nothing is acknowledged, or something is wrong that loses nothing; red:
// no path.
struct Verdict {
  std::string_view colour;
  std::string reason;
};
// Of the figures it takes tunnel, link, spool, faults, acknowledged_within and now_us.
Verdict judge(const BoxFigures& figures);

boost::json::object describe(const BoxFigures& figures);
// What devices need to trust the box: its certificate's facts and its CA, in PEM. No key.
boost::json::object describe_certificate(const smtp::Identity& certificate);

}  // namespace alarmwire::status
