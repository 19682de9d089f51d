#include "tunnel/device.hpp"

#include <map>
#include <set>

namespace alarmwire::tunnel {
namespace {

bool is_as_wanted(const PeerStatus& is, const PeerConfig& wanted) {
  return is.preshared_key == wanted.preshared_key && is.tunnel_address == wanted.tunnel_address &&
         is.keepalive_s == keepalive_s && (is.endpoint.has_value() || !wanted.endpoint.has_value());
}

}  // namespace

Status validate(const DeviceConfig& config) {
  if (config.private_key.bytes == KeyBytes{}) {
    return Failure(Errc::invalid_argument, "no private key");
  }
  if (config.peers.size() > peers_max) return Failure(Errc::full, "too many peers");
  const Result<PublicKey> own = public_key_of(config.private_key);
  if (!own) return own.error();
  std::set<PublicKey> keys;
  std::set<Ipv6> addresses;
  for (const PeerConfig& peer : config.peers) {
    const std::string name = "peer " + peer.public_key.to_string();
    if (peer.public_key.bytes == KeyBytes{}) {
      return Failure(Errc::invalid_argument, "a peer has no public key");
    }
    if (peer.public_key == *own) return Failure(Errc::invalid_argument, name + " is ourselves");
    if (!keys.insert(peer.public_key).second) {
      return Failure(Errc::exists, name + " stands twice in the list");
    }
    if (!addresses.insert(peer.tunnel_address).second) {
      return Failure(Errc::exists, name + " has the tunnel address of another peer");
    }
    if (peer.endpoint && peer.endpoint->port == 0) {
      return Failure(Errc::invalid_argument, name + " has an endpoint with port 0");
    }
  }
  return {};
}

DeviceChange difference(const DeviceStatus& is, const DeviceConfig& wanted) {
  DeviceChange change;
  if (is.private_key != wanted.private_key) change.private_key = wanted.private_key;
  if (wanted.listen_port != 0 && is.listen_port != wanted.listen_port) {
    change.listen_port = wanted.listen_port;
  }
  std::map<PublicKey, const PeerConfig*> wanted_by_key;
  for (const PeerConfig& peer : wanted.peers) wanted_by_key[peer.public_key] = &peer;
  std::map<PublicKey, const PeerStatus*> is_by_key;
  for (const PeerStatus& peer : is.peers) {
    is_by_key[peer.public_key] = &peer;
    if (wanted_by_key.count(peer.public_key) != 0) continue;
    PeerConfig gone;
    gone.public_key = peer.public_key;
    change.peers.push_back({PeerChange::Kind::remove, gone});
  }
  for (const PeerConfig& peer : wanted.peers) {
    const auto found = is_by_key.find(peer.public_key);
    if (found == is_by_key.end()) {
      change.peers.push_back({PeerChange::Kind::add, peer});
    } else if (!is_as_wanted(*found->second, peer)) {
      PeerConfig update = peer;
      if (found->second->endpoint) update.endpoint.reset();  // it knows better where the peer is
      change.peers.push_back({PeerChange::Kind::update, update});
    }
  }
  return change;
}

}  // namespace alarmwire::tunnel
