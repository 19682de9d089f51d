// The box's answers on its control socket (docs/control.md): status, devices, dialogues,
// device-settings, certificate, alarms, alarm, alarm-body, trace, tail. Thread-safety: the
// io_context's one thread; the spool answers from its own, responders allow that, and this object
// may be gone by then.
#pragma once

#include <functional>

#include "common/control.hpp"
#include "edge/status/box_status.hpp"
#include "edge/status/tail.hpp"

namespace alarmwire::status {

inline constexpr std::size_t listed_alarms_max = 1000;
inline constexpr std::size_t body_piece_bytes_max = 256 * 1024;

class BoxCommands {
 public:
  using Dialogues = std::function<std::vector<smtp::Dialogue>(std::string_view device)>;

  BoxCommands(boost::asio::io_context& context, spool::Spool& spool, const uplink::Uplink& uplink,
              std::function<BoxFigures()> figures, Dialogues dialogues);

  void install(control::Server& server);
  void on_record(const RecordKey& key) { tail_->on_record(key); }  // feeds `tail`

 private:
  using Reply = std::shared_ptr<control::Responder>;
  void devices(const boost::json::object& request, const Reply& reply);
  void dialogues(const boost::json::object& request, const Reply& reply);
  void device_settings(const boost::json::object& request, const Reply& reply);
  void alarms(const boost::json::object& request, const Reply& reply);
  void alarm(const boost::json::object& request, const Reply& reply);
  void trace(const boost::json::object& request, const Reply& reply);
  void body(const boost::json::object& request, const Reply& reply);
  std::int64_t clock_offset_us() const;

  spool::Spool& spool_;
  const uplink::Uplink& uplink_;
  const std::function<BoxFigures()> figures_;
  const Dialogues dialogues_;
  const std::shared_ptr<Tail> tail_;
};

}  // namespace alarmwire::status
