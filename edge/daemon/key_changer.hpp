// Carries a change of the box's key between the centre, which orders it over the link, and
// alarmwire-tunnel, which alone has the keys (tunnel/rotation.hpp).
//
// Promises: remembers nothing itself. The centre orders again, on each stream and every few
// seconds, until it has heard how it ended, so a restart of any daemon at any moment loses nothing.
// Thread-safety: the io_context's one thread.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string>

#include "edge/uplink/uplink.hpp"
#include "tunnel/client/tunnel_client.hpp"

namespace alarmwire::edge {

class KeyChanger {
 public:
  KeyChanger(std::shared_ptr<tunnel::TunnelClient> tunnel, uplink::Uplink& uplink);
  ~KeyChanger() { *alive_ = false; }
  KeyChanger(const KeyChanger&) = delete;
  KeyChanger& operator=(const KeyChanger&) = delete;

  void welcomed(const std::string& own_address);
  void ordered(const std::string& order);
  void taken(const std::string& order);

 private:
  void ask(boost::json::object request, void (KeyChanger::*then)(const boost::json::object& says));
  void tell_centre(const boost::json::object& says);
  void change_over(const boost::json::object& says);
  void leave_it(const boost::json::object& says);

  const std::shared_ptr<tunnel::TunnelClient> tunnel_;
  uplink::Uplink& uplink_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace alarmwire::edge
