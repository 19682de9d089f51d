// The keys that a ticket's secret stands for: both ends derive the same one-time WireGuard key and
// preshared key from it, so that enrolment needs no second open port (design 5.1).
//
//   HKDF-SHA256(secret, salt "alarmwire ticket 1", info "private key"): the bootstrap private key
//   HKDF-SHA256(secret, salt "alarmwire ticket 1", info "preshared key"): the bootstrap PSK
//   HKDF-SHA256(bootstrap PSK, salt "alarmwire box 1", info box key + centre key): the box's PSK
//   HKDF-SHA256(PSK + order, salt "alarmwire rotation 1", info new box key + centre key): the PSK
//     that comes with a new key
//
// The box's own key is none of these: it is made by the box. Source: RFC 5869. Thread-safety: pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/error.hpp"
#include "tunnel/keys.hpp"

namespace alarmwire::tunnel {

inline constexpr std::size_t ticket_secret_bytes = 16;

// 128 random bits: whoever has them may enrol one box. Wiped when they go.
struct TicketSecret {
  std::array<std::uint8_t, ticket_secret_bytes> bytes{};

  TicketSecret() = default;
  TicketSecret(const TicketSecret&) = default;
  TicketSecret& operator=(const TicketSecret&) = default;
  ~TicketSecret();
  static Result<TicketSecret> random();
  bool operator==(const TicketSecret&) const = default;
};

struct BootstrapKeys {
  SecretKey private_key;
  PublicKey public_key;
  SecretKey preshared_key;
};

Result<BootstrapKeys> derive_bootstrap(const TicketSecret& secret);
// What box and centre both know once the box has told its public key.
Result<SecretKey> derive_box_psk(const SecretKey& bootstrap_psk, const PublicKey& box,
                                 const PublicKey& centre);

// An order to change keys: 32 random bytes of the centre, which name it and go into the new PSK.
using RotationOrder = KeyBytes;
Result<RotationOrder> random_rotation_order();
Result<SecretKey> derive_rotated_psk(const SecretKey& psk, const RotationOrder& order,
                                     const PublicKey& new_box, const PublicKey& centre);

}  // namespace alarmwire::tunnel
