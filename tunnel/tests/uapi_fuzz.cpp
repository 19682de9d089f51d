// Answers of wireguard-go, and rtnetlink datagrams: any bytes are refused or read, never crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tunnel/netlink.hpp"
#include "tunnel/remembered.hpp"
#include "tunnel/uapi.hpp"

using namespace alarmwire::tunnel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto status = uapi::parse_get_answer(text)) {
    for (const PeerStatus& peer : status->peers) {
      if (peer.last_handshake < 0) std::abort();
      if (peer.endpoint && Endpoint::parse(peer.endpoint->to_string()) != peer.endpoint)
        std::abort();
    }
  }
  if (const auto endpoints = parse_endpoints(text)) {
    if (parse_endpoints(format_endpoints(*endpoints)).value() != *endpoints) std::abort();
  }
  netlink::classify(text, 3, Prefix());
  return 0;
}
