// What a box that was enrolled by a ticket is, over restarts: one file,
// state_directory/identity.json (0600), replaced in one step, so that a power cut leaves the old or
// the new one and never a half.
//
// It alone holds the box's private key, which is made here, at the moment of enrolment, and leaves
// this process never. While the ticket is being used the file also holds the ticket's bootstrap
// keys, so that a box that lost power, or waits for a person's approval, goes on by itself; they go
// when the box is enrolled. Thread-safety: values; the functions block for the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"
#include "tunnel/address.hpp"
#include "tunnel/bootstrap.hpp"

namespace alarmwire::tunnel {

inline constexpr std::size_t identity_endpoints_max = 16;

// A change of the box's key (rotation.hpp): the second slot.
struct Rotation {
  enum class State : std::uint8_t {
    offered,  // the new key is made; the old one is in use
    trial,    // the new one is in use, until a stream came through or time is over
    done,     // it is the box's key now, the old one is gone
    failed,   // it is gone; the old one stays
  };
  State state = State::offered;
  RotationOrder order{};
  std::uint32_t trials = 0;
  SecretKey private_key;  // zeros when over
  SecretKey preshared_key;

  bool operator==(const Rotation&) const = default;
};
std::string_view to_string(Rotation::State state);

struct Identity {
  // bootstrap: the ticket's keys are in use. enrolled: the box's own.
  enum class State { bootstrap, enrolled };
  State state = State::bootstrap;
  SecretKey private_key;            // the box's own
  PublicKey ticket_key;             // the ticket's bootstrap public key: which ticket it was
  SecretKey bootstrap_private_key;  // zeros once enrolled
  SecretKey preshared_key;          // bootstrap: the ticket's; enrolled: the box's
  PublicKey centre;
  Prefix prefix;
  std::vector<EndpointName> endpoints;
  std::optional<Rotation> rotation;  // under way, or the last one

  bool operator==(const Identity&) const = default;
};

std::string format_identity(const Identity& identity);
Result<Identity> parse_identity(std::string_view text);  // Errc::corrupt
// Nothing where there is no file.
Result<std::optional<Identity>> load_identity(const std::string& directory);
Status save_identity(const std::string& directory, const Identity& identity);
Status remove_identity(const std::string& directory);

}  // namespace alarmwire::tunnel
