// The box's enrolment, driven: provisioning/box_enrolment decides, this talks with
// alarmwire-tunnel, with the centre, and with the people who watch (command "enrol" on the control
// socket).
//
// Promises: an enrolment goes on when the person who began it hangs up, and after a restart of
// either daemon. Thread-safety: the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control.hpp"
#include "grpc/client/enrol_client.hpp"
#include "provisioning/box_enrolment.hpp"
#include "tunnel/client/tunnel_client.hpp"

namespace alarmwire::edge {

// What the centre calls this box.
struct BoxName {
  std::string id;
  std::string name;
};

class Enroller {
 public:
  struct Config {
    std::uint16_t enrolment_port = 0;
    std::string state_directory;  // box.json: what the centre calls this box
    std::string software;
    // Sends an alarm as a device would, and says how long the centre's acknowledgement took.
    std::function<void(std::function<void(const provisioning::TestSays&)>)> send_test;
  };
  // The box has a centre, at this tunnel address. Called again after each enrolment.
  using OnJoined = std::function<void(const std::string& centre_address)>;

  Enroller(boost::asio::io_context& context, std::shared_ptr<tunnel::TunnelClient> tunnel,
           Config config, OnJoined on_joined);
  ~Enroller();

  void install(control::Server& server);
  // `ticket`: what a person gave. A failure says what is wrong with it; else view() tells the rest.
  Status begin(const std::string& ticket, bool anew);
  Status begin(const provisioning::Ticket& ticket, bool anew);
  const provisioning::EnrolmentView& view() const { return enrolment_.view(); }
  // As it was kept at the last enrolment; empty before the first one.
  const BoxName& name() const { return name_; }
  // How many tickets have been begun since the start.
  std::uint64_t begun() const { return begun_; }
  // Nothing where alarmwire-tunnel has not said it.
  std::optional<bool> is_enrolled() const;
  // The key of the ticket that the box has or tries.
  std::optional<tunnel::PublicKey> ticket_key() const;
  void tunnel_seen(const boost::json::object& status);  // each second
  void link_changed(bool up);
  void stop();

 private:
  using Reply = std::shared_ptr<control::Responder>;
  void watch(const boost::json::object& request, const Reply& reply);
  void step(const std::function<void(provisioning::BoxEnrolment&)>& event);
  void perform(const provisioning::enrol_action::BeginTunnel& action);
  void perform(const provisioning::enrol_action::Call& action);
  void perform(const provisioning::enrol_action::Keep& action);
  void perform(const provisioning::enrol_action::Commit& action);
  void perform(const provisioning::enrol_action::Abandon& action);
  void perform(const provisioning::enrol_action::SendTest& action);
  void tell_watchers();
  void joined(const provisioning::TunnelSays& tunnel);
  void arm();
  boost::json::object describe() const;

  boost::asio::io_context& context_;
  const std::shared_ptr<tunnel::TunnelClient> tunnel_;
  const Config config_;
  const OnJoined on_joined_;
  provisioning::BoxEnrolment enrolment_;
  provisioning::EnrolmentView told_;
  boost::asio::steady_timer timer_;
  std::vector<Reply> watchers_;
  std::string centre_address_;  // of client_
  std::unique_ptr<link::EnrolClient> client_;
  BoxName name_;
  std::uint64_t begun_ = 0;
  std::uint64_t call_ = 0;  // the one whose answer counts
  std::shared_ptr<bool> alive_;
  bool stopped_ = false;
};

}  // namespace alarmwire::edge
