#include "common/fault_book.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "common/control_request.hpp"

namespace alarmwire {
namespace {

FaultBook::Entry make_entry(RecordKind kind, std::string_view box, std::string_view code,
                            std::string_view subject, std::string_view reason,
                            Envelope about = {}) {
  about.kind = kind;
  about.fault_code = code;
  about.fault_subject = subject;
  about.fault_reason = reason;
  return {std::string(box), std::move(about)};
}

}  // namespace

bool fault::is_state(std::string_view code) {
  static constexpr std::array states{
      spool_full,     spool_quarantined, tunnel_daemon, tunnel_silent,  ledger_full,
      ledger_disk_80, outlet_stalled,    outlet_parked, outlet_missing, boxes_silent,
      link_stuck,     ledger_unreadable, not_listening, box_cloned};
  return std::find(states.begin(), states.end(), code) != states.end();
}

std::optional<FaultBook::Entry> FaultBook::raise(std::string_view box, std::string_view code,
                                                 std::string_view subject, std::string_view reason,
                                                 WallTimeUs now_us) {
  Key key{box, code, subject};
  if (open_.contains(key) || open_.size() >= open_max) return std::nullopt;
  open_.emplace(std::move(key), Open{std::string(box), std::string(code), std::string(subject),
                                     std::string(reason), now_us});
  return make_entry(RecordKind::fault, box, code, subject, reason);
}

std::optional<FaultBook::Entry> FaultBook::end(std::string_view box, std::string_view code,
                                               std::string_view subject, std::string_view reason) {
  if (open_.erase(Key{box, code, subject}) == 0) return std::nullopt;
  return make_entry(RecordKind::fault_end, box, code, subject, reason);
}

std::optional<FaultBook::Entry> FaultBook::event(std::string_view box, std::string_view code,
                                                 std::string_view subject, std::string_view reason,
                                                 SteadyTime now, Envelope about) {
  const Key key{box, code, subject};
  auto found = windows_.find(key);
  if (found == windows_.end()) {
    // Too many different subjects at once is itself a flood: what is beyond shares one window per
    // code.
    const Key slot = windows_.size() < windows_max
                         ? key
                         : Key{std::string(box), std::string(code), std::string("*")};
    found = windows_.emplace(slot, Window{now, 0, 0, {}}).first;
  }
  Window& current = found->second;
  if (current.booked < events_per_window) {
    ++current.booked;
    return make_entry(RecordKind::fault, box, code, subject, reason, std::move(about));
  }
  ++current.held_back;
  current.last_reason = reason;
  return std::nullopt;
}

FaultBook::Entry FaultBook::held_back(const Key& key, const Window& flood) {
  const auto& [box, code, subject] = key;
  return make_entry(
      RecordKind::fault, box, code, subject,
      std::to_string(flood.held_back) + " more within a minute, the last: " + flood.last_reason);
}

std::vector<FaultBook::Entry> FaultBook::tick(SteadyTime now) {
  std::vector<Entry> due;
  for (auto it = windows_.begin(); it != windows_.end();) {
    if (now - it->second.started < window) {
      ++it;
      continue;
    }
    if (it->second.held_back > 0) due.push_back(held_back(it->first, it->second));
    it = windows_.erase(it);
  }
  return due;
}

std::vector<FaultBook::Entry> FaultBook::flush() {
  std::vector<Entry> all;
  for (const auto& [key, open_window] : windows_)
    if (open_window.held_back > 0) all.push_back(held_back(key, open_window));
  windows_.clear();
  return all;
}

bool FaultBook::is_open(std::string_view box, std::string_view code,
                        std::string_view subject) const {
  return open_.contains(Key{box, code, subject});
}

std::vector<FaultBook::Open> FaultBook::open() const {
  std::vector<Open> all;
  all.reserve(open_.size());
  for (const auto& [key, fault] : open_) all.push_back(fault);
  return all;
}

boost::json::array FaultBook::to_json() const {
  boost::json::array list;
  for (const auto& [key, fault] : open_)
    list.push_back({{"box", fault.box},
                    {"code", fault.code},
                    {"subject", fault.subject},
                    {"reason", fault.reason},
                    {"since_us", fault.since_us}});
  return list;
}

void FaultBook::from_json(const boost::json::array& open) {
  for (const boost::json::value& item : open) {
    if (!item.is_object() || open_.size() >= open_max) continue;
    const boost::json::object& object = item.get_object();
    Open fault{control::text_of(object, "box"), control::text_of(object, "code"),
               control::text_of(object, "subject"), control::text_of(object, "reason"), 0};
    if (const boost::json::value* since = object.if_contains("since_us");
        since != nullptr && since->is_int64())
      fault.since_us = since->get_int64();
    if (!fault.code.empty()) open_.emplace(Key{fault.box, fault.code, fault.subject}, fault);
  }
}

}  // namespace alarmwire
