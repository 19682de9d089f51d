// What makes a broken tunnel whole again, fast: one state machine, blind to the backend.
//
// Sans-io: it is told what happened and when, and says what to do; it reads no clock, resolves no
// name and touches no device. Rules (design 5.1; figures in the reference on tunnels):
//   stream broken            → kick the peer, at most every `kick_gap`, unless a handshake came
//                              since; while nothing is heard, the next address every `try_each`
//   address or route changed → tell the endpoint again, `debounce` after the first notice
//   handshake older than `stale_after` (and nothing heard) → resolve again, all addresses in turn
//   the last good endpoint is remembered (at the centre: that of every box)
//   a box silent for `silent_after` is removed and added again every minute (centre): a box whose
//   clock was set back is locked out until then
//   the wall clock jumped    → kick a peer that is in trouble: its refused handshake may pass now
// Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/clock.hpp"
#include "tunnel/device.hpp"

namespace alarmwire::tunnel {

enum class Role : std::uint8_t { box, centre };
enum class StreamState : std::uint8_t { unknown, up, down };
std::string_view to_string(StreamState state);

enum class Cause : std::uint8_t {
  stream_broken,
  network_changed,
  stale_handshake,
  silent_peer,
  clock_jumped,
  resolved,
  asked,
};
std::string_view to_string(Cause cause);

struct PeerSetup {
  PublicKey public_key;
  std::vector<EndpointName> names;     // a box: where its centre may be; the centre: none
  std::optional<Endpoint> remembered;  // from the last run
};

struct SetEndpoint {
  PublicKey peer;
  Endpoint endpoint;
  Cause cause;
};
struct Kick {
  PublicKey peer;
  std::optional<Endpoint> endpoint;  // where to; absent: nowhere known
  Cause cause;
};
struct Resolve {
  EndpointName name;
};
struct Persist {};  // the remembered endpoints changed: write them down
using Action = std::variant<SetEndpoint, Kick, Resolve, Persist>;

class Supervisor {
 public:
  // What a poll shows may have happened up to this long before.
  static constexpr std::chrono::milliseconds poll_every{1000};
  static constexpr std::chrono::milliseconds kick_gap{5000};
  // WireGuard retries by itself after 5.0 to 5.33 s; a little longer lets that retry happen.
  static constexpr std::chrono::milliseconds try_each{5500};
  static constexpr std::chrono::milliseconds debounce{200};
  static constexpr std::chrono::milliseconds resolve_gap{5000};
  static constexpr std::chrono::milliseconds stale_after{135'000};
  // Longer than one keepalive: while bytes come, an old handshake is only an idle tunnel.
  static constexpr std::chrono::milliseconds heard_within{35'000};
  static constexpr std::chrono::milliseconds silent_after{60'000};
  static constexpr std::chrono::milliseconds readd_every{60'000};
  static constexpr std::size_t names_max = 16;
  static constexpr std::size_t addresses_per_name_max = 16;
  static constexpr std::size_t readds_per_turn_max = 64;  // a thousand dead boxes take turns

  explicit Supervisor(Role role) : role_(role) {}

  // The whole list; peers that stay keep their state.
  void set_peers(SteadyTime now, const std::vector<PeerSetup>& peers);

  void polled(SteadyTime now, WallTimeUs wall_now, const DeviceStatus& status);
  void stream(SteadyTime now, const PublicKey& peer, bool is_up);
  // Who tells of streams has started anew: what was told before holds no longer.
  void forget_streams();
  void network_changed(SteadyTime now);
  // Empty answers (no such name, timed out) keep what was known.
  void resolved(SteadyTime now, const EndpointName& name, const std::vector<Endpoint>& addresses);
  void wall_clock_jumped(SteadyTime now);
  // All counters of the device begin again (wireguard-go was started anew).
  void device_restarted(SteadyTime now);
  // A person asks; false: kicked less than `kick_gap` ago, or no such peer.
  bool kick_asked(SteadyTime now, const PublicKey& peer);
  void tick(SteadyTime now);

  // What to do now, in order.
  std::vector<Action> take_actions();
  // When tick() is due next, if nothing else happens.
  std::optional<SteadyTime> next_deadline() const;

  // Where the peer is, as far as known; for applying the state of a new device.
  std::optional<Endpoint> endpoint_of(const PublicKey& peer) const;
  std::map<PublicKey, Endpoint> remembered() const;

  struct View {
    std::optional<std::chrono::milliseconds> handshake_age;
    std::optional<Endpoint> endpoint;
    std::uint64_t rx_bytes = 0;  // over all kicks
    std::uint64_t tx_bytes = 0;
    std::uint64_t kicks = 0;
    std::uint64_t endpoint_changes = 0;
    StreamState stream = StreamState::unknown;
  };
  std::optional<View> view(SteadyTime now, const PublicKey& peer) const;

 private:
  struct Peer {
    PeerSetup setup;
    std::map<EndpointName, std::vector<Endpoint>> answers;
    std::map<EndpointName, SteadyTime> asked_at;
    std::optional<Endpoint> current;     // where packets go
    std::optional<Endpoint> remembered;  // where the peer was last heard
    std::set<Endpoint> tried;            // in this trouble
    SteadyTime added_at;
    std::optional<SteadyTime> kicked_at;
    std::optional<SteadyTime> handshake_at;
    std::optional<SteadyTime> heard_at;
    std::optional<SteadyTime> down_since;
    WallTimeUs last_handshake = 0;
    StreamState stream = StreamState::unknown;
    std::uint64_t rx_now = 0, rx_before = 0, tx_now = 0, tx_before = 0;
    std::uint64_t kicks = 0, endpoint_changes = 0;
  };

  void observe(SteadyTime now, WallTimeUs wall_now, Peer& peer, const PeerStatus& status);
  void observe_handshake(SteadyTime now, WallTimeUs wall_now, Peer& peer, WallTimeUs handshake);
  void remember(Peer& peer, const Endpoint& endpoint);
  void evaluate(SteadyTime now);
  void evaluate_box(SteadyTime now, Peer& peer);
  void apply_network_change(SteadyTime now);
  bool is_stale(SteadyTime now, const Peer& peer) const;
  bool is_troubled(SteadyTime now, const Peer& peer) const;
  std::optional<SteadyTime> kick_due(SteadyTime now, const Peer& peer) const;
  std::vector<Endpoint> candidates(const Peer& peer) const;
  std::optional<Endpoint> next_candidate(Peer& peer) const;
  void resolve_names(SteadyTime now, Peer& peer);
  void kick(SteadyTime now, Peer& peer, std::optional<Endpoint> endpoint, Cause cause);

  Role role_;
  std::map<PublicKey, Peer> peers_;
  std::vector<Action> actions_;
  std::optional<SteadyTime> network_changed_at_;
  std::optional<SteadyTime> polled_at_;
};

}  // namespace alarmwire::tunnel
