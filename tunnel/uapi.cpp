#include "tunnel/uapi.hpp"

#include <charconv>
#include <cstdlib>
#include <limits>

namespace alarmwire::tunnel::uapi {
namespace {

constexpr std::int64_t us_per_s = 1'000'000;
constexpr std::int64_t ns_per_us = 1000;

void add_peer_lines(std::string& out, const PeerConfig& peer) {
  const KeyBytes no_key{};
  out += "preshared_key=" + to_hex(peer.preshared_key ? peer.preshared_key->bytes : no_key) + "\n";
  if (peer.endpoint) out += "endpoint=" + peer.endpoint->to_string() + "\n";
  out += "persistent_keepalive_interval=" + std::to_string(keepalive_s) + "\n";
  out += "replace_allowed_ips=true\nallowed_ip=" + peer.tunnel_address.to_string() + "/128\n";
}

std::string peer_line(const PublicKey& key) {
  return "public_key=" + to_hex(key.bytes) + "\n";
}

Failure malformed(std::string_view key) {
  return {Errc::corrupt, "wireguard-go's answer is malformed at " + std::string(key.substr(0, 40))};
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Reads the lines of one `get` answer into a DeviceStatus.
class GetParser {
 public:
  Status line(std::string_view key, std::string_view value) {
    if (has_ended_) return malformed(key);
    if (key == "errno") return end(value);
    if (key == "public_key") return begin_peer(value);
    const bool ok = status.peers.empty() ? device_line(key, value) : peer_line(key, value);
    if (!ok) return malformed(key);
    return {};
  }
  bool has_ended() const { return has_ended_; }
  void finish() {
    if (!status.peers.empty()) close_peer();
  }

  DeviceStatus status;

 private:
  Status end(std::string_view value) {
    int number = 0;
    if (!parse_number(value, number)) return malformed("errno");
    has_ended_ = true;
    // It sends -errno; be lenient about the sign.
    if (number != 0) return errno_failure(std::abs(number), "asking wireguard-go");
    return {};
  }

  Status begin_peer(std::string_view value) {
    const std::optional<KeyBytes> key = key_from_hex(value);
    if (!key || status.peers.size() >= peers_max) return malformed("public_key");
    if (!status.peers.empty()) close_peer();
    status.peers.emplace_back().public_key.bytes = *key;
    handshake_s_ = handshake_ns_ = 0;
    allowed_ips_ = 0;
    return {};
  }

  void close_peer() {
    PeerStatus& peer = status.peers.back();
    peer.last_handshake = handshake_s_ * us_per_s + handshake_ns_ / ns_per_us;
    if (allowed_ips_ != 1) peer.tunnel_address.reset();
  }

  bool device_line(std::string_view key, std::string_view value) {
    if (key == "listen_port") return parse_number(value, status.listen_port);
    if (key != "private_key") return true;  // fwmark, and what later versions add
    const std::optional<KeyBytes> bytes = key_from_hex(value);
    if (bytes) status.private_key = SecretKey(*bytes);
    return bytes.has_value();
  }

  bool peer_line(std::string_view key, std::string_view value) {
    PeerStatus& peer = status.peers.back();
    if (key == "rx_bytes") return parse_number(value, peer.rx_bytes);
    if (key == "tx_bytes") return parse_number(value, peer.tx_bytes);
    if (key == "persistent_keepalive_interval") return parse_number(value, peer.keepalive_s);
    if (key == "last_handshake_time_sec") {
      return parse_number(value, handshake_s_) && handshake_s_ >= 0 &&
             handshake_s_ < std::numeric_limits<std::int64_t>::max() / us_per_s - 1;
    }
    if (key == "last_handshake_time_nsec") {
      return parse_number(value, handshake_ns_) && handshake_ns_ >= 0 &&
             handshake_ns_ < us_per_s * ns_per_us;
    }
    if (key == "endpoint") {
      peer.endpoint = Endpoint::parse(value);
      return peer.endpoint.has_value() || value.find('%') != std::string_view::npos;  // a zone
    }
    if (key == "preshared_key") {
      const std::optional<KeyBytes> bytes = key_from_hex(value);
      if (bytes && *bytes != KeyBytes{}) peer.preshared_key = SecretKey(*bytes);
      return bytes.has_value();
    }
    if (key == "allowed_ip") {
      ++allowed_ips_;
      peer.tunnel_address.reset();
      if (value.ends_with("/128"))
        peer.tunnel_address = Ipv6::parse(value.substr(0, value.size() - 4));
    }
    return true;
  }

  std::int64_t handshake_s_ = 0;
  std::int64_t handshake_ns_ = 0;
  std::size_t allowed_ips_ = 0;
  bool has_ended_ = false;
};

}  // namespace

std::string set_request(const DeviceChange& change) {
  std::string out = "set=1\n";
  if (change.private_key) out += "private_key=" + to_hex(change.private_key->bytes) + "\n";
  if (change.listen_port) out += "listen_port=" + std::to_string(*change.listen_port) + "\n";
  for (const PeerChange& item : change.peers) {
    out += peer_line(item.peer.public_key);
    if (item.kind == PeerChange::Kind::remove) {
      out += "remove=true\n";
      continue;
    }
    if (item.kind == PeerChange::Kind::update) out += "update_only=true\n";
    add_peer_lines(out, item.peer);
  }
  return out + "\n";
}

std::string set_endpoint_request(const PublicKey& peer, const Endpoint& endpoint) {
  // Keepalive off and on again: turning it on sends one at once.
  return "set=1\n" + peer_line(peer) + "update_only=true\nendpoint=" + endpoint.to_string() +
         "\npersistent_keepalive_interval=0\npersistent_keepalive_interval=" +
         std::to_string(keepalive_s) + "\n\n";
}

std::string kick_request(const PeerConfig& peer) {
  std::string out = "set=1\n" + peer_line(peer.public_key) + "remove=true\n";
  out += peer_line(peer.public_key);
  add_peer_lines(out, peer);
  return out + "\n";
}

bool is_complete(std::string_view answer) {
  return answer == "\n" || answer.ends_with("\n\n");
}

Result<DeviceStatus> parse_get_answer(std::string_view answer) {
  if (!is_complete(answer)) return Failure(Errc::corrupt, "wireguard-go's answer is cut short");
  answer.remove_suffix(1);
  GetParser parser;
  while (!answer.empty()) {
    const std::size_t end = answer.find('\n');
    const std::string_view line = answer.substr(0, end);
    answer.remove_prefix(end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return malformed(line);
    if (Status s = parser.line(line.substr(0, equals), line.substr(equals + 1)); !s)
      return s.error();
  }
  if (!parser.has_ended()) return Failure(Errc::corrupt, "wireguard-go's answer has no errno line");
  parser.finish();
  return std::move(parser.status);
}

Status parse_set_answer(std::string_view answer) {
  const Result<DeviceStatus> parsed = parse_get_answer(answer);
  if (!parsed) return parsed.error();
  return {};
}

}  // namespace alarmwire::tunnel::uapi
