#include "edge/status/box_metrics.hpp"

#include <map>

#include "common/metric_page.hpp"

namespace alarmwire::status {
namespace {

namespace json = boost::json;
using metrics::age_seconds;
using metrics::Metric;
using metrics::MetricPage;

constexpr Metric info{"alarmwire_box_info", Metric::gauge, "Always 1; the software's version."};
constexpr Metric uptime{"alarmwire_box_uptime_seconds", Metric::gauge,
                        "Since alarmwire-edge started."};
constexpr Metric verdict{"alarmwire_box_verdict", Metric::gauge,
                         "1 for the box's colour of the moment, 0 for the others."};
constexpr Metric open_faults{"alarmwire_box_open_faults", Metric::gauge,
                             "Faults that are open, by code."};
constexpr Metric tunnel_reachable{"alarmwire_box_tunnel_daemon_up", Metric::gauge,
                                  "1 while alarmwire-tunnel answers."};
constexpr Metric tunnel_info{"alarmwire_box_tunnel_info", Metric::gauge,
                             "Always 1; WireGuard's backend and the centre's endpoint in use."};
constexpr Metric handshake_age{"alarmwire_box_tunnel_handshake_age_seconds", Metric::gauge,
                               "Since WireGuard's last handshake; absent before the first."};
constexpr Metric tunnel_received{"alarmwire_box_tunnel_received_bytes_total", Metric::counter,
                                 "Through the tunnel, from the centre."};
constexpr Metric tunnel_sent{"alarmwire_box_tunnel_sent_bytes_total", Metric::counter,
                             "Through the tunnel, to the centre."};
constexpr Metric tunnel_kicks{"alarmwire_box_tunnel_kicks_total", Metric::counter,
                              "Handshakes that the supervisor forced."};
constexpr Metric tunnel_restarts{"alarmwire_box_tunnel_restarts_total", Metric::counter,
                                 "How often the tunnel's device was made anew."};
constexpr Metric link_up{"alarmwire_box_link_up", Metric::gauge,
                         "1 while the stream to the centre stands."};
constexpr Metric link_reconnects{"alarmwire_box_link_reconnects_total", Metric::counter,
                                 "Streams after the first."};
constexpr Metric round_trip{"alarmwire_box_link_round_trip_seconds", Metric::gauge,
                            "Of a beat, box to centre and back; absent before the first."};
constexpr Metric clock_offset{"alarmwire_box_link_clock_offset_seconds", Metric::gauge,
                              "The centre's clock minus the box's; absent before the first beat."};
constexpr Metric acknowledgement_age{"alarmwire_box_link_acknowledgement_age_seconds",
                                     Metric::gauge,
                                     "Since the centre's ledger last acknowledged anything, "
                                     "canaries too; absent before the first."};
constexpr Metric acknowledged{"alarmwire_box_link_acknowledged_records_total", Metric::counter,
                              "Records that the centre's ledger acknowledged."};
constexpr Metric in_flight{"alarmwire_box_link_in_flight_records", Metric::gauge,
                           "Sent and not acknowledged yet."};
constexpr Metric waiting{"alarmwire_box_spool_waiting_records", Metric::gauge,
                         "Not acknowledged yet, by lane."};
constexpr Metric waiting_size{"alarmwire_box_spool_waiting_bytes", Metric::gauge,
                              "Of the mails not acknowledged yet."};
constexpr Metric oldest_waiting{"alarmwire_box_spool_oldest_waiting_age_seconds", Metric::gauge,
                                "Since the oldest of them was accepted; 0: nothing waits."};
constexpr Metric parked{"alarmwire_box_spool_parked_records", Metric::gauge,
                        "That the centre will never take."};
constexpr Metric spool_used{"alarmwire_box_spool_used_bytes", Metric::gauge,
                            "Of the spool's quota."};
constexpr Metric spool_quota{"alarmwire_box_spool_quota_bytes", Metric::gauge,
                             "The spool's quota."};
constexpr Metric spooled{"alarmwire_box_spool_committed_records_total", Metric::counter,
                         "Records made durable."};
constexpr Metric door_sessions{"alarmwire_box_door_sessions", Metric::gauge,
                               "SMTP sessions of devices that are open."};
constexpr Metric door_accepted{"alarmwire_box_door_accepted_mails_total", Metric::counter,
                               "Mails answered 250."};
constexpr Metric door_lost{"alarmwire_box_door_lost_mails_total", Metric::counter,
                           "Mails begun and not answered 250."};
constexpr Metric door_refused{"alarmwire_box_door_refused_sessions_total", Metric::counter,
                              "Sessions refused by a limit or a network."};
constexpr Metric door_devices{"alarmwire_box_door_heard_devices", Metric::gauge,
                              "Devices heard since the start."};

const json::object* object_of(const json::value* value) {
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

const json::object* centre_of(const json::object& tunnel) {
  const json::value* peers = tunnel.if_contains("peers");
  const bool is_there = peers != nullptr && peers->is_array() && !peers->get_array().empty();
  return is_there ? object_of(&peers->get_array().front()) : nullptr;
}

std::optional<double> number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::string text_at(const json::object* object, std::string_view key) {
  const json::value* value = object != nullptr ? object->if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

void add_if(MetricPage& page, const Metric& metric, const json::object& object,
            std::string_view key, double unit = 1) {
  if (const auto value = number_at(object, key)) page.add(metric, *value * unit);
}

void add_tunnel(MetricPage& page, const std::optional<json::object>& tunnel) {
  page.add(tunnel_reachable, tunnel ? 1 : 0);
  if (!tunnel) return;
  const json::object* centre = centre_of(*tunnel);
  page.add(tunnel_info, 1,
           {{"backend", text_at(&*tunnel, "backend")}, {"endpoint", text_at(centre, "endpoint")}});
  add_if(page, tunnel_restarts, *tunnel, "restarts");
  if (centre == nullptr) return;
  add_if(page, handshake_age, *centre, "handshake_age_ms", 1e-3);
  add_if(page, tunnel_received, *centre, "rx_bytes");
  add_if(page, tunnel_sent, *centre, "tx_bytes");
  add_if(page, tunnel_kicks, *centre, "kicks");
}

void add_link(MetricPage& page, const uplink::LinkStatus& link, WallTimeUs now_us) {
  page.add(link_up, link.state == uplink::LinkStatus::State::up ? 1 : 0);
  page.add(link_reconnects, static_cast<double>(link.reconnects));
  if (link.clock) {
    page.add(round_trip, static_cast<double>(link.clock->rtt_us) / 1e6);
    page.add(clock_offset, static_cast<double>(link.clock->offset_us) / 1e6);
  }
  if (link.last_settled_us > 0)
    page.add(acknowledgement_age, age_seconds(link.last_settled_us, now_us));
  page.add(acknowledged, static_cast<double>(link.settled_records));
  page.add(in_flight, static_cast<double>(link.in_flight));
}

void add_spool(MetricPage& page, const spool::Snapshot& spool, WallTimeUs now_us) {
  for (const Lane lane : all_lanes)
    page.add(waiting, static_cast<double>(spool.waiting_by_lane[static_cast<std::size_t>(lane)]),
             {{"lane", std::string(to_string(lane))}});
  page.add(waiting_size, static_cast<double>(spool.waiting_bytes));
  page.add(oldest_waiting,
           spool.oldest_waiting_us > 0 ? age_seconds(spool.oldest_waiting_us, now_us) : 0);
  page.add(parked, static_cast<double>(spool.parked_records));
  page.add(spool_used, static_cast<double>(spool.used_bytes));
  page.add(spool_quota, static_cast<double>(spool.quota_bytes));
  page.add(spooled, static_cast<double>(spool.committed_records));
}

void add_door(MetricPage& page, const smtp::DoorSnapshot& door) {
  page.add(door_sessions, static_cast<double>(door.sessions));
  page.add(door_accepted, static_cast<double>(door.accepted));
  page.add(door_lost, static_cast<double>(door.lost));
  page.add(door_refused, static_cast<double>(door.refused_sessions));
  page.add(door_devices, static_cast<double>(door.devices.size()));
}

}  // namespace

std::string metrics_of(const BoxFigures& figures) {
  MetricPage page;
  page.add(info, 1, {{"version", ALARMWIRE_VERSION}});
  page.add(uptime, static_cast<double>(figures.uptime_s));
  const Verdict now = judge(figures);
  for (const char* const colour : {"green", "amber", "red"})
    page.add(verdict, now.colour == colour ? 1 : 0, {{"colour", colour}});
  add_tunnel(page, figures.tunnel);
  add_link(page, figures.link, figures.now_us);
  add_spool(page, figures.spool, figures.now_us);
  add_door(page, figures.door);
  std::map<std::string, int> faults;
  for (const FaultBook::Open& fault : figures.faults) ++faults[fault.code];
  for (const auto& [code, count] : faults) page.add(open_faults, count, {{"code", code}});
  return page.text();
}

metrics::Answer answer_at(const std::string& path, const BoxFigures& figures) {
  if (path == "/metrics") return {200, metrics_of(figures)};
  if (path == "/livez") return {200, "alive\n"};
  if (path != "/readyz") return {404, "there is /metrics, /livez and /readyz\n"};
  if (figures.spool.is_full) return {503, "the spool is full: mails are refused\n"};
  return {200, "takes mails\n"};
}

}  // namespace alarmwire::status
