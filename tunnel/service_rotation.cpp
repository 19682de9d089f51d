// A change of the box's keys, driven over the control socket by alarmwire-edge, which hears the
// centre. What each step means: rotation.hpp.
#include <boost/json.hpp>

#include "common/control_request.hpp"
#include "tunnel/messages.hpp"
#include "tunnel/rotation.hpp"
#include "tunnel/service.hpp"

namespace alarmwire::tunnel {
namespace {

Result<RotationOrder> order_in(const boost::json::object& request) {
  const std::optional<KeyBytes> order = key_from_base64(control::text_of(request, "order"));
  if (!order) return Failure(Errc::invalid_argument, "want \"order\", 32 bytes in base64");
  return *order;
}

Failure not_enrolled() {
  return {Errc::not_found, "this box is not enrolled"};
}

}  // namespace

boost::json::object Service::rotation_status() const {
  if (!identity_ || !identity_->rotation) return {{"state", "none"}};
  const Result<PublicKey> key = rotation_key(*identity_);
  return {{"state", to_string(identity_->rotation->state)},
          {"order", to_base64(identity_->rotation->order)},
          {"trials", identity_->rotation->trials},
          {"key", key ? key->to_string() : ""}};
}

// On disk first, then in effect.
Result<boost::json::object> Service::take_step(const Identity& next) {
  if (next == *identity_) return rotation_status();
  if (Status s = save_identity(file_.settings.state_directory, next); !s) return s.error();
  const bool key_changes = !(private_key_in_use(next) == private_key_in_use(*identity_));
  if (key_changes) {
    if (Status s = take_identity(next); !s) return s.error();
  } else {
    identity_ = next;
  }
  const bool on_trial = next.rotation && next.rotation->state == Rotation::State::trial;
  if (!on_trial)
    trial_since_.reset();
  else if (!trial_since_)
    trial_since_ = steady_now();
  return rotation_status();
}

Result<boost::json::object> Service::on_rotate_begin(const boost::json::object& request) {
  const Result<RotationOrder> order = order_in(request);
  if (!order) return order.error();
  if (!identity_) return not_enrolled();
  const Result<Identity> next = after_order(*identity_, *order);
  if (!next) return next.error();
  const bool is_new = !(*next == *identity_);
  Result<boost::json::object> done = take_step(*next);
  if (done && is_new) log::write(TUNNEL_KEY_MADE, {{"key", rotation_key(*next)->to_string()}});
  return done;
}

Result<boost::json::object> Service::on_rotate_switch(const boost::json::object& request) {
  const Result<RotationOrder> order = order_in(request);
  if (!order) return order.error();
  if (!identity_) return not_enrolled();
  const Result<Identity> next = after_taken(*identity_, *order);
  if (!next) return next.error();
  const bool is_new = !(*next == *identity_);
  Result<boost::json::object> done = take_step(*next);
  if (!done) return done;
  if (is_new) log::write(TUNNEL_KEY_TRIED, {{"address", network_plan().own_address.to_string()}});
  (*done)["changed"] = is_new;
  return done;
}

Result<boost::json::object> Service::on_rotate_welcomed(const boost::json::object& request) {
  const std::optional<Ipv6> address = Ipv6::parse(control::text_of(request, "address"));
  if (!address) return Failure(Errc::invalid_argument, "want \"address\", of IPv6");
  if (!identity_) return not_enrolled();
  const std::optional<Identity> next = after_welcome(*identity_, *address);
  if (!next) return rotation_status();
  Result<boost::json::object> done = take_step(*next);
  if (done) log::write(TUNNEL_KEY_CHANGED, {{"address", address->to_string()}});
  return done;
}

// Also after a restart in the middle of a trial: it has its whole time again.
void Service::watch_trial() {
  if (!identity_ || !identity_->rotation || identity_->rotation->state != Rotation::State::trial)
    return trial_since_.reset();
  if (!trial_since_) trial_since_ = steady_now();
  if (steady_now() - *trial_since_ < rotation_trial_max) return;
  trial_since_ = steady_now();  // also where the disk refuses: not each second
  const Identity next = after_vain_trial(*identity_);
  if (const auto done = take_step(next); !done) return note_state(done.error());
  log::write(TUNNEL_KEY_TURNED_BACK, {{"trials", next.rotation->trials},
                                      {"state", std::string(to_string(next.rotation->state))}});
}

}  // namespace alarmwire::tunnel
