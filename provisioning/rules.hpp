// What a ticket is worth, decided without a disk or a clock.
// Thread-safety: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "tunnel/keys.hpp"

namespace alarmwire::provisioning {

enum class Approval : std::uint8_t { automatic, manual };
enum class TicketState : std::uint8_t { issued, used, expired, revoked };
enum class BoxState : std::uint8_t { pending, approved, revoked };
enum class Reason : std::uint8_t { none, unknown, used, expired, revoked, key_taken };
std::string_view to_string(Approval approval);  // "auto", "manual"
std::string_view to_string(TicketState state);
std::string_view to_string(BoxState state);
std::string_view to_string(Reason reason);
std::optional<Approval> approval_from(std::string_view text);
std::optional<BoxState> box_state_from(std::string_view text);

struct TicketRow {
  std::int64_t number = 0;
  tunnel::PublicKey bootstrap_key;
  tunnel::SecretKey preshared_key;
  BoxId site;
  std::string name;
  Approval approval = Approval::automatic;
  WallTimeUs created_us = 0;
  std::string created_by;
  WallTimeUs expires_us = 0;
  WallTimeUs used_us = 0;  // 0: not yet
  std::optional<tunnel::PublicKey> used_by;
  WallTimeUs revoked_us = 0;
  std::uint64_t refusals = 0;
  bool replaces = false;  // its box takes the place of the site's

  TicketState state(WallTimeUs now) const;
};

// The key that shall take the place of a box's: its own new one, or that of the box that comes with
// `ticket`.
struct Successor {
  tunnel::KeyBytes order{};  // tunnel::RotationOrder; zeros with a ticket
  std::optional<tunnel::PublicKey> public_key;
  std::int64_t ticket = 0;          // 0: an order to change the key
  bool let_in = false;              // beside the old one
  tunnel::PublicKey bootstrap_key;  // of that ticket
};

struct BoxRow {
  BoxId id;
  std::string name;
  tunnel::PublicKey public_key;
  BoxState state = BoxState::pending;
  std::int64_t ticket = 0;
  tunnel::PublicKey bootstrap_key;  // of that ticket
  WallTimeUs enrolled_us = 0;
  WallTimeUs approved_us = 0;
  std::string approved_by;
  WallTimeUs revoked_us = 0;
  std::optional<Successor> successor;
};

enum class Outcome : std::uint8_t {
  use,       // the ticket is this key's from now on
  enrolled,  // and was before
  waiting,   // enrolled, but a person has to approve it
  refused,
};
struct Verdict {
  Outcome outcome = Outcome::refused;
  Reason reason = Reason::none;
};

// `box`: what the book has under the ticket's site. `key_known`: another box has this key.
Verdict judge(const std::optional<TicketRow>& ticket, const std::optional<BoxRow>& box,
              bool key_known, const tunnel::PublicKey& key, WallTimeUs now);

}  // namespace alarmwire::provisioning
