#include "provisioning/rules.hpp"

#include <gtest/gtest.h>

namespace alarmwire::provisioning {
namespace {

constexpr WallTimeUs now = 1'000'000;

tunnel::PublicKey key_of(std::uint8_t byte) {
  tunnel::PublicKey key;
  key.bytes.fill(byte);
  return key;
}

TicketRow fresh() {
  TicketRow ticket;
  ticket.number = 7;
  ticket.site = "site-a";
  ticket.expires_us = now + 1;
  return ticket;
}

BoxRow box_of(std::uint8_t key, BoxState state) {
  BoxRow box;
  box.id = "site-a";
  box.public_key = key_of(key);
  box.state = state;
  return box;
}

void expect(const Verdict& verdict, Outcome outcome, Reason reason) {
  EXPECT_EQ(verdict.outcome, outcome);
  EXPECT_EQ(to_string(verdict.reason), to_string(reason));
}

TEST(Rules, AFreshTicketIsTheFirstKeys) {
  expect(judge(fresh(), {}, false, key_of(1), now), Outcome::use, Reason::none);
}

TEST(Rules, NobodyKnowsAnAddressWithoutTicket) {
  expect(judge({}, {}, false, key_of(1), now), Outcome::refused, Reason::unknown);
}

TEST(Rules, ATicketIsOverAtItsVeryEnd) {
  expect(judge(fresh(), {}, false, key_of(1), now + 1), Outcome::refused, Reason::expired);
}

TEST(Rules, TheSameKeyHearsTheSameAgainEvenAfterTheEnd) {
  TicketRow ticket = fresh();
  ticket.used_us = now;
  ticket.used_by = key_of(1);
  const WallTimeUs later = now + 100;
  expect(judge(ticket, box_of(1, BoxState::approved), true, key_of(1), later), Outcome::enrolled,
         Reason::none);
  expect(judge(ticket, box_of(1, BoxState::pending), true, key_of(1), later), Outcome::waiting,
         Reason::none);
  expect(judge(ticket, box_of(1, BoxState::revoked), true, key_of(1), later), Outcome::refused,
         Reason::revoked);
  expect(judge(ticket, box_of(2, BoxState::approved), true, key_of(1), later), Outcome::refused,
         Reason::revoked);
  expect(judge(ticket, {}, false, key_of(1), later), Outcome::refused, Reason::revoked);
}

TEST(Rules, AnotherKeyHearsOnlyTheReason) {
  TicketRow ticket = fresh();
  ticket.used_us = now;
  ticket.used_by = key_of(1);
  expect(judge(ticket, box_of(1, BoxState::approved), false, key_of(2), now), Outcome::refused,
         Reason::used);
  ticket.revoked_us = now;
  expect(judge(ticket, box_of(1, BoxState::approved), false, key_of(2), now), Outcome::refused,
         Reason::revoked);
}

TEST(Rules, OneSiteHasOneBoxAndOneKeyOneSite) {
  expect(judge(fresh(), box_of(2, BoxState::approved), false, key_of(1), now), Outcome::refused,
         Reason::used);
  expect(judge(fresh(), box_of(2, BoxState::pending), false, key_of(1), now), Outcome::refused,
         Reason::used);
  expect(judge(fresh(), box_of(2, BoxState::revoked), false, key_of(1), now), Outcome::use,
         Reason::none);
  expect(judge(fresh(), {}, true, key_of(1), now), Outcome::refused, Reason::key_taken);
}

}  // namespace
}  // namespace alarmwire::provisioning
