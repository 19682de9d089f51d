#include "tunnel/rotation.hpp"

#include <gtest/gtest.h>

namespace alarmwire::tunnel {
namespace {

Identity enrolled() {
  Identity identity;
  identity.state = Identity::State::enrolled;
  identity.private_key = generate_private_key().value();
  identity.ticket_key.bytes.fill(1);
  identity.preshared_key = generate_preshared_key().value();
  identity.centre.bytes.fill(2);
  identity.prefix = Prefix::parse("fd12:3456:789a::/48").value();
  identity.endpoints = {*EndpointName::parse("centre.example:51820")};
  return identity;
}

RotationOrder order_of(std::uint8_t byte) {
  RotationOrder order{};
  order.fill(byte);
  return order;
}

Ipv6 address_of(const Identity& identity) {
  return identity.prefix.address_of(public_key_of(private_key_in_use(identity)).value());
}

TEST(Rotation, ANewKeyAndPskAreInUseOnceTheCentreTakesThemAndStayAfterAWelcome) {
  const Identity old = enrolled();
  const Identity offered = after_order(old, order_of(7)).value();
  EXPECT_EQ(private_key_in_use(offered), old.private_key);
  const PublicKey fresh = rotation_key(offered).value();
  EXPECT_EQ(offered.rotation->preshared_key,
            derive_rotated_psk(old.preshared_key, order_of(7), fresh, old.centre).value());
  const Identity trial = after_taken(offered, order_of(7)).value();
  EXPECT_EQ(public_key_of(private_key_in_use(trial)).value(), fresh);
  EXPECT_EQ(trial.private_key, old.private_key) << "kept until the new one has carried a stream";
  const Identity done = after_welcome(trial, address_of(trial)).value();
  EXPECT_EQ(public_key_of(done.private_key).value(), fresh);
  EXPECT_EQ(done.preshared_key, offered.rotation->preshared_key);
  EXPECT_EQ(done.rotation->private_key, SecretKey());
  EXPECT_EQ(rotation_key(done).value(), fresh) << "told again to a centre that asks again";
}

TEST(Rotation, AWelcomeOverTheOldKeyConfirmsNothing) {
  const Identity old = enrolled();
  const Identity trial = after_taken(after_order(old, order_of(7)).value(), order_of(7)).value();
  EXPECT_EQ(after_welcome(trial, address_of(old)), std::nullopt);
  EXPECT_EQ(after_welcome(old, address_of(old)), std::nullopt);
}

TEST(Rotation, EachStepMayBeAskedForTwice) {
  const Identity offered = after_order(enrolled(), order_of(7)).value();
  EXPECT_EQ(after_order(offered, order_of(7)).value(), offered) << "the key it told stays";
  const Identity trial = after_taken(offered, order_of(7)).value();
  EXPECT_EQ(after_order(trial, order_of(7)).value(), trial);
  EXPECT_EQ(after_taken(trial, order_of(7)).value(), trial);
  const Identity done = after_welcome(trial, address_of(trial)).value();
  EXPECT_EQ(after_order(done, order_of(7)).value(), done);
  EXPECT_TRUE(after_taken(done, order_of(7)).error().is(Errc::not_found));
  const Identity next = after_order(done, order_of(8)).value();
  EXPECT_EQ(next.rotation->state, Rotation::State::offered);
  EXPECT_EQ(next.private_key, done.private_key);
}

TEST(Rotation, AKeyThatCarriesNothingIsGivenUpAfterThreeTrials) {
  const Identity old = enrolled();
  Identity identity = after_order(old, order_of(7)).value();
  for (std::uint32_t trial = 1; trial <= rotation_trials_max; ++trial) {
    EXPECT_EQ(identity.rotation->state, Rotation::State::offered);
    identity = after_vain_trial(after_taken(identity, order_of(7)).value());
    EXPECT_EQ(private_key_in_use(identity), old.private_key);
    EXPECT_EQ(preshared_key_in_use(identity), old.preshared_key);
  }
  EXPECT_EQ(identity.rotation->state, Rotation::State::failed);
  EXPECT_EQ(identity.rotation->private_key, SecretKey());
  EXPECT_TRUE(after_taken(identity, order_of(7)).error().is(Errc::not_found));
  EXPECT_EQ(after_order(identity, order_of(7)).value(), identity)
      << "the centre hears that it failed";
}

TEST(Rotation, WhatIsNotUnderWayIsRefused) {
  const Identity old = enrolled();
  EXPECT_TRUE(after_taken(old, order_of(7)).error().is(Errc::not_found));
  const Identity offered = after_order(old, order_of(7)).value();
  EXPECT_TRUE(after_taken(offered, order_of(8)).error().is(Errc::not_found));
  const Identity trial = after_taken(offered, order_of(7)).value();
  EXPECT_TRUE(after_order(trial, order_of(8)).error().is(Errc::busy));
  Identity bootstrap = old;
  bootstrap.state = Identity::State::bootstrap;
  EXPECT_FALSE(after_order(bootstrap, order_of(7)));
}

TEST(Rotation, EveryStateComesBackFromTheFile) {
  Identity identity = after_order(enrolled(), order_of(7)).value();
  EXPECT_EQ(parse_identity(format_identity(identity)).value(), identity);
  identity = after_taken(identity, order_of(7)).value();
  EXPECT_EQ(parse_identity(format_identity(identity)).value(), identity);
  EXPECT_EQ(parse_identity(format_identity(after_vain_trial(identity))).value(),
            after_vain_trial(identity));
  const Identity done = after_welcome(identity, address_of(identity)).value();
  EXPECT_EQ(parse_identity(format_identity(done)).value(), done);
  std::string damaged = format_identity(identity);
  damaged.replace(damaged.find("\"trial\""), 7, "\"triad\"");
  EXPECT_TRUE(parse_identity(damaged).error().is(Errc::corrupt));
}

}  // namespace
}  // namespace alarmwire::tunnel
