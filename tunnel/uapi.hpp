// The text protocol of wireguard-go's control socket: what to send, and how to read what comes.
// Source: https://www.wireguard.com/xplatform/ ("cross-platform userspace interface").
//
// Pure functions over bytes: no I/O. The answers are untrusted as to form: anything malformed is
// Errc::corrupt. Texts with keys are secrets.
#pragma once

#include <string>
#include <string_view>

#include "common/error.hpp"
#include "tunnel/device.hpp"

namespace alarmwire::tunnel::uapi {

inline constexpr std::size_t answer_bytes_max = 32 * 1024 * 1024;  // peers_max of ~500 bytes, ample

inline constexpr std::string_view get_request = "get=1\n\n";
std::string set_request(const DeviceChange& change);
std::string set_endpoint_request(const PublicKey& peer, const Endpoint& endpoint);
std::string kick_request(const PeerConfig& peer);

// An answer ends with an empty line.
bool is_complete(std::string_view answer);
Status parse_set_answer(std::string_view answer);  // errno other than 0 → system category
Result<DeviceStatus> parse_get_answer(std::string_view answer);

}  // namespace alarmwire::tunnel::uapi
