// The tunnel's part of edge.toml or receiver.toml, and what the other daemons compute from it.
//
//   [tunnel]                        both
//   private_key_file = "/var/lib/alarmwire-tunnel/private.key"
//   prefix = "fd12:3456:789a::/48"  the installation's
//   interface, backend, listen_port, more_listen_ports, mtu, link_port, allow_tcp_ports,
//   state_directory, control_socket, control_group, keep_interface   see README.md
//   [tunnel.centre]                 a box: its presence makes the role
//   public_key, endpoints = ["host:port", …], preshared_key_file
//   role = "box"                    a box without it: it is enrolled by a ticket (provisioning/)
//   [[box]]                         the centre, one each
//   id, public_key, preshared_key_file
//
// All other keys belong to other daemons. Thread-safety: values; start-up and SIGHUP only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config.hpp"
#include "common/ids.hpp"
#include "tunnel/address.hpp"
#include "tunnel/backend.hpp"
#include "tunnel/supervisor.hpp"

namespace alarmwire::tunnel {

inline constexpr std::uint32_t mtu_default = 1280;  // IPv6's minimum: passes everywhere
inline constexpr std::uint32_t tcp_headers_bytes = 60;
inline constexpr std::uint16_t link_port_default = 7411;
inline constexpr std::uint16_t enrolment_port_default = 7412;
inline constexpr std::uint16_t centre_listen_port_default = 51820;
inline constexpr std::size_t more_listen_ports_max = 8;

struct PeerSettings {
  std::string name;  // the box's id, or "centre"
  PublicKey public_key;
  std::string preshared_key_file;  // "": none
  std::vector<EndpointName> endpoints;
  bool bootstrap = false;  // of a ticket: may reach the enrolment port only

  bool operator==(const PeerSettings&) const = default;
};

struct Settings {
  Role role = Role::box;
  // A box that gets key, prefix and centre by a ticket, not from the file.
  bool enrols = false;
  std::string private_key_file;
  Prefix prefix;
  std::string interface;
  Backend backend = Backend::automatic;
  std::uint16_t listen_port = 0;
  std::vector<std::uint16_t> more_listen_ports;  // a centre's: lead to listen_port
  std::uint32_t mtu = mtu_default;
  std::uint16_t link_port = link_port_default;
  std::uint16_t enrolment_port = enrolment_port_default;
  std::vector<std::uint16_t> allow_tcp_ports;
  std::string state_directory;
  std::string control_socket;
  std::string control_group;
  bool keep_interface = false;  // leave interface and table in place when stopping
  std::vector<PeerSettings> peers;
  // A box's alarmwire-edge, which may reach the centre's link only; none where the account is not
  // there.
  std::optional<std::uint32_t> guarded_uid;
};

// Reads [tunnel] and [[box]]. Problems are recorded in the reader: ask its finish(). `read`: for
// alarmwire-tunnel itself: the key files are tried too, every other key of `root` and of the boxes
// is left to other daemons. `leave`: for those, who check the rest of the file themselves.
enum class KeyFiles : std::uint8_t { leave, read };
Settings read_settings(config::Table root, KeyFiles key_files);
// The whole file for alarmwire-tunnel, key files included, so that --check-config finds all.
Result<Settings> load_settings(const std::string& path);

// The secrets that the settings point to.
struct Secrets {
  SecretKey private_key;
  PublicKey public_key;
  std::vector<std::optional<SecretKey>> preshared_keys;  // one per peer, same order
};
Result<Secrets> load_secrets(const Settings& settings);

// What differs and cannot change while the daemon runs: the first such key, or "".
std::string fixed_key_that_differs(const Settings& running, const Settings& wanted);

// For the edge and receiver daemons, which have no private key. The own address needs PATH.pub,
// which alarmwire-tunnel keeps beside the private key.
Result<Ipv6> own_address(const Settings& settings);
std::optional<Ipv6> centre_address(const Settings& settings);                // a box's centre
std::optional<BoxId> box_at(const Settings& settings, const Ipv6& address);  // nullopt: nobody's

}  // namespace alarmwire::tunnel
