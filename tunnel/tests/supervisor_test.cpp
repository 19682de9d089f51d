#include "tunnel/supervisor.hpp"

#include <gtest/gtest.h>

#include "tunnel/tests/fake_device.hpp"

namespace alarmwire::tunnel {
namespace {

using namespace std::chrono_literals;

PublicKey key_number(std::uint8_t number) {
  PublicKey key;
  key.bytes.fill(number);
  return key;
}

Endpoint place(const char* text) {
  return Endpoint::parse(text).value();
}

// Virtual time, a fake device, and the loop the daemon turns: poll each second, act at once.
class World {
 public:
  explicit World(Role role) : supervisor(role) {}

  void with_peers(const std::vector<PeerSetup>& setups) {
    supervisor.set_peers(now, setups);
    DeviceConfig config;
    config.private_key = SecretKey(key_number(99).bytes);
    for (const PeerSetup& setup : setups) {
      PeerConfig peer;
      peer.public_key = setup.public_key;
      peer.tunnel_address.bytes[15] = setup.public_key.bytes[0];
      peer.endpoint = supervisor.endpoint_of(setup.public_key);
      config.peers.push_back(peer);
    }
    ASSERT_TRUE(device.apply(config));
    act();
  }
  void act() {
    for (const Action& action : supervisor.take_actions()) {
      if (const auto* set = std::get_if<SetEndpoint>(&action)) {
        ASSERT_TRUE(device.set_endpoint(set->peer, set->endpoint));
      }
      if (const auto* kick = std::get_if<Kick>(&action)) {
        PeerConfig peer;
        peer.public_key = kick->peer;
        peer.endpoint = kick->endpoint;
        ASSERT_TRUE(device.kick(peer));
        kicks.push_back({now, *kick});
        if (on_kick) on_kick(*kick);
      }
      if (const auto* resolve = std::get_if<Resolve>(&action)) resolves.push_back(resolve->name);
      if (std::holds_alternative<Persist>(action)) ++persists;
    }
  }
  // Time passes with polls each second, and deadlines in between.
  void pass(std::chrono::milliseconds span) {
    const SteadyTime end = now + span;
    while (now < end) {
      SteadyTime next = std::min(end, next_poll_);
      const auto deadline = supervisor.next_deadline();
      if (deadline) next = std::min(next, std::max(*deadline, now + 1ms));
      wall += std::chrono::duration_cast<std::chrono::microseconds>(next - now).count();
      now = next;
      if (heard_always) hear(key_number(1));
      if (now >= next_poll_) {
        next_poll_ = now + 1s;
        supervisor.polled(now, wall, device.state);
      } else {
        supervisor.tick(now);
      }
      act();
    }
  }
  void hear(const PublicKey& key) { device.find(key).rx_bytes += 32; }
  void shake(const PublicKey& key) {
    device.find(key).last_handshake = wall;
    hear(key);
  }

  SteadyTime now{1000s};
  WallTimeUs wall = 1'790'000'000'000'000;
  Supervisor supervisor;
  FakeDevice device;
  bool heard_always = false;
  std::function<void(const Kick&)> on_kick;
  std::vector<std::pair<SteadyTime, Kick>> kicks;
  std::vector<EndpointName> resolves;
  int persists = 0;

 private:
  SteadyTime next_poll_ = now;
};

class BoxSupervisor : public testing::Test {
 protected:
  BoxSupervisor() : world(Role::box) {}
  void with_names(const std::vector<const char*>& names,
                  std::optional<Endpoint> remembered = std::nullopt) {
    PeerSetup setup{centre, {}, remembered};
    for (const char* name : names) setup.names.push_back(EndpointName::parse(name).value());
    world.with_peers({setup});
  }
  void healthy() {
    world.shake(centre);
    world.pass(1s);
    world.supervisor.stream(world.now, centre, true);
    world.act();
  }
  void stream(bool up) {
    world.supervisor.stream(world.now, centre, up);
    world.act();
  }
  Supervisor::View view() { return world.supervisor.view(world.now, centre).value(); }

