#include "receiver/daemon/centre_metrics.hpp"

#include <map>

#include "common/metric_page.hpp"

namespace alarmwire::receiver {
namespace {

namespace json = boost::json;
using metrics::age_seconds;
using metrics::Labels;
using metrics::Metric;
using metrics::MetricPage;

constexpr Metric info{"alarmwire_centre_info", Metric::gauge, "Always 1; the software's version."};
constexpr Metric uptime{"alarmwire_centre_uptime_seconds", Metric::gauge,
                        "Since alarmwire-receiver started."};
constexpr Metric verdict{"alarmwire_centre_verdict", Metric::gauge,
                         "1 for the centre's colour of the moment, 0 for the others."};
constexpr Metric listening{"alarmwire_centre_listening", Metric::gauge,
                           "1 while boxes can connect."};
constexpr Metric open_faults{"alarmwire_centre_open_faults", Metric::gauge,
                             "Faults that are open, of centre and boxes, by code."};
constexpr Metric tunnel_reachable{"alarmwire_centre_tunnel_daemon_up", Metric::gauge,
                                  "1 while alarmwire-tunnel answers."};
constexpr Metric tunnel_info{"alarmwire_centre_tunnel_info", Metric::gauge,
                             "Always 1; WireGuard's backend."};
constexpr Metric tunnel_restarts{"alarmwire_centre_tunnel_restarts_total", Metric::counter,
                                 "How often the tunnel's device was made anew."};
constexpr Metric boxes{"alarmwire_centre_boxes", Metric::gauge, "Boxes by their verdict."};
constexpr Metric boxes_silent{"alarmwire_centre_silent_boxes", Metric::gauge,
                              "Boxes that are not heard."};
constexpr Metric ledger_records{"alarmwire_centre_ledger_records", Metric::gauge,
                                "Records that the ledger holds."};
constexpr Metric ledger_used{"alarmwire_centre_ledger_used_bytes", Metric::gauge,
                             "Of the ledger's disk, by the ledger."};
constexpr Metric ledger_disk{"alarmwire_centre_ledger_disk_used_ratio", Metric::gauge,
                             "Of the ledger's file system, by everybody: 0 to 1."};
constexpr Metric ledger_full{"alarmwire_centre_ledger_full", Metric::gauge,
                             "1 while nothing can be stored."};
constexpr Metric ledger_commits{"alarmwire_centre_ledger_commits_total", Metric::counter,
                                "Groups of records made durable."};
constexpr Metric ledger_pending{"alarmwire_centre_ledger_pending_writes", Metric::gauge,
                                "That wait for the next group."};
constexpr Metric outlet_up{"alarmwire_centre_outlet_up", Metric::gauge,
                           "1 while the outlet's far side can be reached."};
constexpr Metric outlet_waiting{"alarmwire_centre_outlet_waiting_records", Metric::gauge,
                                "That wait to be handed over."};
constexpr Metric outlet_parked{"alarmwire_centre_outlet_parked_records", Metric::gauge,
                               "That were put off too often."};
constexpr Metric outlet_oldest{"alarmwire_centre_outlet_oldest_waiting_age_seconds", Metric::gauge,
                               "Since the oldest of them was stored; 0: nothing waits."};
constexpr Metric outlet_taken{"alarmwire_centre_outlet_taken_records_total", Metric::counter,
                              "Handed over."};
constexpr Metric outlet_refused{"alarmwire_centre_outlet_refused_records_total", Metric::counter,
                                "Refused for good by the far side."};

constexpr Metric box_info{"alarmwire_centre_box_info", Metric::gauge,
                          "Always 1; the box's verdict, its endpoint and its software."};
constexpr Metric box_up{"alarmwire_centre_box_link_up", Metric::gauge,
                        "1 while the box's stream stands."};
constexpr Metric box_streams{"alarmwire_centre_box_streams_total", Metric::counter,
                             "Streams of the box."};
constexpr Metric box_round_trip{"alarmwire_centre_box_round_trip_seconds", Metric::gauge,
                                "Of a beat, centre to box and back; absent before the first."};
constexpr Metric box_acknowledged{"alarmwire_centre_box_acknowledgement_age_seconds", Metric::gauge,
                                  "Since the ledger last acknowledged anything of the box, "
                                  "canaries too; absent before the first."};
constexpr Metric box_waiting{"alarmwire_centre_box_waiting_records", Metric::gauge,
                             "On the box, not acknowledged yet, as it says itself."};
constexpr Metric box_oldest{"alarmwire_centre_box_oldest_waiting_age_seconds", Metric::gauge,
                            "Since the oldest of them was accepted; 0: nothing waits."};
constexpr Metric box_spool{"alarmwire_centre_box_spool_used_bytes", Metric::gauge,
                           "Of the box's spool."};
constexpr Metric box_quota{"alarmwire_centre_box_spool_quota_bytes", Metric::gauge,
                           "The quota of the box's spool."};
constexpr Metric box_stored{"alarmwire_centre_box_stored_records_total", Metric::counter,
                            "Of the box, stored in the ledger."};
constexpr Metric box_duplicates{"alarmwire_centre_box_duplicate_records_total", Metric::counter,
                                "Of the box, in the ledger before."};
constexpr Metric box_conflicts{"alarmwire_centre_box_conflicts_total", Metric::counter,
                               "Records of the box under an identity that was taken."};
constexpr Metric box_handshake{"alarmwire_centre_box_tunnel_handshake_age_seconds", Metric::gauge,
                               "Since WireGuard's last handshake; absent before the first."};
constexpr Metric box_received{"alarmwire_centre_box_tunnel_received_bytes_total", Metric::counter,
                              "Through the tunnel, from the box."};
constexpr Metric box_sent{"alarmwire_centre_box_tunnel_sent_bytes_total", Metric::counter,
                          "Through the tunnel, to the box."};
constexpr Metric box_kicks{"alarmwire_centre_box_tunnel_kicks_total", Metric::counter,
                           "Handshakes that the supervisor forced."};

template <typename T>
double number(T value) {
  return static_cast<double>(value);
}

std::string text_at(const json::object* object, std::string_view key) {
  const json::value* value = object != nullptr ? object->if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

void add_if(MetricPage& page, const Metric& metric, const json::object& object,
            std::string_view key, const Labels& labels, double unit = 1) {
  const json::value* value = object.if_contains(key);
  if (value != nullptr && value->is_number())
    page.add(metric, value->to_number<double>() * unit, labels);
}

void add_ledger(MetricPage& page, const ledger::Snapshot& ledger) {
  page.add(ledger_records, number(ledger.records));
  page.add(ledger_used, number(ledger.used_bytes));
  page.add(ledger_disk, ledger.disk_used_ratio);
  page.add(ledger_full, ledger.full ? 1 : 0);
  page.add(ledger_commits, number(ledger.commits));
  page.add(ledger_pending, number(ledger.pending_writes));
}

void add_outlets(MetricPage& page, const CentreFigures& figures) {
  for (const outlets::OutletStatus& outlet : figures.outlets) {
    const Labels labels{{"outlet", outlet.name}};
    page.add(outlet_up, outlet.stopped ? 0 : 1, labels);
    page.add(outlet_waiting, number(outlet.waiting), labels);
    page.add(outlet_parked, number(outlet.parked), labels);
    page.add(
        outlet_oldest,
        outlet.oldest_waiting_us > 0 ? age_seconds(outlet.oldest_waiting_us, figures.now_us) : 0,
        labels);
    page.add(outlet_taken, number(outlet.taken), labels);
    page.add(outlet_refused, number(outlet.refused), labels);
  }
  for (const ledger::Owed& owed : figures.owed) {
    if (owed.configured) continue;
    const Labels labels{{"outlet", owed.outlet}};
    page.add(outlet_up, 0, labels);
    page.add(outlet_waiting, number(owed.waiting), labels);
    page.add(outlet_parked, number(owed.parked), labels);
  }
}

void add_boxes(MetricPage& page, const CentreFigures& figures) {
  std::map<fleet::Colour, int> count;
  for (const fleet::Verdict& one :
       judge_boxes(figures.boxes, figures.tunnel, figures.acknowledged_within, figures.now_us))
    ++count[one.colour];
  for (const fleet::Colour colour : fleet::all_colours)
    page.add(boxes, count[colour], {{"verdict", std::string(to_string(colour))}});
  int silent = 0;
  for (const BoxFigures& box : figures.boxes) silent += box.silent ? 1 : 0;
  page.add(boxes_silent, silent);
}

void add_link(MetricPage& page, const ingest::BoxStatus& link, const Labels& labels,
              WallTimeUs now_us) {
  page.add(box_up, link.connected ? 1 : 0, labels);
  page.add(box_streams, number(link.sessions), labels);
  if (link.clock) page.add(box_round_trip, number(link.clock->rtt_us) / 1e6, labels);
  if (link.last_acknowledged_us > 0)
    page.add(box_acknowledged, age_seconds(link.last_acknowledged_us, now_us), labels);
  page.add(box_waiting, number(link.waiting_records), labels);
  const WallTimeUs offset_us = link.clock ? link.clock->offset_us : 0;
  page.add(box_oldest,
           link.oldest_waiting_us > 0 ? age_seconds(link.oldest_waiting_us + offset_us, now_us) : 0,
           labels);
  page.add(box_spool, number(link.spool_used_bytes), labels);
  page.add(box_quota, number(link.spool_quota_bytes), labels);
  page.add(box_stored, number(link.stored), labels);
  page.add(box_duplicates, number(link.duplicates), labels);
  page.add(box_conflicts, number(link.conflicts), labels);
}

void add_peer(MetricPage& page, const json::object& peer, const Labels& labels) {
  add_if(page, box_handshake, peer, "handshake_age_ms", labels, 1e-3);
  add_if(page, box_received, peer, "rx_bytes", labels);
  add_if(page, box_sent, peer, "tx_bytes", labels);
  add_if(page, box_kicks, peer, "kicks", labels);
}

}  // namespace

std::string metrics_of(const CentreFigures& figures) {
  MetricPage page;
  page.add(info, 1, {{"version", ALARMWIRE_VERSION}});
  page.add(uptime, number(figures.uptime_s));
  const std::string now = colour_of_centre(figures);
  for (const char* const colour : {"green", "amber", "red"})
    page.add(verdict, now == colour ? 1 : 0, {{"colour", colour}});
  page.add(listening, figures.listening ? 1 : 0);
  page.add(tunnel_reachable, figures.tunnel ? 1 : 0);
  if (figures.tunnel) {
    page.add(tunnel_info, 1, {{"backend", text_at(&*figures.tunnel, "backend")}});
    add_if(page, tunnel_restarts, *figures.tunnel, "restarts", {});
  }
  add_boxes(page, figures);
  add_ledger(page, figures.ledger);
  add_outlets(page, figures);
  std::map<std::string, int> faults;
  for (const FaultBook::Open& fault : figures.faults) ++faults[fault.code];
  for (const auto& [code, count] : faults) page.add(open_faults, count, {{"code", code}});
  return page.text();
}

std::string box_metrics_of(const CentreFigures& figures) {
  MetricPage page;
  const Peers peers = peers_of(figures.tunnel);
  const std::vector<fleet::Verdict> verdicts =
      judge_boxes(figures.boxes, figures.tunnel, figures.acknowledged_within, figures.now_us);
  for (std::size_t i = 0; i < figures.boxes.size(); ++i) {
    const BoxFigures& box = figures.boxes[i];
    const Labels labels{{"box", box.site.id}};
    const auto found = peers.find(box.site.id);
    const json::object* peer = found != peers.end() ? found->second : nullptr;
    page.add(box_info, 1,
             {{"box", box.site.id},
              {"verdict", std::string(to_string(verdicts[i].colour))},
              {"endpoint", text_at(peer, "endpoint")},
              {"software", box.link ? box.link->software : std::string()}});
    if (box.link) add_link(page, *box.link, labels, figures.now_us);
    if (peer != nullptr) add_peer(page, *peer, labels);
  }
  return page.text();
}

metrics::Answer answer_at(const std::string& path, bool has_boxes, const CentreFigures& figures) {
  if (path == "/metrics") return {200, metrics_of(figures)};
  if (path == "/metrics/boxes" && has_boxes) return {200, box_metrics_of(figures)};
  if (path == "/metrics/boxes") return {404, "off: metrics.boxes in receiver.toml\n"};
  if (path == "/livez") return {200, "alive\n"};
  if (path != "/readyz") return {404, "there is /metrics, /livez and /readyz\n"};
  if (figures.ledger.full) return {503, "the ledger is full: nothing can be stored\n"};
  if (!figures.listening) return {503, "no listener on the tunnel: boxes cannot connect\n"};
  return {200, "takes alarms\n"};
}

}  // namespace alarmwire::receiver
