// Who can say that a record is stored at the centre: what the intake asks before it answers a
// device. Thread-safety: the io_context's one thread.
#pragma once

#include <chrono>
#include <functional>

#include "common/ids.hpp"

namespace alarmwire::uplink {

class Acknowledger {
 public:
  virtual ~Acknowledger() = default;
  virtual bool is_up() const = 0;
  // Calls back once, on the io_context's thread, never from inside the call: true when the record
  // is in the ledger, false when `ack_wait` ran out, or at once when waiting makes no sense (link
  // down, or the last wait ran out and nothing was settled since).
  virtual void wait_stored(const RecordKey& key, std::chrono::milliseconds ack_wait,
                           std::function<void(bool stored)> done) = 0;
};

}  // namespace alarmwire::uplink
