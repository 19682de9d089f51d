#include "tunnel/kernel.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>

#include "common/files.hpp"
#include "tunnel/netlink.hpp"

extern "C" {
#include <wireguard.h>
}

namespace alarmwire::tunnel {
namespace {

constexpr std::int64_t us_per_s = 1'000'000;
constexpr std::int64_t ns_per_us = 1000;

struct DeviceFree {
  void operator()(wg_device* device) const { wg_free_device(device); }
};

// Builds the library's linked lists in storage that outlives the call.
class Message {
 public:
  explicit Message(const std::string& interface) {
    interface.copy(device_.name, sizeof device_.name - 1);
  }
  void add_flag(unsigned flag) {
    device_.flags = static_cast<wg_device_flags>(static_cast<unsigned>(device_.flags) | flag);
  }
  wg_device& device() { return device_; }

  wg_peer& add_peer(const PublicKey& key, unsigned flags) {
    wg_peer& peer = peers_.emplace_back();
    peer.flags = static_cast<wg_peer_flags>(WGPEER_HAS_PUBLIC_KEY | flags);
    std::memcpy(peer.public_key, key.bytes.data(), key_bytes);
    if (device_.last_peer == nullptr)
      device_.first_peer = &peer;
    else
      device_.last_peer->next_peer = &peer;
    device_.last_peer = &peer;
    return peer;
  }

  void add_whole_peer(const PeerConfig& config) {
    wg_peer& peer =
        add_peer(config.public_key, WGPEER_REPLACE_ALLOWEDIPS | WGPEER_HAS_PRESHARED_KEY |
                                        WGPEER_HAS_PERSISTENT_KEEPALIVE_INTERVAL);
    if (config.preshared_key) {
      std::memcpy(peer.preshared_key, config.preshared_key->bytes.data(), key_bytes);
    }
    peer.persistent_keepalive_interval = keepalive_s;
    if (config.endpoint) put_endpoint(peer, *config.endpoint);
    wg_allowedip& allowed = allowed_.emplace_back();
    allowed.family = AF_INET6;
    allowed.cidr = 128;
    std::memcpy(&allowed.ip6, config.tunnel_address.bytes.data(), sizeof allowed.ip6);
    peer.first_allowedip = peer.last_allowedip = &allowed;
  }

  static void put_endpoint(wg_peer& peer, const Endpoint& endpoint) {
    if (endpoint.is_v6) {
      peer.endpoint.addr6.sin6_family = AF_INET6;
      peer.endpoint.addr6.sin6_port = htons(endpoint.port);
      std::memcpy(&peer.endpoint.addr6.sin6_addr, endpoint.bytes.data(), 16);
    } else {
      peer.endpoint.addr4.sin_family = AF_INET;
      peer.endpoint.addr4.sin_port = htons(endpoint.port);
      std::memcpy(&peer.endpoint.addr4.sin_addr, endpoint.bytes.data(), 4);
    }
  }

  Status send(const std::string& doing) {
    const int error = wg_set_device(&device_);
    if (error == 0) return {};
    if (error == -EPERM) return Failure(Errc::denied, doing + ": CAP_NET_ADMIN is missing");
    return errno_failure(-error, doing);
  }

