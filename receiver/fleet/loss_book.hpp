// Which losses of boxes become faults, and when. Who is silent is BoxWatch's to say, and the log
// and the status show it at once; a fault is a mail to the operators, and they want one for what is
// one:
//   - report_after: a site may be silent for so long without a fault (a nightly reconnect);
//   - many boxes lost within mass_window (a carrier, the centre's own line) are one fault of the
//     centre with count and names; who is lost with them later joins it. It ends when all are back;
//     a few that stay away get their own faults once the others have been back for mass_settle.
//
// A fault is raised within a tick of the loss where report_after is 0. A sans-io core: time is
// passed in. Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace alarmwire::fleet {

class LossBook {
 public:
  static constexpr std::size_t mass_min = 3;  // boxes
  static constexpr std::chrono::seconds mass_window{10};
  static constexpr std::chrono::seconds mass_settle{60};
  static constexpr std::size_t named_bytes_max = 600;  // of the boxes' names in a reason

  // How a fault of many is told: "3 boxes were lost at nearly …", "all 3 boxes are heard again".
  struct Words {
    std::string began = "were lost";
    std::string over = "heard again";
    std::string still = "still silent";
  };
  LossBook() : LossBook(Words{}) {}
  explicit LossBook(Words words) : words_(std::move(words)) {}

  // A fault or its end. `box` empty: many are lost, `subject` tells this fault from others.
  struct Report {
    BoxId box;
    std::string subject;
    std::string reason;
    bool over = false;
  };

  // It was reported, on its own, before a restart.
  void restore(const BoxId& box) { reported_.insert(box); }
  void lost(const BoxId& box, const std::string& reason, std::chrono::seconds report_after,
            SteadyTime now);
  void back(const BoxId& box, SteadyTime now);
  // No longer configured. Its own fault, if there is one, is the caller's to end.
  void forget(const BoxId& box, SteadyTime now);
  std::vector<Report> tick(SteadyTime now);

 private:
  struct Loss {
    SteadyTime lost;
    SteadyTime due;
    std::string reason;
  };
  using Losses = std::map<BoxId, Loss>;
  struct Mass {
    std::string subject;
    std::set<BoxId> boxes;  // all there ever were in it
    Losses away;
    SteadyTime first_loss;
    SteadyTime last_loss;
    std::optional<SteadyTime> last_return;
  };
  void returned(const BoxId& box, SteadyTime now);
  void join_masses();
  std::set<BoxId> company_of(const BoxId& first, SteadyTime now) const;
  void report_due(SteadyTime now, std::vector<Report>& reports);
  Report begin_mass(const std::set<BoxId>& boxes);
  bool end_mass(Mass& mass, SteadyTime now, std::vector<Report>& reports);

  const Words words_;
  Losses waiting_;  // silent, and not told yet
  std::set<BoxId> reported_;
  std::list<Mass> masses_;
  std::vector<Report> ends_;  // for the next tick
};

}  // namespace alarmwire::fleet
