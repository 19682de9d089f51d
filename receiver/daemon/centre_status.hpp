// The centre's state in one object, for `alarmwire status` and whoever polls it (docs/control.md).
// Pure: figures go in, JSON and verdicts come out. Thread-safety: pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fault_book.hpp"
#include "receiver/fleet/verdict.hpp"
#include "receiver/ingest/ingest.hpp"
#include "receiver/outlets/outlet.hpp"
#include "receiver/sites/sites.hpp"

namespace alarmwire::receiver {

struct BoxFigures {
  sites::Box site;
  std::optional<ingest::BoxStatus> link;  // empty: not seen since the start
  bool seen = false;                      // ever
  bool silent = false;
};

struct CentreFigures {
  std::optional<boost::json::object> tunnel;  // alarmwire-tunnel's answer; empty: it is silent
  ledger::Snapshot ledger;
  std::vector<outlets::OutletStatus> outlets;
  std::vector<ledger::Owed> owed;  // of it only what no configured outlet will hand over is shown
  std::vector<BoxFigures> boxes;
  std::vector<FaultBook::Open> faults;
  bool listening = false;
  std::chrono::seconds acknowledged_within{};  // what makes a box green
  std::int64_t uptime_s = 0;
  WallTimeUs now_us = 0;
};

// Of each box, in their order. `tunnel`: as in CentreFigures.
std::vector<fleet::Verdict> judge_boxes(const std::vector<BoxFigures>& boxes,
                                        const std::optional<boost::json::object>& tunnel,
                                        std::chrono::seconds acknowledged_within,
                                        WallTimeUs now_us);

// What alarmwire-tunnel says of each box, by its id. Points into `tunnel`.
using Peers = std::map<std::string_view, const boost::json::object*>;
Peers peers_of(const std::optional<boost::json::object>& tunnel);

std::string colour_of_centre(const CentreFigures& figures);
boost::json::object describe(const CentreFigures& figures);
boost::json::array describe_boxes(const CentreFigures& figures);
boost::json::array describe_outlets(const CentreFigures& figures);
// What people can do about an outlet that is no longer configured.
std::string advice(const std::string& missing_outlet);

}  // namespace alarmwire::receiver
