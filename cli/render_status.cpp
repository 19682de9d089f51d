#include "cli/render_status.hpp"

#include <algorithm>
#include <cmath>

#include "cli/render.hpp"

namespace alarmwire::cli {
namespace {

constexpr std::int64_t us_per_ms = 1000;
constexpr std::int64_t us_per_second = 1'000'000;

std::string counted(std::int64_t number, const char* one, const char* many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

std::string handshake(const JsonView& view) {
  const JsonView age = view.at("handshake_age_ms");
  return age.is_there() ? span_in_words(age.whole() * us_per_ms) + " ago" : "never";
}

std::string percent(double ratio) {
  // A daemon's answer is a stranger's too: whatever it says must not be undefined here.
  const double shown = std::isfinite(ratio) ? std::clamp(ratio, 0.0, 10.0) : 0.0;
  return std::to_string(std::lround(shown * 100)) + " %";
}

std::string round_trip(const JsonView& view) {
  const auto ms = view.number("rtt_ms");
  constexpr double most_ms = 1e9;
  return ms && std::isfinite(*ms)
             ? milliseconds(static_cast<std::int64_t>(std::clamp(*ms, 0.0, most_ms) * 1000))
             : "-";
}

std::string clock_offset(const JsonView& view) {
  const JsonView offset = view.at("clock_offset_us");
  return offset.is_there() ? signed_milliseconds(offset.whole()) : "-";
}

void render_head(std::ostream& out, const JsonView& status, bool colour) {
  const bool is_box = status.text("role") == "edge";
  out << (is_box ? "Box       " : "Centre    ") << coloured(status.text("verdict"), colour);
  if (const std::string reason = status.text("verdict_reason"); !reason.empty())
    out << ": " << reason;
  out << "\n          alarmwire " << or_dash(status.text("version")) << ", running for "
      << span_in_words(status.whole("uptime_s") * us_per_second) << "\n";
}

void render_peer_line(std::ostream& out, const JsonView& peer, const std::string& name) {
  out << "          " << name << " " << or_dash(peer.text("endpoint")) << ", handshake "
      << handshake(peer) << ", received " << bytes_in_words(peer.whole("rx_bytes")) << ", sent "
      << bytes_in_words(peer.whole("tx_bytes")) << "\n";
}

void render_tunnel(std::ostream& out, const JsonView& tunnel, bool is_box, bool colour) {
  if (!tunnel.is_there()) return;
  out << "Tunnel    ";
  if (!tunnel.flag("reachable")) {
    out << coloured("unreachable", colour) << ": alarmwire-tunnel does not answer\n";
    return;
  }
  out << or_dash(tunnel.text("backend")) << " " << or_dash(tunnel.text("interface")) << " "
      << or_dash(tunnel.text("address"));
  if (!is_box)
    out << ", "
        << counted(static_cast<std::int64_t>(tunnel.at("peers").items().size()), "peer", "peers");
  if (const std::int64_t kicks = tunnel.whole("kicks"); kicks != 0)
    out << ", " << counted(kicks, "kick", "kicks");
  out << "\n";
  if (is_box) render_peer_line(out, tunnel, "centre");
}

void render_link(std::ostream& out, const JsonView& link, WallTimeUs now_us, bool colour) {
  out << "Link      " << coloured(or_dash(link.text("state")), colour);
  if (link.whole("since_us") > 0)
    out << " for " << span_in_words(std::max<std::int64_t>(now_us - link.whole("since_us"), 0));
  if (link.whole("session") != 0) out << ", session " << link.text("session");
  out << ", round trip " << round_trip(link) << ", clock offset " << clock_offset(link)
      << "\n          last stored " << age_in_words(link.whole("last_settled_us"), now_us) << ", "
      << counted(link.whole("reconnects"), "reconnect", "reconnects") << "\n";
  if (const std::string error = link.text("last_error"); !error.empty())
    out << "          last error: " << error << "\n";
}

void render_spool(std::ostream& out, const JsonView& spool, WallTimeUs now_us) {
  const std::int64_t quota = std::max<std::int64_t>(spool.whole("quota_bytes"), 1);
  const std::int64_t waiting = spool.whole("waiting_records");
  out << "Spool     " << waiting << " waiting";
  if (waiting != 0) {
    out << " (" << bytes_in_words(spool.whole("waiting_bytes")) << "), oldest accepted "
        << age_in_words(spool.whole("oldest_waiting_us"), now_us);
    static constexpr const char* names[] = {"live", "fault", "alarm", "routine"};
    const std::vector<JsonView> lanes = spool.at("waiting_by_lane").items();
    for (std::size_t i = 0; i < std::min<std::size_t>(lanes.size(), 4); ++i)
      if (lanes[i].whole() != 0) out << ", " << names[i] << " " << lanes[i].whole();
  }
  out << "\n          " << bytes_in_words(spool.whole("used_bytes")) << " of "
      << bytes_in_words(quota) << " used ("
      << percent(static_cast<double>(spool.whole("used_bytes")) / static_cast<double>(quota))
      << "), " << spool.whole("settled_records") << " stored and kept, "
      << spool.whole("parked_records") << " parked";
  if (const std::int64_t files = spool.whole("quarantined_files"); files != 0)
    out << ", " << counted(files, "file", "files") << " in quarantine";
  out << "\n";
}

// ", TLS starttls, AUTH optional"; nothing where an older daemon does not say.
std::string security_in_words(const JsonView& listener) {
  const std::string tls = listener.text("tls");
  const std::string auth = listener.text("auth");
  return (tls.empty() ? "" : ", TLS " + tls) + (auth.empty() ? "" : ", AUTH " + auth);
}

void render_door(std::ostream& out, const JsonView& door) {
  out << "Door      " << counted(door.whole("sessions"), "session", "sessions") << ", "
      << door.whole("accepted") << " accepted, " << door.whole("lost") << " lost";
  if (const JsonView devices = door.at("devices"); devices.is_there())
    out << "; " << counted(devices.whole(), "device", "devices") << " heard, "
        << door.whole("unknown_devices") << " of them unknown";
  out << "\n";
  for (const JsonView& listener : door.at("listeners").items())
    out << "          " << or_dash(listener.text("name")) << ": " << listener.text("address") << ":"
        << listener.text("port") << ", replies " << or_dash(listener.text("reply"))
        << security_in_words(listener) << "\n";
  for (const JsonView& listener : door.at("listeners").items())
    if (listener.flag("legacy_tls"))
      out << "          WARNING: " << or_dash(listener.text("name"))
          << " takes old, weak TLS; what devices send there can be read on the way\n";
}

void render_ledger(std::ostream& out, const JsonView& ledger) {
  out << "Ledger    " << counted(ledger.whole("records"), "record", "records") << ", "
      << bytes_in_words(ledger.whole("used_bytes")) << ", disk "
      << percent(ledger.number("disk_used_ratio").value_or(0)) << " used";
  if (ledger.flag("full")) out << ", FULL: nothing more can be stored";
  out << "\n";
}

// At the centre each says whose it is: a box's, or the centre's own.
void render_faults(std::ostream& out, const JsonView& faults, bool is_box, WallTimeUs now_us,
                   bool colour) {
  if (faults.items().empty()) {
    out << "Faults    none\n";
    return;
  }
  out << "Faults\n";
  std::vector<std::string> headings{"SINCE", "FAULT", "ABOUT", "REASON"};
  if (!is_box) headings.insert(headings.begin() + 1, "BOX");
  Table table(std::move(headings));
  for (const JsonView& fault : faults.items()) {
    std::vector<std::string> cells{age_in_words(fault.whole("since_us"), now_us),
                                   or_dash(fault.text("code")), or_dash(fault.text("subject")),
                                   fault.text("reason")};
    if (!is_box) cells.insert(cells.begin() + 1, or_dash(fault.text("box")));
    table.row(std::move(cells));
  }
  table.print(out, "          ", colour);
}

void render_section(std::ostream& out, const char* name, const JsonView& list,
                    void (*render)(std::ostream&, const JsonView&, WallTimeUs, bool),
                    WallTimeUs now_us, bool colour) {
  out << name << "\n";
  render(out, list, now_us, colour);
}

}  // namespace

void render_certificate(std::ostream& out, const JsonView& certificate, WallTimeUs now_us) {
  if (!certificate.flag("available")) {
    out << "no certificate: devices can only send in clear text\n";
    return;
  }
  const auto list = [&](const char* key) {
    std::string text;
    for (const JsonView& item : certificate.at(key).items())
      text += (text.empty() ? "" : ", ") + item.text();
    return or_dash(text);
  };
  const std::int64_t left_us = certificate.whole("valid_until_us") - now_us;
  const bool own = certificate.flag("own_authority");
  out << "Names        " << list("names") << "\nAddresses    " << list("addresses")
      << "\nValid for    " << (left_us > 0 ? span_in_words(left_us) : "nothing: it has ended")
      << (own ? ", renewed by itself" : "") << "\nFingerprint  " << certificate.text("fingerprint")
      << "\nAuthority    "
      << (own ? "the box's own, " + certificate.text("ca_fingerprint") +
                    "\n             alarmwire certificate export writes it, for import into devices"
              : "whoever signed the configured files")
      << "\n";
}

void render_outlets(std::ostream& out, const JsonView& outlets, WallTimeUs now_us, bool colour) {
  Table table({"OUTLET", "KIND", "TARGET", "STATE", ">WAITING", "OLDEST", ">TAKEN", ">REFUSED",
               ">PARKED", "LAST TAKEN", "LAST ERROR"});
  for (const JsonView& outlet : outlets.items())
    table.row({or_dash(outlet.text("name")), or_dash(outlet.text("kind")),
               or_dash(outlet.text("target")), or_dash(outlet.text("state")),
               std::to_string(outlet.whole("waiting")),
               outlet.whole("oldest_waiting_us") == 0
                   ? "-"
                   : age_in_words(outlet.whole("oldest_waiting_us"), now_us),
               std::to_string(outlet.whole("taken")), std::to_string(outlet.whole("refused")),
               std::to_string(outlet.whole("parked")),
               age_in_words(outlet.whole("last_taken_us"), now_us), outlet.text("last_error")});
  table.print(out, "  ", colour);
}

void render_boxes(std::ostream& out, const JsonView& boxes, WallTimeUs now_us, bool colour) {
  Table table({"BOX", "VERDICT", "LINK", "SINCE", ">ROUND TRIP", ">CLOCK", "LAST BEAT", "HANDSHAKE",
               ">WAITING", ">STORED", "LAST STORED", "SOFTWARE", "NAME"});
  for (const JsonView& box : boxes.items()) {
    const bool connected = box.flag("connected");
    table.row({or_dash(box.text("id")), or_dash(box.text("verdict")), connected ? "up" : "down",
               age_in_words(box.whole("since_us"), now_us), connected ? round_trip(box) : "-",
               connected ? clock_offset(box) : "-", age_in_words(box.whole("last_beat_us"), now_us),
               handshake(box), std::to_string(box.whole("waiting_records")),
               std::to_string(box.whole("stored")),
               age_in_words(box.whole("last_stored_us"), now_us), or_dash(box.text("software")),
               box.text("name")});
  }
  table.print(out, "  ", colour);
}

void render_status(std::ostream& out, const JsonView& status, WallTimeUs now_us, bool colour) {
  const bool is_box = status.text("role") == "edge";
  render_head(out, status, colour);
  render_tunnel(out, status.at("tunnel"), is_box, colour);
  if (is_box) {
    render_link(out, status.at("link"), now_us, colour);
    render_spool(out, status.at("spool"), now_us);
    render_door(out, status.at("door"));
  } else {
    render_ledger(out, status.at("ledger"));
  }
  render_faults(out, status.at("faults"), is_box, now_us, colour);
  if (is_box) return;
  render_section(out, "Outlets", status.at("outlets"), render_outlets, now_us, colour);
  render_section(out, "Boxes", status.at("boxes"), render_boxes, now_us, colour);
}

}  // namespace alarmwire::cli
