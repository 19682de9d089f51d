#include "receiver/fleet/loss_book.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::fleet {
namespace {

// "a, b and 3 more": names while there is room for them.
template <typename Boxes>
std::string names_of(const Boxes& boxes, std::size_t bytes_max) {
  std::string text;
  std::size_t named = 0;
  for (const auto& [box, loss] : boxes) {
    if (named != 0 && text.size() + box.size() > bytes_max) break;
    text += (named == 0 ? "" : ", ") + box;
    ++named;
  }
  const std::size_t more = boxes.size() - named;
  return more == 0 ? text : text + " and " + std::to_string(more) + " more";
}

}  // namespace

void LossBook::lost(const BoxId& box, const std::string& reason, std::chrono::seconds report_after,
                    SteadyTime now) {
  if (!reported_.contains(box)) waiting_[box] = {now, now + report_after, reason};
}

void LossBook::back(const BoxId& box, SteadyTime now) {
  if (reported_.erase(box) != 0) ends_.push_back({box, "", words_.over, true});
  returned(box, now);
}

void LossBook::forget(const BoxId& box, SteadyTime now) {
  reported_.erase(box);
  returned(box, now);
}

void LossBook::returned(const BoxId& box, SteadyTime now) {
  waiting_.erase(box);
  for (Mass& mass : masses_)
    if (mass.away.erase(box) != 0) mass.last_return = now;
}

std::vector<LossBook::Report> LossBook::tick(SteadyTime now) {
  std::vector<Report> reports = std::exchange(ends_, {});
  join_masses();
  report_due(now, reports);
  masses_.remove_if([&](Mass& mass) { return end_mass(mass, now, reports); });
  return reports;
}

void LossBook::join_masses() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    Mass* joined = nullptr;
    for (Mass& mass : masses_)
      if (it->second.lost >= mass.first_loss - mass_window &&
          it->second.lost <= mass.last_loss + mass_window)
        joined = &mass;
    if (joined == nullptr) {
      ++it;
      continue;
    }
    joined->first_loss = std::min(joined->first_loss, it->second.lost);
    joined->last_loss = std::max(joined->last_loss, it->second.lost);
    joined->boxes.insert(it->first);
    joined->away.insert(*it);
    it = waiting_.erase(it);
  }
}

// Who was lost with `first`, one shortly after the other, and is due now or nearly so.
std::set<BoxId> LossBook::company_of(const BoxId& first, SteadyTime now) const {
  std::set<BoxId> company{first};
  for (bool grows = true; std::exchange(grows, false);) {
    SteadyTime from = SteadyTime::max();
    SteadyTime to = SteadyTime::min();
    for (const BoxId& box : company) {
      from = std::min(from, waiting_.at(box).lost - mass_window);
      to = std::max(to, waiting_.at(box).lost + mass_window);
    }
    for (const auto& [box, loss] : waiting_)
      if (loss.lost >= from && loss.lost <= to && loss.due <= now + mass_window)
        grows = company.insert(box).second || grows;
  }
  return company;
}

void LossBook::report_due(SteadyTime now, std::vector<Report>& reports) {
  std::vector<BoxId> due;
  for (const auto& [box, loss] : waiting_)
    if (loss.due <= now) due.push_back(box);
  for (const BoxId& box : due) {
    if (!waiting_.contains(box)) continue;  // told with another
    const std::set<BoxId> company = company_of(box, now);
    if (company.size() >= mass_min) {
      reports.push_back(begin_mass(company));
      continue;
    }
    reports.push_back({box, "", waiting_.at(box).reason, false});
    reported_.insert(box);
    waiting_.erase(box);
  }
}

LossBook::Report LossBook::begin_mass(const std::set<BoxId>& boxes) {
  Mass mass;
  mass.boxes = boxes;
  mass.first_loss = SteadyTime::max();
  mass.last_loss = SteadyTime::min();
  for (const BoxId& box : boxes) {
    mass.first_loss = std::min(mass.first_loss, waiting_.at(box).lost);
    mass.last_loss = std::max(mass.last_loss, waiting_.at(box).lost);
    mass.away.insert(waiting_.extract(box));
  }
  mass.subject = *boxes.begin() + " and " + std::to_string(boxes.size() - 1) + " more";
  // A box may have come back from one that is still open, and be lost with others again.
  while (std::any_of(masses_.begin(), masses_.end(),
                     [&](const Mass& open) { return open.subject == mass.subject; }))
    mass.subject += ", again";
  Report report{"", mass.subject,
                std::to_string(boxes.size()) + " boxes " + words_.began +
                    " at nearly the same time: " + names_of(mass.away, named_bytes_max),
                false};
  masses_.push_back(std::move(mass));
  return report;
}

bool LossBook::end_mass(Mass& mass, SteadyTime now, std::vector<Report>& reports) {
  if (mass.away.empty()) {
    reports.push_back({"", mass.subject,
                       "all " + std::to_string(mass.boxes.size()) + " boxes are " + words_.over,
                       true});
    return true;
  }
  if (mass.away.size() >= mass_min || !mass.last_return || now - *mass.last_return < mass_settle)
    return false;
  for (const auto& [box, loss] : mass.away) {
    reports.push_back({box, "", loss.reason, false});
    reported_.insert(box);
  }
  reports.push_back({"", mass.subject,
                     std::to_string(mass.boxes.size() - mass.away.size()) + " of " +
                         std::to_string(mass.boxes.size()) + " boxes are " + words_.over + "; " +
                         words_.still + ": " + names_of(mass.away, named_bytes_max),
                     true});
  return true;
}

}  // namespace alarmwire::fleet
