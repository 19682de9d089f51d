// The address in gRPC's words for a peer: "ipv6:%5Bfd00::1%5D:4242" → "fd00::1".
#pragma once

#include <string>
#include <string_view>

namespace alarmwire::link {

// "" when there is no address in it (a Unix socket).
std::string address_of_peer(std::string_view peer);

}  // namespace alarmwire::link
