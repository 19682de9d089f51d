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
#include "edge/uplink/acknowledger.hpp"

namespace alarmwire::edge {

// How long each listener's devices are kept waiting for `stored`.
using AckWaits = std::map<std::string, std::chrono::milliseconds>;
inline constexpr std::chrono::milliseconds ack_wait_default{5000};
// All mails on their way in together keep so much in memory, beyond 64 KiB of each.
inline constexpr std::size_t kept_bytes_max = 16 * 1024 * 1024;

class SpoolIntake final : public smtp::Intake {
 public:
  SpoolIntake(boost::asio::io_context& context, spool::Spool& spool,
              uplink::Acknowledger& acknowledger, FaultDesk& faults, LaneRules rules,
              AckWaits ack_waits);
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
  uplink::Acknowledger& acknowledger_;
  FaultDesk& faults_;
  LaneRules rules_;
  AckWaits ack_waits_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace alarmwire::edge
