#include "tunnel/supervisor.hpp"

#include <algorithm>
#include <utility>

namespace alarmwire::tunnel {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

template <typename T>
T later(std::optional<T> a, T b) {
  return a && *a > b ? *a : b;
}

}  // namespace

std::string_view to_string(StreamState state) {
  switch (state) {
    case StreamState::up:
      return "up";
    case StreamState::down:
      return "down";
    case StreamState::unknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::stream_broken:
      return "stream broken";
    case Cause::network_changed:
      return "network changed";
    case Cause::stale_handshake:
      return "stale handshake";
    case Cause::silent_peer:
      return "silent peer";
    case Cause::clock_jumped:
      return "clock jumped";
    case Cause::resolved:
      return "name resolved";
    case Cause::asked:
      break;
  }
  return "asked";
}

void Supervisor::set_peers(SteadyTime now, const std::vector<PeerSetup>& setups) {
  std::map<PublicKey, Peer> next;
  for (const PeerSetup& setup : setups) {
    const auto found = peers_.find(setup.public_key);
    Peer peer;
    if (found != peers_.end()) {
      peer = std::move(found->second);
    } else {
      peer.added_at = now;
      peer.remembered = peer.current = setup.remembered;
    }
    const bool are_names_new = peer.setup.names != setup.names;
    peer.setup = setup;
    peer.setup.names.resize(std::min(setup.names.size(), names_max));
    if (are_names_new) {
      std::map<EndpointName, std::vector<Endpoint>> answers;
      for (const EndpointName& name : peer.setup.names) {
        if (const auto literal = name.literal())
          answers[name] = {*literal};
        else if (peer.answers.contains(name))
          answers[name] = std::move(peer.answers[name]);
      }
      peer.answers = std::move(answers);
      const std::vector<Endpoint> all = candidates(peer);
      if (!peer.current && !all.empty()) peer.current = all.front();
      resolve_names(now, peer);
    }
    if (peer.current) peer.tried.insert(*peer.current);
    next.emplace(setup.public_key, std::move(peer));
  }
  peers_ = std::move(next);
}

void Supervisor::polled(SteadyTime now, WallTimeUs wall_now, const DeviceStatus& status) {
  for (const PeerStatus& one : status.peers) {
    const auto found = peers_.find(one.public_key);
    if (found != peers_.end()) observe(now, wall_now, found->second, one);
  }
  polled_at_ = now;
  evaluate(now);
}

void Supervisor::observe(SteadyTime now, WallTimeUs wall_now, Peer& peer,
                         const PeerStatus& status) {
  observe_handshake(now, wall_now, peer, status.last_handshake);
  const bool was_heard = status.rx_bytes != peer.rx_now && status.rx_bytes != 0;
  if (status.rx_bytes < peer.rx_now) peer.rx_before += peer.rx_now;
  if (status.tx_bytes < peer.tx_now) peer.tx_before += peer.tx_now;
  peer.rx_now = status.rx_bytes;
  peer.tx_now = status.tx_bytes;
  if (!was_heard) return;
  peer.heard_at = now;
  peer.tried.clear();
  if (!status.endpoint) return;
  // WireGuard follows the peer: what was heard from is where it is.
  if (peer.current && peer.current != status.endpoint) ++peer.endpoint_changes;
  peer.current = status.endpoint;
  remember(peer, *status.endpoint);
}

// The device tells wall time, which may jump. So an age is only computed from it once, when a new
// handshake is seen, and bounded by the time since we last looked.
void Supervisor::observe_handshake(SteadyTime now, WallTimeUs wall_now, Peer& peer,
                                   WallTimeUs handshake) {
  if (handshake == 0 || handshake == peer.last_handshake) return;
  auto age = std::chrono::duration_cast<SteadyTime::duration>(
      microseconds(std::max<WallTimeUs>(0, wall_now - handshake)));
  if (polled_at_ && peer.added_at < *polled_at_) age = std::min(age, now - *polled_at_);
  peer.handshake_at = now - age;
  peer.last_handshake = handshake;
}

void Supervisor::remember(Peer& peer, const Endpoint& endpoint) {
  if (peer.remembered == endpoint) return;
  peer.remembered = endpoint;
  const auto is_persist = [](const Action& a) { return std::holds_alternative<Persist>(a); };
  if (std::none_of(actions_.begin(), actions_.end(), is_persist)) actions_.emplace_back(Persist{});
}

void Supervisor::stream(SteadyTime now, const PublicKey& key, bool is_up) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  const StreamState state = is_up ? StreamState::up : StreamState::down;
  // Only a stream that was up can break: at start, and when told again, "down" is no news.
  if (!is_up && peer.stream == StreamState::up) peer.down_since = now;
  if (is_up) {
    peer.down_since.reset();
    peer.tried.clear();
    peer.heard_at = now;
  }
  peer.stream = state;
  evaluate(now);
}

