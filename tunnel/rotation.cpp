#include "tunnel/rotation.hpp"

namespace alarmwire::tunnel {
namespace {

bool is_on_trial(const Identity& identity) {
  return identity.rotation && identity.rotation->state == Rotation::State::trial;
}

bool is_under_way(const Identity& identity) {
  return identity.rotation && (identity.rotation->state == Rotation::State::offered ||
                               identity.rotation->state == Rotation::State::trial);
}

void end(Rotation& rotation, Rotation::State state) {
  rotation.state = state;
  rotation.private_key = rotation.preshared_key = SecretKey();
}

}  // namespace

const SecretKey& private_key_in_use(const Identity& identity) {
  if (identity.state == Identity::State::bootstrap) return identity.bootstrap_private_key;
  return is_on_trial(identity) ? identity.rotation->private_key : identity.private_key;
}

const SecretKey& preshared_key_in_use(const Identity& identity) {
  return is_on_trial(identity) ? identity.rotation->preshared_key : identity.preshared_key;
}

Result<PublicKey> rotation_key(const Identity& identity) {
  return public_key_of(is_under_way(identity) ? identity.rotation->private_key
                                              : identity.private_key);
}

Result<Identity> after_order(const Identity& identity, const RotationOrder& order) {
  if (identity.state != Identity::State::enrolled)
    return Failure(Errc::not_found, "this box is not enrolled");
  if (identity.rotation && identity.rotation->order == order) return identity;
  if (is_on_trial(identity))
    return Failure(Errc::busy, "the key of an earlier order is being tried");
  const Result<SecretKey> key = generate_private_key();
  if (!key) return key.error();
  const Result<PublicKey> public_key = public_key_of(*key);
  if (!public_key) return public_key.error();
  const Result<SecretKey> psk =
      derive_rotated_psk(identity.preshared_key, order, *public_key, identity.centre);
  if (!psk) return psk.error();
  Identity next = identity;
  next.rotation = Rotation{Rotation::State::offered, order, 0, *key, *psk};
  return next;
}

Result<Identity> after_taken(const Identity& identity, const RotationOrder& order) {
  if (!is_under_way(identity) || identity.rotation->order != order)
    return Failure(Errc::not_found, "no such change of keys is under way");
  if (is_on_trial(identity)) return identity;
  Identity next = identity;
  next.rotation->state = Rotation::State::trial;
  ++next.rotation->trials;
  return next;
}

std::optional<Identity> after_welcome(const Identity& identity, const Ipv6& address) {
  if (!is_on_trial(identity)) return std::nullopt;
  const Result<PublicKey> key = rotation_key(identity);
  if (!key || identity.prefix.address_of(*key) != address) return std::nullopt;
  Identity next = identity;
  next.private_key = identity.rotation->private_key;
  next.preshared_key = identity.rotation->preshared_key;
  end(*next.rotation, Rotation::State::done);
  return next;
}

Identity after_vain_trial(const Identity& identity) {
  if (!is_on_trial(identity)) return identity;
  Identity next = identity;
  next.rotation->state = Rotation::State::offered;
  if (next.rotation->trials >= rotation_trials_max) end(*next.rotation, Rotation::State::failed);
  return next;
}

}  // namespace alarmwire::tunnel
