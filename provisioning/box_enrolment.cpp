#include "provisioning/box_enrolment.hpp"

#include <array>
#include <utility>

#include "provisioning/check_words.hpp"

namespace alarmwire::provisioning {

using std::chrono::milliseconds;

namespace {

constexpr std::array<std::string_view, 9> steps{"none",   "ticket", "network", "centre", "approval",
                                                "tunnel", "alarm",  "done",    "refused"};

Note note_of(Reason reason) {
  switch (reason) {
    case Reason::used:
      return Note::ticket_used;
    case Reason::expired:
      return Note::ticket_expired;
    case Reason::revoked:
      return Note::ticket_revoked;
    case Reason::key_taken:
      return Note::key_taken;
    case Reason::unknown:
    case Reason::none:
      break;
  }
  return Note::ticket_unknown;
}

}  // namespace

std::string_view to_string(Step step) {
  return steps.at(static_cast<std::size_t>(step));
}

void BoxEnrolment::show(Step step, Note note, std::string detail) {
  auto [text, advice] = words_for(note, detail, Language::english);
  view_.step = step;
  view_.note = note;
  view_.detail = std::move(detail);
  view_.text = std::move(text);
  view_.advice = std::move(advice);
}

void BoxEnrolment::stop_at(Step step, Note note, std::string detail) {
  view_.stopped_at = step;
  show(Step::refused, note, std::move(detail));
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
  wants_test_ = false;
  endpoint_.clear();
  call_error_.clear();
  show(Step::ticket, Note::making_key);
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
    show(Step::ticket, Note::tunnel_away, answer.error().diagnostics);
    return retry(now, retry_least, retry_least);
  }
  wish_.reset();
  if (!answer) return stop_at(Step::ticket, Note::cannot_begin, answer.error().diagnostics);
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
    show(Step::approval, Note::approval, view_.box);
    const milliseconds least = std::max(retry_least, answer->retry_after);
    return retry(now, least, least + milliseconds(500));
  }
  keep();
}

void BoxEnrolment::keep() {
  due_.reset();
  waiting_ = Waiting::keep;
  show(Step::approval, Note::taken, view_.box);
  actions_.push_back(enrol_action::Keep{view_.box, view_.box_name});
}

void BoxEnrolment::kept(const Status& done, SteadyTime now) {
  if (waiting_ != Waiting::keep) return;
  waiting_ = Waiting::nothing;
  if (!done) {
    // Asked again from the call on: the centre's answer stays the same.
    show(Step::approval, Note::cannot_keep, done.error().diagnostics);
    return retry(now, retry_least, retry_most);
  }
  waiting_ = Waiting::commit;
  actions_.push_back(enrol_action::Commit{});
}

void BoxEnrolment::committed(const Result<TunnelSays>& answer, SteadyTime now) {
  if (waiting_ != Waiting::commit) return;
  waiting_ = Waiting::nothing;
  if (!answer) {
    show(Step::tunnel, Note::key_not_taken, answer.error().diagnostics);
    return retry(now, retry_least, retry_most);
  }
  tunnel_ = *answer;
  wants_test_ = true;
  join();
}

void BoxEnrolment::join() {
  due_.reset();
  handshake_ = false;
  show(Step::tunnel, Note::waiting_for_link);
  if (link_up_) link_changed(true);
}

void BoxEnrolment::send_test() {
  due_.reset();
  waiting_ = Waiting::test;
  show(Step::alarm, Note::testing);
  actions_.push_back(enrol_action::SendTest{});
}

void BoxEnrolment::test_answered(const TestSays& says, SteadyTime now) {
  if (waiting_ != Waiting::test) return;
  waiting_ = Waiting::nothing;
  if (says) {
    wants_test_ = false;
    return show(Step::done, Note::tested, std::to_string(says->count()));
  }
  if (says.error().is(Errc::timed_out))
    show(Step::alarm, Note::test_unanswered);
  else
    show(Step::alarm, Note::test_failed, says.error().diagnostics);
  retry(now, retry_least, retry_most);
}

void BoxEnrolment::refuse(Reason reason) {
  waiting_ = Waiting::abandon;
  stop_at(view_.step == Step::approval ? Step::approval : Step::centre, note_of(reason));
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
  if (endpoint_.empty()) return show(Step::network, Note::no_address);
  if (!handshake_) return show(Step::network, Note::no_answer, endpoint_);
  if (call_error_.empty()) return show(Step::centre, Note::showing_ticket);
  show(Step::centre, Note::call_failed, call_error_);
}

void BoxEnrolment::link_changed(bool up) {
  link_up_ = up;
  if (!up || view_.step != Step::tunnel || !tunnel_ || !tunnel_->enrolled) return;
  if (wants_test_) return send_test();
  show(Step::done, Note::joined);
}

void BoxEnrolment::tick(SteadyTime now) {
  if (!due_ || now < *due_) return;
  if (wants_test_) return send_test();
  if (tunnel_) return call(now);
  if (wish_) ask_tunnel();
}

}  // namespace alarmwire::provisioning