void Supervisor::forget_streams() {
  for (auto& [key, peer] : peers_) peer.stream = StreamState::unknown;
}

void Supervisor::network_changed(SteadyTime now) {
  if (!network_changed_at_) network_changed_at_ = now;
  tick(now);
}

void Supervisor::tick(SteadyTime now) {
  if (network_changed_at_ && now >= *network_changed_at_ + debounce) {
    network_changed_at_.reset();
    apply_network_change(now);
  }
  evaluate(now);
}

void Supervisor::apply_network_change(SteadyTime now) {
  for (auto& [key, peer] : peers_) {
    resolve_names(now, peer);
    if (!peer.current) continue;
    const bool may_kick = !peer.kicked_at || now >= *peer.kicked_at + kick_gap;
    if (role_ == Role::box && may_kick && is_troubled(now, peer)) {
      kick(now, peer, peer.current, Cause::network_changed);
    } else {
      actions_.emplace_back(SetEndpoint{key, *peer.current, Cause::network_changed});
    }
  }
}

void Supervisor::resolved(SteadyTime now, const EndpointName& name,
                          const std::vector<Endpoint>& addresses) {
  if (addresses.empty()) return;
  for (auto& [key, peer] : peers_) {
    const auto& names = peer.setup.names;
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    std::vector<Endpoint>& known = peer.answers[name];
    known = addresses;
    known.resize(std::min(known.size(), addresses_per_name_max));
    // The first place ever known: nothing was sent yet, so nothing is gained by waiting.
    if (!peer.current) kick(now, peer, known.front(), Cause::resolved);
  }
  evaluate(now);
}

void Supervisor::wall_clock_jumped(SteadyTime now) {
  if (role_ != Role::box) return;
  for (auto& [key, peer] : peers_) {
    const bool may_kick = !peer.kicked_at || now >= *peer.kicked_at + kick_gap;
    if (may_kick && is_troubled(now, peer)) kick(now, peer, peer.current, Cause::clock_jumped);
  }
}

void Supervisor::device_restarted(SteadyTime now) {
  for (auto& [key, peer] : peers_) {
    peer.rx_before += peer.rx_now;
    peer.tx_before += peer.tx_now;
    peer.rx_now = peer.tx_now = 0;
    // The new device begins a handshake by itself, as a kick would.
    if (peer.current) peer.kicked_at = now;
  }
}

bool Supervisor::kick_asked(SteadyTime now, const PublicKey& key) {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return false;
  Peer& peer = found->second;
  if (peer.kicked_at && now < *peer.kicked_at + kick_gap) return false;
  kick(now, peer, peer.current, Cause::asked);
  return true;
}

void Supervisor::evaluate(SteadyTime now) {
  std::size_t readds = 0;
  for (auto& [key, peer] : peers_) {
    if (role_ == Role::box) {
      evaluate_box(now, peer);
      continue;
    }
    // A peer that was never heard and has no known place holds no state that could lock it out.
    if (!peer.current || peer.stream == StreamState::up) continue;
    const bool is_silent = now >= later(peer.heard_at, peer.added_at) + silent_after;
    const bool is_due = now >= later(peer.kicked_at, peer.added_at) + readd_every;
    if (!is_silent || !is_due || readds == readds_per_turn_max) continue;
    kick(now, peer, peer.current, Cause::silent_peer);
    ++readds;
  }
}

void Supervisor::evaluate_box(SteadyTime now, Peer& peer) {
  if (is_troubled(now, peer)) resolve_names(now, peer);
  const std::optional<SteadyTime> due = kick_due(now, peer);
  if (!due || now < *due) return;
  const bool is_break = peer.stream == StreamState::down && peer.down_since &&
                        (!peer.kicked_at || *peer.kicked_at < *peer.down_since);
  // The break itself says nothing against the address; only a kick in vain does.
  std::optional<Endpoint> to = is_break ? peer.current : next_candidate(peer);
  if (!to) to = peer.current;
  if (!to) return;  // the answer to a name will come
  kick(now, peer, to, is_stale(now, peer) ? Cause::stale_handshake : Cause::stream_broken);
}

bool Supervisor::is_stale(SteadyTime now, const Peer& peer) const {
  if (peer.stream == StreamState::up) return false;
  if (peer.heard_at && now < *peer.heard_at + heard_within) return false;
  return !peer.handshake_at || now > *peer.handshake_at + stale_after;
}

