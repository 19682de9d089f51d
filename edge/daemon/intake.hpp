// From the door into the strong-room, and the answer back: spool first, then, if the reply mode
// asks for it and it makes sense, wait for the centre (design, section 2).
//
// Thread-safety: the io_context's one thread; the spool's callbacks are posted there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "common/fault_desk.hpp"
#include "edge/daemon/lane_rules.hpp"
#include "edge/smtp/intake.hpp"
#include "edge/spool/spool.hpp"

namespace alarmwire::edge {

// Who can say that a record is stored at the centre; the uplink is one.
class Acknowledger {
 public:
  virtual ~Acknowledger() = default;
  virtual bool is_up() const = 0;
  // Calls back once, on the io_context's thread, never from inside the call: true when the record
  // is settled, false when `ack_wait` ran out, or at once when waiting makes no sense (link down,
  // or the last wait ran out and nothing was settled since).
  virtual void wait_stored(const RecordKey& key, std::chrono::milliseconds ack_wait,
                           std::function<void(bool stored)> done) = 0;
};

// How long each listener's devices are kept waiting for `stored`.
using AckWaits = std::map<std::string, std::chrono::milliseconds>;
inline constexpr std::chrono::milliseconds ack_wait_default{5000};

class SpoolIntake final : public smtp::Intake {
 public:
  SpoolIntake(boost::asio::io_context& context, spool::Spool& spool, Acknowledger& acknowledger,
              FaultDesk& faults, LaneRules rules, AckWaits ack_waits);
  ~SpoolIntake() override;

  std::unique_ptr<smtp::IncomingMail> begin(const Envelope& envelope, smtp::ReplyMode mode,
                                            std::optional<std::uint64_t> declared_size) override;
  bool has_room(std::uint64_t size) override;
  void lost(const Envelope& envelope, const std::string& reason) override;

  void reconfigure(LaneRules rules, AckWaits ack_waits);

 private:
  class Mail;
  std::chrono::milliseconds ack_wait(const std::string& listener) const;
  boost::asio::io_context& context_;
  spool::Spool& spool_;
  Acknowledger& acknowledger_;
  FaultDesk& faults_;
  LaneRules rules_;
  AckWaits ack_waits_;
};

}  // namespace alarmwire::edge
