// What alarmwire-tunnel logs. The runbook has an entry for each: docs/runbook/tunnel.md.
#pragma once

#include "common/log.hpp"

namespace alarmwire::tunnel {

inline constexpr log::Event TUNNEL_STARTED{"TUNNEL_STARTED", log::Level::info,
                                           "The tunnel interface is up."};
inline constexpr log::Event TUNNEL_START_FAILED{"TUNNEL_START_FAILED", log::Level::error,
                                                "The tunnel could not be set up."};
inline constexpr log::Event TUNNEL_STOPPED{"TUNNEL_STOPPED", log::Level::info,
                                           "The tunnel was taken down in order."};
inline constexpr log::Event TUNNEL_FALLBACK{
    "TUNNEL_FALLBACK", log::Level::warning,
    "This kernel has no WireGuard, so the tunnel runs on wireguard-go."};
inline constexpr log::Event TUNNEL_DEVICE_LOST{"TUNNEL_DEVICE_LOST", log::Level::error,
                                               "wireguard-go ended and is started again."};
inline constexpr log::Event TUNNEL_DEVICE_BACK{"TUNNEL_DEVICE_BACK", log::Level::info,
                                               "wireguard-go serves again with all peers."};
inline constexpr log::Event TUNNEL_DEVICE_FAILED{"TUNNEL_DEVICE_FAILED", log::Level::error,
                                                 "The tunnel device refused a request."};
inline constexpr log::Event TUNNEL_NETWORK_FAILED{
    "TUNNEL_NETWORK_FAILED", log::Level::error,
    "The tunnel's address or routes could not be put right."};
inline constexpr log::Event TUNNEL_PEER_KICKED{
    "TUNNEL_PEER_KICKED", log::Level::info,
    "A peer was removed and added again to force a new handshake."};
inline constexpr log::Event TUNNEL_ENDPOINT_SET{"TUNNEL_ENDPOINT_SET", log::Level::info,
                                                "A peer's endpoint was told to the device again."};
inline constexpr log::Event TUNNEL_RESOLVE_FAILED{"TUNNEL_RESOLVE_FAILED", log::Level::warning,
                                                  "The name of an endpoint could not be resolved."};
inline constexpr log::Event TUNNEL_CLOCK_JUMPED{"TUNNEL_CLOCK_JUMPED", log::Level::warning,
                                                "The wall clock jumped."};
inline constexpr log::Event TUNNEL_STATE_FAILED{
    "TUNNEL_STATE_FAILED", log::Level::warning,
    "The remembered endpoints could not be read or written."};
inline constexpr log::Event TUNNEL_RELOADED{"TUNNEL_RELOADED", log::Level::info,
                                            "The configuration was read again and is in effect."};
inline constexpr log::Event TUNNEL_RELOAD_REFUSED{
    "TUNNEL_RELOAD_REFUSED", log::Level::error,
    "The changed configuration was refused and the old one stays in effect."};
inline constexpr log::Event TUNNEL_ENROLMENT_BEGUN{
    "TUNNEL_ENROLMENT_BEGUN", log::Level::info,
    "The tunnel runs on a ticket's keys until the centre has taken the box."};
inline constexpr log::Event TUNNEL_ENROLLED{
    "TUNNEL_ENROLLED", log::Level::info, "The box is enrolled and uses its own key from now on."};
inline constexpr log::Event TUNNEL_ENROLMENT_ABANDONED{
    "TUNNEL_ENROLMENT_ABANDONED", log::Level::warning,
    "The enrolment was given up and the box belongs nowhere."};

inline constexpr log::Event TUNNEL_KEY_MADE{
    "TUNNEL_KEY_MADE", log::Level::info,
    "The centre ordered a change of keys; the new key is made and not in use yet."};
inline constexpr log::Event TUNNEL_KEY_TRIED{"TUNNEL_KEY_TRIED", log::Level::info,
                                             "The new key is in use, the old one is kept."};
inline constexpr log::Event TUNNEL_KEY_CHANGED{
    "TUNNEL_KEY_CHANGED", log::Level::info,
    "The new key carried the link and is the box's own; the old one is gone."};
inline constexpr log::Event TUNNEL_KEY_TURNED_BACK{
    "TUNNEL_KEY_TURNED_BACK", log::Level::warning,
    "The new key carried no link in time: the old one is in use again."};

}  // namespace alarmwire::tunnel