bool Supervisor::is_troubled(SteadyTime now, const Peer& peer) const {
  if (is_stale(now, peer)) return true;
  if (peer.stream != StreamState::down) return false;
  const SteadyTime since = later(peer.kicked_at, peer.down_since.value_or(peer.added_at));
  const bool has_proof = (peer.handshake_at && *peer.handshake_at >= since) ||
                         (peer.heard_at && *peer.heard_at > since + poll_every);
  // Heard since: the tunnel works and the receiver does not. Until it falls silent again.
  return !has_proof || now >= later(peer.heard_at, since) + heard_within;
}

std::optional<SteadyTime> Supervisor::kick_due(SteadyTime now, const Peer& peer) const {
  if (!is_troubled(now, peer)) return std::nullopt;
  if (!peer.kicked_at) {
    // What the device does when a peer is new is a first try of its own.
    return peer.down_since ? *peer.down_since : peer.added_at + try_each;
  }
  const bool is_break = peer.down_since && *peer.kicked_at < *peer.down_since;
  return *peer.kicked_at + (is_break ? kick_gap : try_each);
}

std::vector<Endpoint> Supervisor::candidates(const Peer& peer) const {
  std::vector<Endpoint> all;
  const auto add = [&all](const Endpoint& endpoint) {
    if (std::find(all.begin(), all.end(), endpoint) == all.end()) all.push_back(endpoint);
  };
  if (peer.remembered) add(*peer.remembered);
  for (const EndpointName& name : peer.setup.names) {
    const auto found = peer.answers.find(name);
    if (found == peer.answers.end()) continue;
    for (const Endpoint& endpoint : found->second) add(endpoint);
  }
  return all;
}

std::optional<Endpoint> Supervisor::next_candidate(Peer& peer) const {
  const std::vector<Endpoint> all = candidates(peer);
  for (int round = 0; round < 2; ++round) {
    for (const Endpoint& endpoint : all) {
      if (!peer.tried.contains(endpoint)) return endpoint;
    }
    peer.tried.clear();  // all in vain: from the beginning
  }
  return std::nullopt;
}

void Supervisor::resolve_names(SteadyTime now, Peer& peer) {
  for (const EndpointName& name : peer.setup.names) {
    if (name.literal()) continue;
    const auto asked = peer.asked_at.find(name);
    if (asked != peer.asked_at.end() && now < asked->second + resolve_gap) continue;
    peer.asked_at[name] = now;
    actions_.emplace_back(Resolve{name});
  }
}

void Supervisor::kick(SteadyTime now, Peer& peer, std::optional<Endpoint> endpoint, Cause cause) {
  peer.kicked_at = now;
  ++peer.kicks;
  if (endpoint) {
    if (peer.current && peer.current != endpoint) ++peer.endpoint_changes;
    peer.current = endpoint;
    peer.tried.insert(*endpoint);
  }
  // The peer is new for the device: its counters begin again.
  peer.rx_before += peer.rx_now;
  peer.tx_before += peer.tx_now;
  peer.rx_now = peer.tx_now = 0;
  resolve_names(now, peer);
  actions_.emplace_back(Kick{peer.setup.public_key, endpoint, cause});
}

std::vector<Action> Supervisor::take_actions() {
  return std::exchange(actions_, {});
}

std::optional<SteadyTime> Supervisor::next_deadline() const {
  std::optional<SteadyTime> next;
  const auto consider = [&next](SteadyTime at) { next = next ? std::min(*next, at) : at; };
  if (network_changed_at_) consider(*network_changed_at_ + debounce);
  if (role_ != Role::box || !polled_at_) return next;
  // Falling silent is seen by the poll; what is under way is due to the millisecond.
  for (const auto& [key, peer] : peers_) {
    const std::optional<SteadyTime> due = kick_due(*polled_at_, peer);
    if (due && peer.current) consider(*due);
  }
  return next;
}

std::optional<Endpoint> Supervisor::endpoint_of(const PublicKey& key) const {
  const auto found = peers_.find(key);
  return found == peers_.end() ? std::nullopt : found->second.current;
}

std::map<PublicKey, Endpoint> Supervisor::remembered() const {
  std::map<PublicKey, Endpoint> all;
  for (const auto& [key, peer] : peers_) {
    if (peer.remembered) all[key] = *peer.remembered;
  }
  return all;
}

std::optional<Supervisor::View> Supervisor::view(SteadyTime now, const PublicKey& key) const {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return std::nullopt;
  const Peer& peer = found->second;
  View view;
  if (peer.handshake_at) {
    view.handshake_age = std::chrono::duration_cast<milliseconds>(now - *peer.handshake_at);
  }
  view.endpoint = peer.current;
  view.rx_bytes = peer.rx_before + peer.rx_now;
  view.tx_bytes = peer.tx_before + peer.tx_now;
  view.kicks = peer.kicks;
  view.endpoint_changes = peer.endpoint_changes;
  view.stream = peer.stream;
  return view;
}

}  // namespace alarmwire::tunnel
