// A device in memory: keeps what it is told, answers what a test sets.
#pragma once

#include <map>

#include "tunnel/device.hpp"

namespace alarmwire::tunnel {

class FakeDevice final : public TunnelDevice {
 public:
  explicit FakeDevice(std::string_view name = "fake") : name_(name) {}

  Status create() override {
    ++creates;
    if (create_failure) return *create_failure;
    return {};
  }
  Status apply(const DeviceConfig& wanted) override {
    if (Status s = validate(wanted); !s) return s;
    const DeviceChange change = difference(state, wanted);
    if (change.private_key) state.private_key = change.private_key;
    if (change.listen_port) state.listen_port = *change.listen_port;
    for (const PeerChange& item : change.peers) take(item);
    return {};
  }
  Status set_endpoint(const PublicKey& peer, const Endpoint& endpoint) override {
    find(peer).endpoint = endpoint;
    ++endpoints_set;
    return {};
  }
  Status kick(const PeerConfig& peer) override {
    remove(peer.public_key);
    take({PeerChange::Kind::add, peer});
    ++kicks;
    return {};
  }
  Result<DeviceStatus> status() override { return state; }
  Status destroy() override {
    state = {};
    return {};
  }
  Status release() override { return {}; }
  std::string_view backend() const override { return name_; }

  PeerStatus& find(const PublicKey& key) {
    for (PeerStatus& peer : state.peers) {
      if (peer.public_key == key) return peer;
    }
    throw std::out_of_range("no such peer");
  }

  DeviceStatus state;
  std::optional<Failure> create_failure;
  int creates = 0;
  int kicks = 0;
  int endpoints_set = 0;

 private:
  void remove(const PublicKey& key) {
    std::erase_if(state.peers, [&](const PeerStatus& p) { return p.public_key == key; });
  }
  void take(const PeerChange& change) {
    if (change.kind == PeerChange::Kind::remove) return remove(change.peer.public_key);
    if (change.kind == PeerChange::Kind::add) {
      state.peers.emplace_back().public_key = change.peer.public_key;
    }
    PeerStatus& peer = find(change.peer.public_key);
    peer.preshared_key = change.peer.preshared_key;
    peer.tunnel_address = change.peer.tunnel_address;
    if (change.peer.endpoint) peer.endpoint = change.peer.endpoint;
    peer.keepalive_s = keepalive_s;
  }

  std::string name_;
};

}  // namespace alarmwire::tunnel
