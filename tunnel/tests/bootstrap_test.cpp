// The golden values were computed by Python's hmac and by `wg pubkey`: another hand than ours.
#include "tunnel/bootstrap.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace alarmwire::tunnel {
namespace {

PublicKey key_of(std::uint8_t byte) {
  PublicKey key;
  key.bytes.fill(byte);
  return key;
}

TicketSecret counting_secret() {
  TicketSecret secret;
  std::iota(secret.bytes.begin(), secret.bytes.end(), std::uint8_t{0});
  return secret;
}

TEST(Bootstrap, BothEndsDeriveTheSameKeysForEver) {
  const BootstrapKeys keys = derive_bootstrap(counting_secret()).value();
  EXPECT_EQ(keys.private_key.to_base64_secret(), "4NC4F0ntsyhV2R8ZB2kpvVceYWS0UmTdx2v0tXh5QEU=");
  EXPECT_EQ(keys.public_key.to_string(), "gGVlyQX3UvXYRI/hyOHK5MwnfE7FuFKfPyO+l6yyQ0I=");
  EXPECT_EQ(keys.preshared_key.to_base64_secret(), "OfWcKQKmrv2bUrhrRdakLN+42gvSvs664WOqQbasoEk=");
}

TEST(Bootstrap, TheBoxesPskComesFromTheTicketAndBothKeys) {
  const SecretKey psk = derive_bootstrap(counting_secret()).value().preshared_key;
  const SecretKey box = derive_box_psk(psk, key_of(1), key_of(2)).value();
  EXPECT_EQ(box.to_base64_secret(), "lJupaXzQccVOqAUypG9pPaEtKN9fNqv9xJvEd67CX2c=");
  EXPECT_NE(box, derive_box_psk(psk, key_of(2), key_of(1)).value());
  EXPECT_NE(box, derive_box_psk(SecretKey(), key_of(1), key_of(2)).value());
}

TEST(Bootstrap, ANewPskComesFromTheOldOneTheOrderAndBothKeys) {
  SecretKey psk;
  psk.bytes.fill(3);
  RotationOrder order{};
  order.fill(4);
  EXPECT_EQ(derive_rotated_psk(psk, order, key_of(1), key_of(2)).value().to_base64_secret(),
            "ftaqt9snZ68+gTAYAYhRsNg7vp0o2+mP6+PnbypEkqQ=");
}

TEST(Bootstrap, SecretsDiffer) {
  EXPECT_NE(TicketSecret::random().value(), TicketSecret::random().value());
}

}  // namespace
}  // namespace alarmwire::tunnel
