// What to do about what lies on sticks, and what to tell the person who looks at the stick
// afterwards: whether the box is enrolled, or why not and what to do.
//
// Sans-io: it is shown all sticks and the box, again and again, and says what to do now. A stick is
// taken once: while its file stays the same it is not tried again, until it was away. An enrolled
// box takes none. Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "edge/daemon/stick_folder.hpp"
#include "provisioning/box_enrolment.hpp"

namespace alarmwire::edge {

// The box, as far as it matters here.
struct StickBox {
  std::optional<bool> is_enrolled;          // nothing: alarmwire-tunnel has not said it yet
  std::optional<tunnel::PublicKey> ticket;  // the key of the ticket it has, or tries
  std::uint64_t begun = 0;                  // how many tickets this life of the daemon has begun
  provisioning::EnrolmentView view;
  std::string id;  // what the centre calls it; "": not said yet
  std::string name;
};

struct StickVerdict {
  enum class Kind : std::uint8_t { enrolled, not_yet, refused, not_taken };
  Kind kind = Kind::not_yet;
  std::string file;
  std::string box;
  std::string box_name;
  std::string words;  // the six check words
  std::size_t devices = 0;
  provisioning::EnrolmentWords english;
  provisioning::EnrolmentWords german;
};
// As it stands on the stick: lines as Windows wants them, no byte of a stranger but printable ones.
std::string to_text(const StickVerdict& verdict, WallTimeUs now);

struct StickTask {
  std::string folder;
  std::optional<provisioning::SiteDocument> take;  // keep it, and begin with its ticket
  std::optional<StickVerdict> tell;                // write it to the stick
  bool is_news = false;                            // the first task since the stick came
};

class StickDesk {
 public:
  // What is still under way is written this rarely: sticks wear.
  static constexpr std::chrono::seconds telling_pause{10};

  std::vector<StickTask> look(const std::vector<StickSight>& sights, const StickBox& box,
                              SteadyTime now);

 private:
  struct Place {
    StickFinding seen;
    std::optional<tunnel::PublicKey> ticket;
    bool was_there = false;              // when the daemon started
    bool is_over = false;                // told for good
    std::optional<std::uint64_t> begun;  // StickBox::begun since this ticket
    std::string told;
    SteadyTime told_at;
  };
  struct Judgement;
  Place arrived(const StickFinding& finding, SteadyTime now) const;
  Judgement judge(const Place& place, const StickBox& box) const;
  Judgement judge_by_view(const StickBox& box) const;
  bool another_is_tried(const Place& place, const StickBox& box) const;
  StickTask step(const std::string& folder, Place& place, const StickBox& box, SteadyTime now);

  std::map<std::string, Place> places_;
  bool is_first_look_ = true;
};

}  // namespace alarmwire::edge
