#include "edge/daemon/key_changer.hpp"

#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "edge/daemon/messages.hpp"

namespace alarmwire::edge {

KeyChanger::KeyChanger(std::shared_ptr<tunnel::TunnelClient> tunnel, uplink::Uplink& uplink)
    : tunnel_(std::move(tunnel)), uplink_(uplink) {}

void KeyChanger::ask(boost::json::object request,
                     void (KeyChanger::*then)(const boost::json::object&)) {
  tunnel_->ask(std::move(request),
               [this, then, alive = alive_](const Result<boost::json::object>& answer) {
                 if (!*alive) return;
                 if (answer) return (this->*then)(*answer);
                 log::write(EDGE_KEY_STEP_FAILED, {{"reason", answer.error().diagnostics}});
               });
}

// Which key carried this stream is the centre's to say: a word of our own might be about an older
// one.
void KeyChanger::welcomed(const std::string& own_address) {
  if (!own_address.empty())
    ask({{"command", "rotate-welcomed"}, {"address", own_address}}, &KeyChanger::leave_it);
}

void KeyChanger::ordered(const std::string& order) {
  ask({{"command", "rotate-begin"}, {"order", to_base64(order)}}, &KeyChanger::tell_centre);
}

void KeyChanger::taken(const std::string& order) {
  ask({{"command", "rotate-switch"}, {"order", to_base64(order)}}, &KeyChanger::change_over);
}

void KeyChanger::tell_centre(const boost::json::object& says) {
  const std::string state = control::text_of(says, "state");
  link::KeyNews news;
  news.order = from_base64(control::text_of(says, "order")).value_or("");
  news.state = state == "done"     ? link::KeyState::in_use
               : state == "failed" ? link::KeyState::failed
                                   : link::KeyState::offered;
  if (news.state != link::KeyState::failed)
    news.public_key = from_base64(control::text_of(says, "key")).value_or("");
  uplink_.say_key(news);
}

void KeyChanger::change_over(const boost::json::object& says) {
  if (control::flag_of(says, "changed")) uplink_.redial("the box changes over to its new key");
}

void KeyChanger::leave_it(const boost::json::object&) {}

}  // namespace alarmwire::edge
