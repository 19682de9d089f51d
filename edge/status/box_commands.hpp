// The box's answers on its control socket (docs/control.md): status, devices, alarms, alarm,
// alarm-body, trace. Thread-safety: the io_context's one thread; the spool answers from its own,
// responders allow that.
#pragma once

#include <functional>

#include "common/control.hpp"
#include "edge/status/box_status.hpp"

namespace alarmwire::status {

inline constexpr std::size_t listed_alarms_max = 1000;
inline constexpr std::size_t body_piece_bytes_max = 256 * 1024;

class BoxCommands {
 public:
  BoxCommands(spool::Spool& spool, const uplink::Uplink& uplink,
              std::function<BoxFigures()> figures)
      : spool_(spool), uplink_(uplink), figures_(std::move(figures)) {}

  void install(control::Server& server);

 private:
  using Reply = std::shared_ptr<control::Responder>;
  void alarms(const boost::json::object& request, const Reply& reply);
  void alarm(const boost::json::object& request, const Reply& reply, bool only_trace);
  void body(const boost::json::object& request, const Reply& reply);

  spool::Spool& spool_;
  const uplink::Uplink& uplink_;
  std::function<BoxFigures()> figures_;
};

}  // namespace alarmwire::status
