// Who is silent, how each box is doing, and what of it becomes a fault: once a second.
#include <map>
#include <set>
#include <utility>

#include "receiver/daemon/messages.hpp"
#include "receiver/daemon/receiver_daemon.hpp"

namespace alarmwire::receiver {

void ReceiverDaemon::watch_boxes() {
  const SteadyTime now = steady_now();
  const std::vector<fleet::BoxWatch::Change> changes = boxes_.tick(now);
  std::map<BoxId, fleet::Verdict> verdicts = tell_states();
  for (const fleet::BoxWatch::Change& change : changes) {
    if (!change.silent) {
      losses_.back(change.box, now);
      continue;
    }
    const fleet::Verdict& verdict = verdicts[change.box];
    const std::string colour(to_string(verdict.colour));
    losses_.lost(change.box, colour + ": " + change.reason, config_.report_after_of(change.box),
                 now);
  }
  report(fault::tunnel_silent, fault::boxes_silent, losses_.tick(now));
  report(fault::link_stuck, fault::link_stuck, stuck_book_.tick(now));
}

void ReceiverDaemon::report(std::string_view code, std::string_view code_of_many,
                            const std::vector<fleet::LossBook::Report>& reports) {
  for (const fleet::LossBook::Report& one : reports) {
    const bool is_mass = one.box.empty();
    faults_->report(is_mass ? std::string(centre_box_id) : one.box,
                    std::string(is_mass ? code_of_many : code), one.subject, one.reason, one.over);
  }
}

// The log has each change of colour with its cause; what stands and acknowledges nothing is a
// fault.
std::map<BoxId, fleet::Verdict> ReceiverDaemon::tell_states() {
  std::set<BoxId> ids;  // a box may have two addresses
  for (const auto& [address, id] : box_at_) ids.insert(id);
  std::vector<BoxFigures> boxes;
  for (const BoxId& id : ids) {
    BoxFigures box;
    box.site.id = id;
    box.link = ingest_->status(id);
    box.seen = boxes_.was_seen(id);
    box.silent = boxes_.is_silent(id);
    boxes.push_back(std::move(box));
  }
  const std::vector<fleet::Verdict> judged =
      judge_boxes(boxes, tunnel_->status(), config_.acknowledged_within, wall_now_us());
  // A ledger that takes nothing is a fault of its own, and not of every box.
  const bool may_miss = !ledger_->snapshot().full;
  const SteadyTime now = steady_now();
  std::map<BoxId, fleet::Verdict> verdicts;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const BoxId& id = boxes[i].site.id;
    const fleet::Verdict& verdict = judged[i];
    if (const auto before = verdicts_.update(id, verdict.colour))
      log::write(RECEIVER_BOX_STATE, {{"box", id},
                                      {"state", to_string(verdict.colour)},
                                      {"before", to_string(*before)},
                                      {"reason", verdict.reason}});
    const auto& link = boxes[i].link;
    const bool counts = may_miss && link && link->connected && !boxes[i].silent;
    const bool is_stuck = stuck_watch_.update(id, counts, link ? link->last_acknowledged_us : 0,
                                              config_.acknowledged_within, now);
    if (is_stuck && stuck_.insert(id).second)
      stuck_book_.lost(id, "connected, but nothing is acknowledged", std::chrono::seconds(0), now);
    if (!is_stuck && stuck_.erase(id) != 0) stuck_book_.back(id, now);
    verdicts.emplace(id, verdict);
  }
  return verdicts;
}

void ReceiverDaemon::forget_box(const BoxId& id, const std::string& why_gone) {
  boxes_.remove(id);
  losses_.forget(id, steady_now());
  verdicts_.forget(id);
  stuck_.erase(id);
  stuck_watch_.forget(id);
  clones_.forget(id);
  stuck_book_.forget(id, steady_now());
  for (const std::string_view code : {fault::tunnel_silent, fault::link_stuck})
    faults_->report(id, std::string(code), "", why_gone, true);
  faults_->report(id, std::string(fault::box_cloned), id, why_gone, true);
}

}  // namespace alarmwire::receiver
