#include "receiver/daemon/centre_status.hpp"

#include <string_view>

#include "common/text.hpp"

namespace alarmwire::receiver {
namespace {

namespace json = boost::json;

constexpr WallTimeUs waiting_too_long_us =
    std::chrono::microseconds(fleet::waiting_too_long).count();

const json::object* peer_of(const Peers& peers, const BoxId& box) {
  const auto found = peers.find(box);
  return found != peers.end() ? found->second : nullptr;
}

std::optional<std::int64_t> handshake_age_ms(const json::object* peer) {
  const json::value* age = peer != nullptr ? peer->if_contains("handshake_age_ms") : nullptr;
  boost::system::error_code error;
  const auto age_ms = age != nullptr ? age->to_number<std::int64_t>(error) : 0;
  if (age == nullptr || error) return std::nullopt;
  return age_ms;
}

fleet::Verdict judge(const BoxFigures& box, const json::object* peer,
                     std::chrono::seconds acknowledged_within, WallTimeUs now_us) {
  fleet::Signs signs;
  signs.seen = box.seen || box.link;
  signs.handshake_age_ms = handshake_age_ms(peer);
  if (box.link) {
    signs.connected = box.link->connected && !box.silent;
    signs.since_us = box.link->since_us;
    signs.acknowledged_us = box.link->last_acknowledged_us;
    signs.down_reason = box.link->down_reason;
    const WallTimeUs offset_us = box.link->clock ? box.link->clock->offset_us : 0;
    if (box.link->oldest_waiting_us > 0)
      signs.oldest_waiting_us = box.link->oldest_waiting_us + offset_us;
  }
  return fleet::judge(signs, acknowledged_within, now_us);
}

struct Verdict {
  std::string_view colour;
  std::string reason;
};

json::object describe_box(const BoxFigures& box, const json::object* peer,
                          const CentreFigures& figures) {
  const fleet::Verdict verdict = judge(box, peer, figures.acknowledged_within, figures.now_us);
  json::object object{
      {"id", box.site.id},
      {"name", box.site.name},
      {"domain", box.site.domain},
      {"verdict", to_string(verdict.colour)},
      {"verdict_reason", scrub_utf8(verdict.reason)},
      {"silent", box.silent},
      {"connected", box.link && box.link->connected},
      {"rtt_ms", nullptr},
      {"clock_offset_us", nullptr},
  };
  if (box.link) {
    const ingest::BoxStatus& link = *box.link;
    object["since_us"] = link.since_us;
    object["session"] = link.session;
    object["sessions"] = link.sessions;
    object["last_beat_us"] = link.last_heard_us;
    object["last_stored_us"] = link.last_stored_us;
    object["last_acknowledged_us"] = link.last_acknowledged_us;
    object["waiting_records"] = link.waiting_records;
    object["oldest_waiting_us"] = link.oldest_waiting_us;
    object["spool_used_bytes"] = link.spool_used_bytes;
    object["spool_quota_bytes"] = link.spool_quota_bytes;
    object["software"] = scrub_utf8(link.software);
    object["stored"] = link.stored;
    object["duplicates"] = link.duplicates;
    object["conflicts"] = link.conflicts;
    if (link.clock) {
      object["rtt_ms"] = static_cast<double>(link.clock->rtt_us) / 1000.0;
      object["clock_offset_us"] = link.clock->offset_us;
    }
  }
  if (peer != nullptr)
    for (const char* key : {"handshake_age_ms", "endpoint", "rx_bytes", "tx_bytes", "kicks"})
      if (const json::value* value = peer->if_contains(key)) object[key] = *value;
  return object;
}

json::object describe_ledger(const ledger::Snapshot& ledger) {
  return {
      {"id", ledger.ledger_id},
      {"records", ledger.records},
      {"last_position", ledger.last_position},
      {"used_bytes", ledger.used_bytes},
      {"disk_used_ratio", ledger.disk_used_ratio},
      {"full", ledger.full},
      {"commits", ledger.commits},
      {"pending_writes", ledger.pending_writes},
  };
}

json::array describe_faults(const std::vector<FaultBook::Open>& faults) {
  json::array list;
  for (const FaultBook::Open& fault : faults)
    list.push_back({{"box", fault.box},
                    {"code", fault.code},
                    {"subject", scrub_utf8(fault.subject)},
                    {"reason", scrub_utf8(fault.reason)},
                    {"since_us", fault.since_us}});
  return list;
}

Verdict judge_centre(const CentreFigures& figures) {
  if (figures.ledger.full) return {"red", "the ledger's disk is full"};
  if (!figures.listening) return {"red", "boxes cannot connect"};
  if (!figures.tunnel) return {"red", "alarmwire-tunnel does not answer"};
  for (const outlets::OutletStatus& outlet : figures.outlets)
    if (outlet.stopped) return {"red", "outlet " + outlet.name + " cannot be reached"};
  for (const outlets::OutletStatus& outlet : figures.outlets) {
    const WallTimeUs oldest = outlet.oldest_waiting_us;
    if (oldest > 0 && figures.now_us - oldest > waiting_too_long_us)
      return {"amber", "outlet " + outlet.name + ": an alarm has been waiting for " +
                           std::to_string((figures.now_us - oldest) / 1'000'000) + " s"};
  }
  if (!figures.faults.empty()) {
    const FaultBook::Open& first = figures.faults.front();
    const std::size_t more = figures.faults.size() - 1;
    return {"amber", "fault: " + first.code + " of " + first.box +
                         (more == 0 ? "" : ", and " + std::to_string(more) + " more")};
  }
  return {"green", "all well"};
}

}  // namespace

Peers peers_of(const std::optional<json::object>& tunnel) {
  Peers peers;
  const json::value* list = tunnel ? tunnel->if_contains("peers") : nullptr;
  if (list == nullptr || !list->is_array()) return peers;
  for (const json::value& peer : list->get_array()) {
    const json::value* name = peer.is_object() ? peer.get_object().if_contains("box") : nullptr;
    if (name != nullptr && name->is_string())
      peers.emplace(std::string_view(name->get_string()), &peer.get_object());
  }
  return peers;
}

std::string colour_of_centre(const CentreFigures& figures) {
  return std::string(judge_centre(figures).colour);
}

json::array describe_boxes(const CentreFigures& figures) {
  json::array list;
  const Peers peers = peers_of(figures.tunnel);
  for (const BoxFigures& box : figures.boxes)
    list.push_back(describe_box(box, peer_of(peers, box.site.id), figures));
  return list;
}

std::vector<fleet::Verdict> judge_boxes(const std::vector<BoxFigures>& boxes,
                                        const std::optional<json::object>& tunnel,
                                        std::chrono::seconds acknowledged_within,
                                        WallTimeUs now_us) {
  std::vector<fleet::Verdict> verdicts;
  verdicts.reserve(boxes.size());
  const Peers peers = peers_of(tunnel);
  for (const BoxFigures& box : boxes)
    verdicts.push_back(judge(box, peer_of(peers, box.site.id), acknowledged_within, now_us));
  return verdicts;
}

std::string advice(const std::string& missing_outlet) {
  return "name it in [[outlet]] again, or give them up: alarmwire outlet drop " + missing_outlet;
}

json::array describe_outlets(const CentreFigures& figures) {
  json::array list;
  for (const outlets::OutletStatus& outlet : figures.outlets)
    list.push_back({{"name", outlet.name},
                    {"kind", outlet.kind},
                    {"target", outlet.target},
                    {"state", outlet.stopped ? "stopped" : "up"},
                    {"stopped_since_us", outlet.stopped_since_us},
                    {"last_error", scrub_utf8(outlet.last_error)},
                    {"waiting", outlet.waiting},
                    {"taken", outlet.taken},
                    {"refused", outlet.refused},
                    {"parked", outlet.parked},
                    {"last_taken_us", outlet.last_taken_us},
                    {"oldest_waiting_us", outlet.oldest_waiting_us}});
  for (const ledger::Owed& owed : figures.owed)
    if (!owed.configured)
      list.push_back({{"name", owed.outlet},
                      {"state", "missing"},
                      {"last_error", advice(owed.outlet)},
                      {"waiting", owed.waiting},
                      {"parked", owed.parked}});
  return list;
}

json::object describe(const CentreFigures& figures) {
  const Verdict verdict = judge_centre(figures);
  json::object object{
      {"role", "receiver"},
      {"version", ALARMWIRE_VERSION},
      {"uptime_s", figures.uptime_s},
      {"verdict", verdict.colour},
      {"verdict_reason", scrub_utf8(verdict.reason)},
      {"listening", figures.listening},
      {"ledger", describe_ledger(figures.ledger)},
      {"outlets", describe_outlets(figures)},
      {"boxes", describe_boxes(figures)},
      {"faults", describe_faults(figures.faults)},
  };
  json::object tunnel{{"reachable", figures.tunnel.has_value()}};
  if (figures.tunnel)
    for (const auto& [key, value] : *figures.tunnel) tunnel[key] = value;
  object["tunnel"] = std::move(tunnel);
  return object;
}

}  // namespace alarmwire::receiver
