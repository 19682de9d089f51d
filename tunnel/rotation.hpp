// The box's half of a change of keys, as steps from one identity to the next (design 5.1).
//
//   none → offered     the centre ordered it: the new key is made, on disk before anybody hears it
//   offered → trial    the centre lets the new key in beside the old one: the box uses it
//   trial → done       a Welcome said that the new key carried the stream: the old one is gone
//   trial → offered    no Welcome in time: back to the old key; after rotation_trials_max: failed
//
// Each step is saved before it takes effect, so a power cut leaves the state before or after. The
// box is never locked out: the centre lets the old key in until the box says "done", and the new
// one from before the trial on. Sans-io. Thread-safety: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/error.hpp"
#include "tunnel/identity.hpp"

namespace alarmwire::tunnel {

inline constexpr std::chrono::seconds rotation_trial_max{60};
inline constexpr std::uint32_t rotation_trials_max = 3;

// What the box runs on.
const SecretKey& private_key_in_use(const Identity& identity);
const SecretKey& preshared_key_in_use(const Identity& identity);
// The key that the order is about: the new one, also when it is the box's own by now.
Result<PublicKey> rotation_key(const Identity& identity);

// Idempotent: an order that is known, also one that is over, changes nothing.
Result<Identity> after_order(const Identity& identity, const RotationOrder& order);
// Errc::not_found: this order is not under way.
Result<Identity> after_taken(const Identity& identity, const RotationOrder& order);
// `address`: where the centre saw the box when it said Welcome. nullopt: nothing changes.
std::optional<Identity> after_welcome(const Identity& identity, const Ipv6& address);
// The trial is over without a Welcome.
Identity after_vain_trial(const Identity& identity);

}  // namespace alarmwire::tunnel