  PublicKey centre = key_number(1);
  World world;
};

TEST_F(BoxSupervisor, AppliesTheFirstLiteralEndpointAtOnce) {
  with_names({"192.0.2.1:51820", "192.0.2.2:443"});
  EXPECT_EQ(world.device.find(centre).endpoint, place("192.0.2.1:51820"));
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(BoxSupervisor, PrefersTheRememberedEndpoint) {
  with_names({"192.0.2.1:51820"}, place("198.51.100.9:51820"));
  EXPECT_EQ(world.device.find(centre).endpoint, place("198.51.100.9:51820"));
}

TEST_F(BoxSupervisor, KicksAtOnceWhenTheStreamBreaks) {
  with_names({"192.0.2.1:51820"});
  healthy();
  world.pass(20s);
  stream(false);
  ASSERT_EQ(world.kicks.size(), 1U);
  EXPECT_EQ(world.kicks[0].first, world.now);
  EXPECT_EQ(world.kicks[0].second.cause, Cause::stream_broken);
  EXPECT_EQ(world.kicks[0].second.endpoint, place("192.0.2.1:51820"));
}

TEST_F(BoxSupervisor, KicksAtMostEveryFiveSeconds) {
  with_names({"192.0.2.1:51820"});
  healthy();
  for (int i = 0; i < 10; ++i) {
    stream(false);
    stream(true);
    world.pass(100ms);
  }
  stream(false);
  EXPECT_EQ(world.kicks.size(), 1U);
  world.pass(60s);
  for (std::size_t i = 1; i < world.kicks.size(); ++i) {
    EXPECT_GE(world.kicks[i].first - world.kicks[i - 1].first, Supervisor::kick_gap);
  }
  EXPECT_GE(world.kicks.size(), 9U);
}

TEST_F(BoxSupervisor, DoesNotKickAgainAfterAHandshakeCame) {
  with_names({"192.0.2.1:51820"});
  healthy();
  stream(false);
  world.pass(300ms);
  world.shake(centre);
  world.pass(30s);
  EXPECT_EQ(world.kicks.size(), 1U);
}

TEST_F(BoxSupervisor, KicksAgainWhenTheTunnelFallsSilentWhileTheStreamIsStillDown) {
  with_names({"192.0.2.1:51820"});
  healthy();
  stream(false);
  world.shake(centre);
  world.pass(2s);
  world.pass(40s);
  EXPECT_GE(world.kicks.size(), 2U);
}

TEST_F(BoxSupervisor, LeavesAWorkingTunnelAloneWhileTheReceiverIsDown) {
  with_names({"192.0.2.1:51820"});
  healthy();
  stream(false);
  world.shake(centre);
  world.heard_always = true;
  world.pass(300s);
  EXPECT_EQ(world.kicks.size(), 1U);
}

TEST_F(BoxSupervisor, AHandshakeAfterTheBreakIsEnough) {
  with_names({"192.0.2.1:51820"});
  healthy();
  stream(false);  // the kick
  world.shake(centre);
  world.pass(1s);
  stream(true);
  world.pass(10s);
  world.kicks.clear();
  stream(false);
  EXPECT_EQ(world.kicks.size(), 1U);  // a new break is a new reason
}

TEST_F(BoxSupervisor, ToldDownAtStartIsNoBreak) {
  with_names({"192.0.2.1:51820"});
  stream(false);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(BoxSupervisor, TriesAllAddressesInTurnFiveAndAHalfSecondsEach) {
  with_names({"192.0.2.1:51820", "[2001:db8::1]:51820", "192.0.2.1:443"});
  world.pass(30s);
  ASSERT_GE(world.kicks.size(), 4U);
  EXPECT_EQ(world.kicks[0].second.endpoint, place("[2001:db8::1]:51820"));
  EXPECT_EQ(world.kicks[1].second.endpoint, place("192.0.2.1:443"));
  EXPECT_EQ(world.kicks[2].second.endpoint, place("192.0.2.1:51820"));
  EXPECT_EQ(world.kicks[1].first - world.kicks[0].first, Supervisor::try_each);
  EXPECT_EQ(world.kicks[0].second.cause, Cause::stale_handshake);
}

TEST_F(BoxSupervisor, RemembersTheAddressThatAnswered) {
  with_names({"192.0.2.1:51820", "192.0.2.2:51820"});
  world.pass(6s);
  world.shake(centre);
  world.pass(1s);
  EXPECT_EQ(world.persists, 1);
  EXPECT_EQ(world.supervisor.remembered().at(centre), place("192.0.2.2:51820"));
  world.pass(60s);
  EXPECT_EQ(world.persists, 1);  // on change only
}

TEST_F(BoxSupervisor, ResolvesNamesAtStartAndKicksWithTheFirstAnswer) {
  with_names({"centre.example:51820"});
  ASSERT_EQ(world.resolves.size(), 1U);
  EXPECT_FALSE(world.device.find(centre).endpoint);
  world.pass(700ms);
  world.supervisor.resolved(world.now, world.resolves[0],
                            {place("[2001:db8::1]:51820"), place("192.0.2.1:51820")});
  world.act();
  ASSERT_EQ(world.kicks.size(), 1U);
  EXPECT_EQ(world.kicks[0].second.endpoint, place("[2001:db8::1]:51820"));
  world.pass(6s);
  ASSERT_EQ(world.kicks.size(), 2U);
  EXPECT_EQ(world.kicks[1].second.endpoint, place("192.0.2.1:51820"));  // the other family
}

TEST_F(BoxSupervisor, AsksAgainWhileTheNameHasNoAnswer) {
  with_names({"centre.example:51820"});
  world.supervisor.resolved(world.now, world.resolves[0], {});
  world.pass(30s);
  EXPECT_GE(world.resolves.size(), 5U);
  EXPECT_LE(world.resolves.size(), 7U);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(BoxSupervisor, AFailedLookUpKeepsWhatWasKnown) {
  with_names({"centre.example:51820"});
  const EndpointName name = world.resolves[0];
  world.supervisor.resolved(world.now, name, {place("192.0.2.1:51820")});
  world.act();
  world.supervisor.resolved(world.now, name, {});
  world.pass(20s);
  EXPECT_EQ(world.kicks.back().second.endpoint, place("192.0.2.1:51820"));
}

TEST_F(BoxSupervisor, ResolvesAgainWhenTheHandshakeIsStale) {
  with_names({"centre.example:51820"});
  world.supervisor.resolved(world.now, world.resolves[0], {place("192.0.2.1:51820")});
  world.act();
  world.shake(centre);
  world.pass(1s);
  world.resolves.clear();
  world.kicks.clear();
  world.pass(133s);
  EXPECT_TRUE(world.resolves.empty());
  EXPECT_TRUE(world.kicks.empty());
  world.pass(4s);
  EXPECT_FALSE(world.resolves.empty());
  ASSERT_FALSE(world.kicks.empty());
  world.supervisor.resolved(world.now, world.resolves[0], {place("203.0.113.5:51820")});
  world.pass(6s);
  EXPECT_EQ(world.device.find(centre).endpoint, place("203.0.113.5:51820"));
}

TEST_F(BoxSupervisor, AnIdleTunnelThatIsHeardIsNotStale) {
  with_names({"192.0.2.1:51820"});
  world.shake(centre);
  for (int i = 0; i < 10; ++i) {
    world.hear(centre);  // the centre's keepalive
    world.pass(25s);
  }
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(BoxSupervisor, TellsTheEndpointAgainAfterANetworkChangeDebounced) {
  with_names({"192.0.2.1:51820"});
  healthy();
  world.heard_always = true;
  for (int i = 0; i < 5; ++i) {
    world.supervisor.network_changed(world.now);
    world.act();
    world.pass(30ms);
  }
  EXPECT_EQ(world.device.endpoints_set, 0);
  world.pass(49ms);
  EXPECT_EQ(world.device.endpoints_set, 0);
  world.pass(2ms);  // 200 ms after the first notice
  EXPECT_EQ(world.device.endpoints_set, 1);
  world.pass(2s);
  EXPECT_EQ(world.device.endpoints_set, 1);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(BoxSupervisor, KicksAfterANetworkChangeWhenInTrouble) {
  with_names({"192.0.2.1:51820"});
  healthy();
  stream(false);
  world.pass(5400ms);
  const std::size_t before = world.kicks.size();
  world.supervisor.network_changed(world.now - 1s);
  world.supervisor.tick(world.now);
  world.act();
  EXPECT_EQ(world.kicks.size(), before + 1);
  EXPECT_EQ(world.kicks.back().second.cause, Cause::network_changed);
}

TEST_F(BoxSupervisor, FollowsARoamingPeerAndCountsIt) {
  with_names({"192.0.2.1:51820"});
  healthy();
  world.device.find(centre).endpoint = place("198.51.100.7:4500");
  world.hear(centre);
  world.pass(1s);
  EXPECT_EQ(view().endpoint, place("198.51.100.7:4500"));
  EXPECT_EQ(view().endpoint_changes, 1U);
}

TEST_F(BoxSupervisor, AgesAreImmuneToTheWallClock) {
  with_names({"192.0.2.1:51820"});
  healthy();
  world.heard_always = true;
  world.wall -= 3'600'000'000LL;
  world.pass(10s);
  EXPECT_EQ(view().handshake_age->count() / 1000, 11);
  world.wall += 100 * 86'400'000'000LL;
  world.pass(1s);
  EXPECT_EQ(view().handshake_age->count() / 1000, 12);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(BoxSupervisor, AClockJumpKicksOnlyAPeerInTrouble) {
  with_names({"192.0.2.1:51820"});
  healthy();
  world.supervisor.wall_clock_jumped(world.now);
  world.act();
  EXPECT_TRUE(world.kicks.empty());
  stream(false);
  world.pass(5s + 100ms);
  world.kicks.clear();
  world.supervisor.wall_clock_jumped(world.now);
  world.act();
  ASSERT_EQ(world.kicks.size(), 1U);
  EXPECT_EQ(world.kicks[0].second.cause, Cause::clock_jumped);
}

TEST_F(BoxSupervisor, CountersGoOnOverKicksAndRestarts) {
  with_names({"192.0.2.1:51820"});
  world.device.find(centre).rx_bytes = 1000;
  world.pass(1s);
  EXPECT_TRUE(world.supervisor.kick_asked(world.now, centre));
  world.act();
  world.device.find(centre).rx_bytes = 500;
  world.pass(1s);
  EXPECT_EQ(view().rx_bytes, 1500U);
  world.supervisor.device_restarted(world.now);
  world.device.find(centre).rx_bytes = 20;
  world.pass(1s);
  EXPECT_EQ(view().rx_bytes, 1520U);
  EXPECT_EQ(view().kicks, 1U);
}

TEST_F(BoxSupervisor, APersonsKickRespectsTheGap) {
  with_names({"192.0.2.1:51820"});
  EXPECT_TRUE(world.supervisor.kick_asked(world.now, centre));
  world.pass(4900ms);
  EXPECT_FALSE(world.supervisor.kick_asked(world.now, centre));
  EXPECT_FALSE(world.supervisor.kick_asked(world.now, key_number(7)));
}

class CentreSupervisor : public testing::Test {
 protected:
  CentreSupervisor() : world(Role::centre) {}
  PublicKey box = key_number(1);
  World world;
};

TEST_F(CentreSupervisor, RestoresEndpointsAtStart) {
  world.with_peers({{box, {}, place("198.51.100.7:4500")}});
  EXPECT_EQ(world.device.find(box).endpoint, place("198.51.100.7:4500"));
  EXPECT_EQ(world.device.find(box).keepalive_s, 25);  // which begins the handshake
}

TEST_F(CentreSupervisor, PersistsAnEndpointWhenItChanges) {
  world.with_peers({{box, {}, std::nullopt}});
  world.device.find(box).endpoint = place("198.51.100.7:4500");
  world.shake(box);
  world.pass(3s);
  EXPECT_EQ(world.persists, 1);
  world.device.find(box).endpoint = place("198.51.100.7:4501");
  world.hear(box);
  world.pass(1s);
  EXPECT_EQ(world.persists, 2);
  EXPECT_EQ(world.supervisor.remembered().at(box), place("198.51.100.7:4501"));
}

TEST_F(CentreSupervisor, ReaddsASilentBoxEveryMinute) {
  world.with_peers({{box, {}, place("198.51.100.7:4500")}});
  world.shake(box);
  world.pass(59s);
  EXPECT_TRUE(world.kicks.empty());
  world.pass(5min);
  EXPECT_EQ(world.kicks.size(), 5U);
  EXPECT_EQ(world.kicks[0].second.cause, Cause::silent_peer);
  EXPECT_EQ(world.kicks[0].second.endpoint, place("198.51.100.7:4500"));
  EXPECT_GE(world.kicks[1].first - world.kicks[0].first, 60s);
}

TEST_F(CentreSupervisor, LeavesABoxAloneThatIsHeardOrStreams) {
  world.with_peers({{box, {}, place("198.51.100.7:4500")}});
  world.heard_always = true;
  world.pass(10min);
  EXPECT_TRUE(world.kicks.empty());
  world.heard_always = false;
  world.supervisor.stream(world.now, box, true);
  world.pass(10min);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(CentreSupervisor, DoesNotKickWhenABoxsStreamBreaks) {
  world.with_peers({{box, {}, place("198.51.100.7:4500")}});
  world.shake(box);
  world.pass(1s);
  world.supervisor.stream(world.now, box, true);
  world.supervisor.stream(world.now, box, false);
  world.act();
  world.pass(5s);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(CentreSupervisor, NeverReaddsABoxThatWasNeverSeen) {
  world.with_peers({{box, {}, std::nullopt}});
  world.pass(10min);
  EXPECT_TRUE(world.kicks.empty());
}

TEST_F(CentreSupervisor, ManySilentBoxesTakeTurns) {
  std::vector<PeerSetup> setups;
  for (std::uint8_t i = 1; i <= 200; ++i) {
    setups.push_back({key_number(i), {}, place("198.51.100.7:4500")});
  }
  setups.erase(setups.begin() + 98);  // 99 is ourselves
  world.with_peers(setups);
  world.pass(60s + 1ms);
  EXPECT_LE(world.kicks.size(), 2 * Supervisor::readds_per_turn_max);
  world.pass(10s);
  EXPECT_EQ(world.kicks.size(), setups.size());
}

TEST_F(CentreSupervisor, PeersThatStayKeepTheirStateWhenTheListChanges) {
  world.with_peers({{box, {}, std::nullopt}});
  world.device.find(box).endpoint = place("198.51.100.7:4500");
  world.shake(box);
  world.pass(2s);
  world.supervisor.set_peers(world.now,
                             {{box, {}, std::nullopt}, {key_number(2), {}, std::nullopt}});
  EXPECT_EQ(world.supervisor.endpoint_of(box), place("198.51.100.7:4500"));
  EXPECT_TRUE(world.supervisor.view(world.now, box)->handshake_age);
  world.supervisor.set_peers(world.now, {{key_number(2), {}, std::nullopt}});
  EXPECT_FALSE(world.supervisor.view(world.now, box));
}

}  // namespace
}  // namespace alarmwire::tunnel
