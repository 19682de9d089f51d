#include "edge/status/box_status.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <set>
#include <string_view>

#include "common/text.hpp"
#include "edge/status/device_answers.hpp"

namespace alarmwire::status {
namespace {

namespace json = boost::json;

// WireGuard renews its keys every 120 s: a handshake older than this means no path.
constexpr std::int64_t handshake_stale_ms = 180'000;

json::value tunnel_peer(const std::optional<json::object>& tunnel) {
  if (!tunnel) return nullptr;
  const json::value* peers = tunnel->if_contains("peers");
  if (peers == nullptr || !peers->is_array() || peers->get_array().empty()) return nullptr;
  return peers->get_array().front();
}

std::optional<std::int64_t> handshake_age_ms(const json::value& peer) {
  if (!peer.is_object()) return std::nullopt;
  const json::value* age = peer.get_object().if_contains("handshake_age_ms");
  boost::system::error_code error;
  const auto value = age != nullptr ? age->to_number<std::int64_t>(error) : 0;
  if (age == nullptr || error) return std::nullopt;
  return value;
}

json::object describe_tunnel(const std::optional<json::object>& tunnel) {
  json::object object{{"reachable", tunnel.has_value()}};
  if (!tunnel) return object;
  for (const char* key : {"backend", "interface", "address", "public_key", "mtu", "restarts"})
    if (const json::value* value = tunnel->if_contains(key)) object[key] = *value;
  const json::value peer = tunnel_peer(tunnel);
  if (!peer.is_object()) return object;
  for (const char* key : {"endpoint", "handshake_age_ms", "rx_bytes", "tx_bytes", "kicks"})
    if (const json::value* value = peer.get_object().if_contains(key)) object[key] = *value;
  return object;
}

std::string_view name_of(uplink::LinkStatus::State state) {
  switch (state) {
    case uplink::LinkStatus::State::down:
      return "down";
    case uplink::LinkStatus::State::connecting:
      return "connecting";
    case uplink::LinkStatus::State::up:
      return "up";
  }
  return "?";
}

json::object describe_link(const uplink::LinkStatus& link) {
  json::object object{
      {"state", name_of(link.state)},
      {"since_us", link.since_us},
      {"session", link.session},
      {"centre_software", scrub_utf8(link.centre_software)},
      {"ledger_id", scrub_utf8(link.ledger_id)},
      {"rtt_ms", nullptr},
      {"clock_offset_us", nullptr},
      {"last_settled_us", link.last_settled_us},
      {"settled_records", link.settled_records},
      {"in_flight", link.in_flight},
      {"last_error", scrub_utf8(link.last_error)},
      {"reconnects", link.reconnects},
  };
  if (link.clock) {
    object["rtt_ms"] = static_cast<double>(link.clock->rtt_us) / 1000.0;
    object["clock_offset_us"] = link.clock->offset_us;
  }
  return object;
}

json::object describe_spool(const spool::Snapshot& spool) {
  json::array lanes;
  for (const std::uint64_t waiting : spool.waiting_by_lane) lanes.emplace_back(waiting);
  return {
      {"epoch", spool.epoch.to_string()},
      {"waiting_records", spool.waiting_records},
      {"waiting_bytes", spool.waiting_bytes},
      {"waiting_by_lane", std::move(lanes)},
      {"oldest_waiting_us", spool.oldest_waiting_us},
      {"settled_records", spool.settled_records},
      {"parked_records", spool.parked_records},
      {"used_bytes", spool.used_bytes},
      {"quota_bytes", spool.quota_bytes},
      {"commits", spool.commits},
      {"committed_records", spool.committed_records},
      {"quarantined_files", spool.quarantined_files},
  };
}

json::object describe_door(const smtp::DoorSnapshot& door) {
  const auto unknown = std::count_if(
      door.devices.begin(), door.devices.end(),
      [](const smtp::Device& device) { return device.known_by == smtp::KnownBy::nothing; });
  json::array listeners;
  for (const smtp::ListenerStatus& listener : door.listeners)
    listeners.push_back({{"name", listener.name},
                         {"address", listener.address},
                         {"port", listener.port},
                         {"reply", status::name_of(listener.reply)},
                         {"tls", status::name_of(listener.tls)},
                         {"auth", status::name_of(listener.auth)},
                         {"legacy_tls", listener.legacy_tls}});
  return {
      {"listeners", std::move(listeners)},
      {"sessions", door.sessions},
      {"accepted", door.accepted},
      {"lost", door.lost},
      {"refused_sessions", door.refused_sessions},
      {"devices", door.devices.size()},
      {"unknown_devices", unknown},
  };
}

json::array describe_faults(const std::vector<FaultBook::Open>& faults) {
  json::array list;
  for (const FaultBook::Open& fault : faults)
    list.push_back({{"code", fault.code},
                    {"subject", scrub_utf8(fault.subject)},
                    {"reason", scrub_utf8(fault.reason)},
                    {"since_us", fault.since_us}});
  return list;
}

// Why the link is not called green though it stands; "": it is.
std::string unacknowledged(const BoxFigures& figures) {
  const WallTimeUs within_us = std::chrono::microseconds(figures.acknowledged_within).count();
  if (within_us == 0) return {};
  const uplink::LinkStatus& link = figures.link;
  if (figures.now_us - link.since_us <= first_acknowledgement_us) return {};
  if (link.last_settled_us == 0) return "link up, but the centre acknowledged nothing";
  const WallTimeUs age_us = figures.now_us - link.last_settled_us;
  if (age_us <= within_us) return {};
  return "link up, but the centre acknowledged nothing for " + std::to_string(age_us / 1'000'000) +
         " s";
}

}  // namespace

Verdict judge(const BoxFigures& figures) {
  const auto age = handshake_age_ms(tunnel_peer(figures.tunnel));
  if (figures.link.state != uplink::LinkStatus::State::up) {
    if (!figures.tunnel) return {"red", "alarmwire-tunnel does not answer"};
    if (age && *age < handshake_stale_ms) return {"amber", "tunnel up, receiver unreachable"};
    return {"red",
            age ? "no handshake for " + std::to_string(*age / 1000) + " s" : "no handshake yet"};
  }
  if (!figures.tunnel) return {"amber", "link up, but alarmwire-tunnel does not answer"};
  const WallTimeUs oldest = figures.spool.oldest_waiting_us;
  if (oldest > 0 && figures.now_us - oldest > waiting_too_long_us)
    return {"amber", "an alarm has been waiting for " +
                         std::to_string((figures.now_us - oldest) / 1'000'000) + " s"};
  if (std::string why = unacknowledged(figures); !why.empty()) return {"amber", std::move(why)};
  if (!figures.faults.empty()) return {"amber", "fault: " + figures.faults.front().code};
  return {"green", "link up"};
}

json::object describe(const BoxFigures& figures) {
  const Verdict verdict = judge(figures);
  return {
      {"role", "edge"},
      {"version", ALARMWIRE_VERSION},
      {"uptime_s", figures.uptime_s},
      {"verdict", verdict.colour},
      {"verdict_reason", scrub_utf8(verdict.reason)},
      {"tunnel", describe_tunnel(figures.tunnel)},
      {"link", describe_link(figures.link)},
      {"spool", describe_spool(figures.spool)},
      {"door", describe_door(figures.door)},
      {"faults", describe_faults(figures.faults)},
  };
}

json::object describe_certificate(const smtp::Identity& certificate) {
  const std::set<std::string>& addresses = certificate.names.addresses;
  const std::set<std::string>& hosts = certificate.names.hosts;
  json::array names;
  for (const std::string& host : hosts) names.emplace_back(scrub_utf8(host));
  return {{"available", !certificate.fingerprint.empty()},
          {"own_authority", !certificate.ca_pem.empty()},
          {"fingerprint", certificate.fingerprint},
          {"ca_fingerprint", certificate.ca_fingerprint},
          {"valid_until_us", certificate.not_after_s * 1'000'000},
          {"names", std::move(names)},
          {"addresses", json::array(addresses.begin(), addresses.end())},
          {"ca_pem", certificate.ca_pem}};
}

}  // namespace alarmwire::status
