// The box's way from a ticket to a working link, step by step, and what to say at each of them.
//
// Sans-io: it is told what happened and when, and says what to do. It may be told anything in any
// order, and begin again at any step with the same ticket: tunnel and centre both give the same
// answers again. It never stops by itself but at `refused` and `done`: a network that is not there
// yet is waited for. Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/clock.hpp"
#include "common/error.hpp"
#include "provisioning/enrolment_words.hpp"
#include "provisioning/rules.hpp"
#include "provisioning/ticket.hpp"

namespace alarmwire::provisioning {

enum class Step : std::uint8_t {
  none,
  ticket,
  network,
  centre,
  approval,
  tunnel,
  alarm,  // a test alarm goes to the centre and its acknowledgement back
  done,
  refused
};
std::string_view to_string(Step step);

struct EnrolmentView {
  Step step = Step::none;
  Step stopped_at = Step::none;  // where it was refused
  Note note = Note::nothing;
  std::string detail;  // of the note
  std::string text;    // the note in English
  std::string advice;  // what to do about it; "": nothing
  std::string words;   // the six check words, once the box has its key
  BoxId box;           // once the centre has said it
  std::string box_name;

  bool operator==(const EnrolmentView&) const = default;
};

// What alarmwire-tunnel says of the box's enrolment.
struct TunnelSays {
  bool enrolled = false;
  tunnel::PublicKey ticket_key;
  tunnel::PublicKey box_key;
  tunnel::PublicKey centre;
  std::string centre_address;
};

// What the centre says. `outcome` is never `use`.
struct CentreSays {
  Verdict verdict;
  BoxId box;
  std::string box_name;
  std::chrono::milliseconds retry_after{0};
};

// What became of the test alarm: Errc::timed_out when the centre has not acknowledged it in time.
using TestSays = Result<std::chrono::milliseconds>;

namespace enrol_action {
struct BeginTunnel {
  Ticket ticket;
  bool anew = false;
};
struct Call {
  TunnelSays tunnel;
};
struct Keep {  // durably: what the centre calls this box
  BoxId box;
  std::string box_name;
};
struct Commit {};
struct Abandon {};
struct SendTest {};  // an alarm as a device's
}  // namespace enrol_action
using EnrolAction =
    std::variant<enrol_action::BeginTunnel, enrol_action::Call, enrol_action::Keep,
                 enrol_action::Commit, enrol_action::Abandon, enrol_action::SendTest>;

class BoxEnrolment {
 public:
  // Two boxes with one ticket share a tunnel address: at random they get out of each other's way.
  static constexpr std::chrono::milliseconds retry_least{1000};
  static constexpr std::chrono::milliseconds retry_most{5000};

  // `random`: a fraction, 0 to 1, for each wait.
  explicit BoxEnrolment(std::function<double()> random) : random_(std::move(random)) {}

  // `anew`: a box that is enrolled gives up what it has.
  void begin(const Ticket& ticket, bool anew);
  // After a restart of either daemon: goes on where the tunnel stands.
  void resume(const TunnelSays& tunnel, SteadyTime now);

  void tunnel_begun(const Result<TunnelSays>& answer, SteadyTime now);
  void centre_answered(const Result<CentreSays>& answer, SteadyTime now);
  void kept(const Status& done, SteadyTime now);
  void committed(const Result<TunnelSays>& answer, SteadyTime now);
  void abandoned(const Status& done);
  void test_answered(const TestSays& says, SteadyTime now);
  // The tunnel as it is, each second: where the centre is tried ("": its name is not known yet),
  // and whether there was a handshake.
  void tunnel_seen(const std::string& endpoint, bool handshake);
  void link_changed(bool up);
  void tick(SteadyTime now);

  std::vector<EnrolAction> take_actions();
  std::optional<SteadyTime> next_deadline() const { return due_; }
  const EnrolmentView& view() const { return view_; }
  bool is_under_way() const;

 private:
  enum class Waiting : std::uint8_t { nothing, begin, call, keep, commit, abandon, test };
  void show(Step step, Note note, std::string detail = {});
  void stop_at(Step step, Note note, std::string detail = {});
  void ask_tunnel();
  void call(SteadyTime now);
  void retry(SteadyTime now, std::chrono::milliseconds least, std::chrono::milliseconds most);
  void keep();
  void refuse(Reason reason);
  void join();
  void send_test();
  void describe_network();

  std::function<double()> random_;
  EnrolmentView view_;
  std::vector<EnrolAction> actions_;
  Waiting waiting_ = Waiting::nothing;
  std::optional<enrol_action::BeginTunnel> wish_;  // until the tunnel has begun
  std::optional<TunnelSays> tunnel_;
  std::string endpoint_;
  std::string call_error_;
  bool handshake_ = false;
  bool link_up_ = false;
  bool wants_test_ = false;        // it was enrolled in this life, and nothing has proven it yet
  std::optional<SteadyTime> due_;  // the next call, or the step that failed
};

}  // namespace alarmwire::provisioning
