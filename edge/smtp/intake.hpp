// The hatch between the door and the strong-room: what the door needs of whoever takes the mails
// in. The edge daemon implements it on spool and uplink; tests implement it in memory.
//
// Thread-safety: the door calls from its one thread; callbacks must come back on that thread, never
// from inside the call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/error.hpp"
#include "common/record.hpp"

namespace alarmwire::smtp {

// When the device hears its 250 (design, section 2).
enum class ReplyMode : std::uint8_t {
  assured,       // after `spooled`, wait up to ack_wait for `stored`; 250 either way, saying which
  pass_through,  // 250 only after `stored`, else 451 4.4.1
  store_and_forward,  // 250 after `spooled`
};

struct Outcome {
  enum class Kind : std::uint8_t {
    stored,       // 250 2.0.0 stored at centre, id …
    spooled,      // 250 2.0.0 spooled at box, id …
    unconfirmed,  // pass-through, and no `stored` in time: 451 4.4.1 (the spooled copy is still
                  // delivered)
    full,         // 452 4.3.1
    failed,       // 451 4.3.0
  };
  Kind kind = Kind::failed;
  AlarmId id;               // for stored, spooled, unconfirmed
  std::string diagnostics;  // for full, failed: for the log, not for the device
};

// One mail between 354 and its reply. Destroying it before finish() was answered abandons it (no
// fault is raised by that; the door says Intake::lost()).
class IncomingMail {
 public:
  virtual ~IncomingMail() = default;
  // Dot-unstuffed raw bytes, in order, at most 64 KiB a call. Wait for `done` before the next call:
  // memory stays bounded. Only a mail's first and last append in one may be followed by finish() at
  // once: a small mail costs no turn of the event loop. A failure is remembered: the door reads on
  // to the final dot, and finish() then says full or failed.
  virtual void append(std::string bytes, std::function<void()> done) = 0;
  // The final dot was read, at `accepted_us`. `done` may destroy this mail.
  virtual void finish(WallTimeUs accepted_us, std::function<void(Outcome)> done) = 0;
};

class Intake {
 public:
  virtual ~Intake() = default;
  // Called at DATA. `declared_size`: SIZE= of MAIL, if given.
  virtual std::unique_ptr<IncomingMail> begin(const Envelope& envelope, ReplyMode mode,
                                              std::optional<std::uint64_t> declared_size) = 0;
  // Room for a mail of this size? false → 452 at MAIL already.
  virtual bool has_room(std::uint64_t size) = 0;
  // A mail was begun (MAIL FROM came) and not answered 250: becomes a fault with device, envelope
  // and reason.
  virtual void lost(const Envelope& envelope, const std::string& reason) = 0;
};

}  // namespace alarmwire::smtp
