#include "provisioning/box_enrolment.hpp"

#include <array>
#include <utility>

#include "provisioning/check_words.hpp"

namespace alarmwire::provisioning {

using std::chrono::milliseconds;

namespace {

constexpr std::array<std::string_view, 8> steps{"none",     "ticket", "network", "centre",
                                                "approval", "tunnel", "done",    "refused"};

std::pair<std::string, std::string> words_for(Reason reason) {
  switch (reason) {
    case Reason::used:
      return {"the ticket was used by another box",
              "ask the centre for a new ticket, and tell them: the other box may be a stranger's"};
    case Reason::expired:
      return {"the ticket has expired", "ask the centre for a new ticket"};
    case Reason::revoked:
      return {"the ticket, or this box, was revoked at the centre",
              "ask the centre why, and for a new ticket"};
    case Reason::key_taken:
      return {"another box at the centre has this box's key", "begin again with a new ticket"};
    case Reason::unknown:
    case Reason::none:
      break;
  }
  return {"the centre does not know this ticket", "ask the centre for a new ticket"};
}

}  // namespace

std::string_view to_string(Step step) {
  return steps.at(static_cast<std::size_t>(step));
}

void BoxEnrolment::show(Step step, std::string text, std::string advice) {
  view_.step = step;
  view_.text = std::move(text);
  view_.advice = std::move(advice);
}

bool BoxEnrolment::is_under_way() const {
  return view_.step != Step::none && view_.step != Step::done && view_.step != Step::refused;
}

std::vector<EnrolAction> BoxEnrolment::take_actions() {
  return std::exchange(actions_, {});
}

void BoxEnrolment::begin(const Ticket& ticket, bool anew) {
  view_ = {};
  tunnel_.reset();
  due_.reset();
  handshake_ = false;
  endpoint_.clear();
  call_error_.clear();
  show(Step::ticket, "the ticket is whole; the box makes its key");
  wish_ = enrol_action::BeginTunnel{ticket, anew};
  ask_tunnel();
}

void BoxEnrolment::ask_tunnel() {
  due_.reset();
  waiting_ = Waiting::begin;
  actions_.push_back(*wish_);
}

void BoxEnrolment::resume(const TunnelSays& tunnel, SteadyTime now) {
  if (waiting_ != Waiting::nothing || due_) return;
  waiting_ = Waiting::begin;
  tunnel_begun(tunnel, now);
}

void BoxEnrolment::tunnel_begun(const Result<TunnelSays>& answer, SteadyTime now) {
  if (waiting_ != Waiting::begin) return;
  waiting_ = Waiting::nothing;
  if (!answer && answer.error().is(Errc::closed)) {
    show(Step::ticket, answer.error().diagnostics, "it tries again by itself; does it run?");
    return retry(now, retry_least, retry_least);
  }
  wish_.reset();
  if (!answer) return show(Step::refused, "the box cannot begin: " + answer.error().diagnostics);
  tunnel_ = *answer;
  view_.words = check_words(tunnel_->ticket_key, tunnel_->centre, tunnel_->box_key);
  if (tunnel_->enrolled) return join();
  link_up_ = false;  // on the ticket's keys there is none
  describe_network();
  call(now);
}

void BoxEnrolment::call(SteadyTime) {
  due_.reset();
  waiting_ = Waiting::call;
  actions_.push_back(enrol_action::Call{*tunnel_});
}

void BoxEnrolment::retry(SteadyTime now, milliseconds least, milliseconds most) {
  const double part = random_() * static_cast<double>((most - least).count());
  due_ = now + least + milliseconds(static_cast<std::int64_t>(part));
}

void BoxEnrolment::centre_answered(const Result<CentreSays>& answer, SteadyTime now) {
  if (waiting_ != Waiting::call) return;
  waiting_ = Waiting::nothing;
  if (!answer) {
    call_error_ = answer.error().diagnostics;
    describe_network();
    return retry(now, retry_least, retry_most);
  }
  if (answer->verdict.outcome == Outcome::refused) return refuse(answer->verdict.reason);
  view_.box = answer->box;
  view_.box_name = answer->box_name;
  if (answer->verdict.outcome == Outcome::waiting) {
    show(Step::approval, "the centre knows the box; a person has to approve it",
         "telephone the centre and compare the six words; they approve with `alarmwire box "
         "approve " +
             view_.box + "`");
    const milliseconds least = std::max(retry_least, answer->retry_after);
    return retry(now, least, least + milliseconds(500));
  }
  keep();
}

void BoxEnrolment::keep() {
  due_.reset();
  waiting_ = Waiting::keep;
  show(Step::approval, "the centre has taken the box as " + view_.box);
  actions_.push_back(enrol_action::Keep{view_.box, view_.box_name});
}

void BoxEnrolment::kept(const Status& done, SteadyTime now) {
  if (waiting_ != Waiting::keep) return;
  waiting_ = Waiting::nothing;
  if (!done) {
    // Asked again from the call on: the centre's answer stays the same.
    show(Step::approval, "the box cannot write it down: " + done.error().diagnostics,
         "make room on the box's disk; it tries again by itself");
    return retry(now, retry_least, retry_most);
  }
  waiting_ = Waiting::commit;
  actions_.push_back(enrol_action::Commit{});
}

void BoxEnrolment::committed(const Result<TunnelSays>& answer, SteadyTime now) {
  if (waiting_ != Waiting::commit) return;
  waiting_ = Waiting::nothing;
  if (!answer) {
    show(Step::tunnel, "the tunnel did not take the new key: " + answer.error().diagnostics,
         "it tries again by itself");
    return retry(now, retry_least, retry_most);
  }
  tunnel_ = *answer;
  join();
}

void BoxEnrolment::join() {
  due_.reset();
  handshake_ = false;
  if (link_up_) return show(Step::done, "alarms reach the centre");
  show(Step::tunnel, "the box uses its own key; waiting for the link to the centre");
}

void BoxEnrolment::refuse(Reason reason) {
  auto [text, advice] = words_for(reason);
  waiting_ = Waiting::abandon;
  show(Step::refused, std::move(text), std::move(advice));
  actions_.push_back(enrol_action::Abandon{});
}

void BoxEnrolment::abandoned(const Status&) {
  if (waiting_ == Waiting::abandon) waiting_ = Waiting::nothing;
}

void BoxEnrolment::tunnel_seen(const std::string& endpoint, bool handshake) {
  endpoint_ = endpoint;
  handshake_ = handshake;
  if (view_.step == Step::network || view_.step == Step::centre) describe_network();
}

void BoxEnrolment::describe_network() {
  if (endpoint_.empty())
    return show(Step::network, "looking for the centre's address",
                "if it stays so: is the network cable in, does the box reach a DNS server?");
  if (!handshake_)
    return show(
        Step::network, "no answer yet from the centre at " + endpoint_ + " (UDP)",
        "if it stays so: does a firewall block UDP to this address and port? Was the ticket "
        "revoked long ago?");
  show(Step::centre,
       call_error_.empty() ? "the centre answers; it is shown the ticket"
                           : "the tunnel is up, but the call failed: " + call_error_,
       call_error_.empty() ? "" : "it tries again by itself");
}

void BoxEnrolment::link_changed(bool up) {
  link_up_ = up;
  if (up && view_.step == Step::tunnel && tunnel_ && tunnel_->enrolled)
    show(Step::done, "alarms reach the centre");
}

void BoxEnrolment::tick(SteadyTime now) {
  if (!due_ || now < *due_) return;
  if (tunnel_) return call(now);
  if (wish_) ask_tunnel();
}

}  // namespace alarmwire::provisioning