 private:
  wg_device device_{};
  std::deque<wg_peer> peers_;
  std::deque<wg_allowedip> allowed_;
};

std::optional<Endpoint> endpoint_of(const wg_peer& peer) {
  Endpoint endpoint;
  if (peer.endpoint.addr.sa_family == AF_INET) {
    std::memcpy(endpoint.bytes.data(), &peer.endpoint.addr4.sin_addr, 4);
    endpoint.port = ntohs(peer.endpoint.addr4.sin_port);
    return endpoint;
  }
  if (peer.endpoint.addr.sa_family != AF_INET6) return std::nullopt;
  endpoint.is_v6 = true;
  std::memcpy(endpoint.bytes.data(), &peer.endpoint.addr6.sin6_addr, 16);
  endpoint.port = ntohs(peer.endpoint.addr6.sin6_port);
  return endpoint;
}

std::optional<SecretKey> secret_of(const wg_key& key) {
  if (wg_key_is_zero(key)) return std::nullopt;
  SecretKey secret;
  std::memcpy(secret.bytes.data(), key, key_bytes);
  return secret;
}

PeerStatus peer_status(const wg_peer& peer) {
  PeerStatus status;
  std::memcpy(status.public_key.bytes.data(), peer.public_key, key_bytes);
  status.preshared_key = secret_of(peer.preshared_key);
  const wg_allowedip* allowed = peer.first_allowedip;
  if (allowed != nullptr && allowed == peer.last_allowedip && allowed->family == AF_INET6 &&
      allowed->cidr == 128) {
    std::memcpy(status.tunnel_address.emplace().bytes.data(), &allowed->ip6, 16);
  }
  status.endpoint = endpoint_of(peer);
  status.last_handshake =
      peer.last_handshake_time.tv_sec * us_per_s + peer.last_handshake_time.tv_nsec / ns_per_us;
  status.rx_bytes = peer.rx_bytes;
  status.tx_bytes = peer.tx_bytes;
  status.keepalive_s = peer.persistent_keepalive_interval;
  return status;
}

// With a foreign link of our name in the way the kernel says "exists" before it looks at the type,
// so the question is asked with a name nobody has.
Status probe() {
  const std::string name = "awprobe" + std::to_string(::getpid() % 10'000'000);
  const int error = wg_add_device(name.c_str());
  if (error != 0) return kernel_create_failure(-error, name);
  return netlink::delete_link(name);
}

}  // namespace

Failure kernel_create_failure(int error_number, const std::string& interface) {
  const std::string doing = "making WireGuard interface " + interface;
  switch (error_number) {
    case EOPNOTSUPP:
    case ENODEV:
      return {Errc::unsupported, doing + ": this kernel has no WireGuard"};
    case EPERM:
      return {Errc::denied, doing + ": not permitted; CAP_NET_ADMIN is missing"};
    default:
      return errno_failure(error_number, doing);
  }
}

Status KernelDevice::create() {
  const Result<std::optional<netlink::Link>> link = netlink::find_link(interface_);
  if (!link) return link.error();
  if (*link && (*link)->kind == "wireguard") return mark();  // left behind by ourselves: adopted
  if (*link && (*link)->kind == "tun") {
    if (Status s = probe(); !s) return s;
    if (Status s = netlink::delete_link(interface_); !s) return s;
  } else if (*link) {
    return Failure(Errc::exists, interface_ + " exists and is no tunnel of ours");
  }
  const int error = wg_add_device(interface_.c_str());
  if (error != 0) return kernel_create_failure(-error, interface_);
  return mark();
}

Status KernelDevice::mark() {
  Message message(interface_);
  message.device().fwmark = outer_packet_mark;
  message.add_flag(WGDEVICE_HAS_FWMARK);
  return message.send("marking the packets of " + interface_);
}

Status KernelDevice::apply(const DeviceConfig& wanted) {
  if (Status s = validate(wanted); !s) return s;
  const Result<DeviceStatus> is = status();
  if (!is) return is.error();
  const DeviceChange change = difference(*is, wanted);
  if (change.is_empty()) return {};
  Message message(interface_);
  if (change.private_key) {
    std::memcpy(message.device().private_key, change.private_key->bytes.data(), key_bytes);
    message.add_flag(WGDEVICE_HAS_PRIVATE_KEY);
  }
  if (change.listen_port) {
    message.device().listen_port = *change.listen_port;
    message.add_flag(WGDEVICE_HAS_LISTEN_PORT);
  }
  for (const PeerChange& item : change.peers) {
    if (item.kind == PeerChange::Kind::remove) {
      message.add_peer(item.peer.public_key, WGPEER_REMOVE_ME);
    } else {
      message.add_whole_peer(item.peer);
    }
  }
  return message.send("configuring " + interface_);
}

Status KernelDevice::set_endpoint(const PublicKey& key, const Endpoint& endpoint) {
  Message message(interface_);
  // Keepalive off and on again: turning it on sends one at once.
  Message::put_endpoint(message.add_peer(key, WGPEER_HAS_PERSISTENT_KEEPALIVE_INTERVAL), endpoint);
  message.add_peer(key, WGPEER_HAS_PERSISTENT_KEEPALIVE_INTERVAL).persistent_keepalive_interval =
      keepalive_s;
  return message.send("setting an endpoint on " + interface_);
}

Status KernelDevice::kick(const PeerConfig& peer) {
  Message message(interface_);
  message.add_peer(peer.public_key, WGPEER_REMOVE_ME);
  message.add_whole_peer(peer);
  return message.send("kicking a peer of " + interface_);
}

Result<DeviceStatus> KernelDevice::status() {
  wg_device* raw = nullptr;
  const int error = wg_get_device(&raw, interface_.c_str());
  const std::unique_ptr<wg_device, DeviceFree> device(raw);
  if (error != 0) return errno_failure(-error, "reading " + interface_);
  DeviceStatus status;
  status.private_key = secret_of(device->private_key);
  status.listen_port = device->listen_port;
  const wg_peer* peer = nullptr;
  wg_for_each_peer(device.get(), peer) status.peers.push_back(peer_status(*peer));
  return status;
}

Status KernelDevice::destroy() {
  return netlink::delete_link(interface_);
}

std::string KernelDevice::version() const {
  const Result<std::string> text = read_file("/sys/module/wireguard/version", 64);
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

}  // namespace alarmwire::tunnel
