// A way out of the ledger (design 5.5): takes records in order and hands them to something outside
// the centre.
//
// Promises: every record of the ledger gets exactly one lasting state per outlet (taken, refused,
// parked, skipped), and is offered at least once before that; per (box, lane) in order of
// positions; lanes by priority, boxes round-robin. Thread-safety: start(), stop(), stored() and the
// questions may be called from any thread; an outlet has threads of its own.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "receiver/ledger/ledger.hpp"

namespace alarmwire::outlets {

enum class Verdict : std::uint8_t {
  taken,        // the far side said yes
  refused,      // the far side said no for good (5xx)
  later,        // a mail-level no for now (4xx): holds only its box and lane
  unreachable,  // no connection, 421, or unknown: holds the outlet
};

struct OutletStatus {
  std::string name;
  std::string kind;      // "smtp"
  std::string target;    // "10.0.0.5:25"
  bool stopped = false;  // the far side cannot be reached; retrying
  WallTimeUs stopped_since_us = 0;
  std::string last_error;
  std::uint64_t waiting = 0;
  std::uint64_t taken = 0;  // since start
  std::uint64_t refused = 0;
  std::uint64_t parked = 0;
  WallTimeUs last_taken_us = 0;
  WallTimeUs oldest_waiting_us = 0;
};

// What faults about one alarm at an outlet are about.
inline std::string fault_subject(const std::string& outlet, const AlarmId& id) {
  return outlet + ": " + id.to_string();
}

// What an outlet tells the daemon. Called from the outlet's threads; must not block.
class OutletObserver {
 public:
  virtual ~OutletObserver() = default;
  // Faults of the outlet and their ends ("outlet-stalled", "outlet-parked", "outlet-refused",
  // "ledger-unreadable"). The daemon books them.
  virtual void on_fault(const BoxId& box, const std::string& code, const std::string& subject,
                        const std::string& reason, bool over) = 0;
};

class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void start() = 0;
  virtual void stop() = 0;  // finishes the mail in hand, at most 3 s, then leaves
  // Each record after its commit, in order of positions: goes out without being looked for.
  virtual void stored(const ledger::Record& record) = 0;
  virtual OutletStatus status() const = 0;
  // Sends one test mail to the configured test address, synchronously: the far side's words. One at
  // a time; stop() cuts it off.
  virtual Result<std::string> test() = 0;
  // Parked and refused records of a box (or all: "") become waiting again. Answers how many.
  virtual Result<std::uint64_t> retry(const std::string& box) = 0;
};

}  // namespace alarmwire::outlets
